//! The audit log: a row for every login, grant change, refusal, and action on workers and builds.

use prt_types::{
    audit::{AuditView, Outcome},
    ids::AuditId,
};

use crate::{
    Orchestrator,
    clock::new_id,
    error::{Error, Result},
    op_context::OpContext,
    store::{AuditRow, Repository},
};

/// Most rows that one call returns.
const PAGE: i64 = 500;

impl Orchestrator {
    /// Rows before an id, newest first. Admins only.
    pub async fn audit_list(&self, cx: &OpContext, before: Option<AuditId>, limit: i64) -> Result<Vec<AuditView>> {
        cx.admin("read the audit log")?;
        let rows = self.read().await?.audit(before, limit.clamp(1, PAGE)).await?;
        Ok(rows
            .into_iter()
            .map(|row| AuditView {
                id: row.id,
                at_ms: row.at_ms,
                actor: row.actor,
                door: row.door,
                address: row.address,
                action: row.action,
                object: row.object,
                outcome: row.outcome,
                details: row.details,
            })
            .collect())
    }

    /// Adds a row within the transaction of the change that it is about. `details` must hold no secret.
    pub(crate) async fn audit_add(
        &self,
        tx: &mut dyn Repository,
        cx: &OpContext,
        action: &str,
        object: &str,
        outcome: Outcome,
        details: serde_json::Value,
    ) -> Result<()> {
        let row = AuditRow {
            id: AuditId(new_id()),
            at_ms: self.inner.clock.now_ms(),
            actor: cx
                .actor_opt()
                .map_or_else(|| "system".to_owned(), |actor| actor.username.clone()),
            door: cx.door,
            address: cx.address.clone(),
            action: action.to_owned(),
            object: object.to_owned(),
            outcome,
            details: if details.is_null() {
                String::new()
            } else {
                details.to_string()
            },
        };
        Ok(tx.audit_add(&row).await?)
    }

    /// Passes a result on; if it is a refusal, it is recorded first.
    pub(crate) async fn audit_refusal<T>(
        &self,
        cx: &OpContext,
        action: &str,
        object: &str,
        result: Result<T>,
    ) -> Result<T> {
        if let Err(Error::Forbidden { message, .. }) = &result {
            let mut tx = self.write().await?;
            let details = serde_json::json!({ "reason": message });
            self.audit_add(&mut *tx, cx, action, object, Outcome::Refused, details)
                .await?;
            tx.save().await?;
        }
        result
    }
}

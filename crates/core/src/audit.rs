//! The audit log: a row for every login, grant change, refusal, and action on workers and builds.

use prt_types::{
    access::Door,
    audit::{AuditView, Outcome},
    ids::AuditId,
};

use crate::{
    Orchestrator,
    clock::new_id,
    error::{Error, Result},
    op_context::{Actor, OpContext},
    store::{AuditRow, Repository},
};

/// Most rows that one call returns.
const PAGE: i64 = 500;
/// Most characters of what a stranger asked for.
const OBJECT: usize = 200;

impl Orchestrator {
    /// Rows before an id, newest first. Admins only.
    pub async fn audit_list(&self, cx: &OpContext, before: Option<AuditId>, limit: i64) -> Result<Vec<AuditView>> {
        self.admin(cx, "read the audit log", "audit.list").await?;
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
            actor: match (cx.actor_opt(), cx.door) {
                (Some(actor), _) => actor.username.clone(),
                (None, Door::System) => "system".to_owned(),
                (None, _) => String::new(),
            },
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
        if outcome == Outcome::Refused {
            cx.note_refusal();
        }
        Ok(tx.audit_add(&row).await?)
    }

    /// The asker if an admin, as [`OpContext::admin`]; a refusal is recorded under `action`.
    pub async fn admin<'a>(&self, cx: &'a OpContext, what: &str, action: &str) -> Result<&'a Actor> {
        self.audit_refusal(cx, action, "", cx.admin(what)).await
    }

    /// The asker if a person, as [`OpContext::person`]; a refusal is recorded under `action`.
    pub(crate) async fn person<'a>(&self, cx: &'a OpContext, what: &str, action: &str) -> Result<&'a Actor> {
        self.audit_refusal(cx, action, "", cx.person(what)).await
    }

    /// Records a refusal that came before any operation was asked for. Who goes on and on gets a row now and then only: whoever is not
    /// logged in does not fill the audit log.
    pub async fn audit_at_door(&self, cx: &OpContext, action: &str, object: &str, reason: &str) -> Result<()> {
        let name = cx.actor_opt().map_or("", |actor| actor.username.as_str());
        if !self
            .inner
            .throttle
            .worth_a_row(format!("{action} {name} {}", cx.address), self.uptime_ms())
        {
            cx.note_refusal();
            return Ok(());
        }
        let object: String = object.chars().take(OBJECT).collect();
        self.refusal_add(cx, action, &object, reason).await
    }

    /// Records a refusal by an operation that has not done so itself. `object` is the request.
    pub async fn audit_forbidden(&self, cx: &OpContext, object: &str, reason: &str) -> Result<()> {
        if cx.is_refusal_recorded() {
            return Ok(());
        }
        let object: String = object.chars().take(OBJECT).collect();
        self.refusal_add(cx, "request", &object, reason).await
    }

    /// Passes a result on; if it is a refusal, it is recorded first.
    pub(crate) async fn audit_refusal<T>(
        &self,
        cx: &OpContext,
        action: &str,
        object: &str,
        result: Result<T>,
    ) -> Result<T> {
        if let Err(
            Error::Forbidden { message, .. }
            | Error::InvalidInput {
                refused: Some(message), ..
            },
        ) = &result
            && let Err(error) = self.refusal_add(cx, action, object, message).await
        {
            // It stays a refusal, also while the database cannot be written.
            tracing::error!(
                request.id = cx.request_id,
                action,
                error = &error as &dyn std::error::Error,
                "a refusal could not be recorded"
            );
        }
        result
    }

    async fn refusal_add(&self, cx: &OpContext, action: &str, object: &str, reason: &str) -> Result<()> {
        let mut tx = self.write().await?;
        let details = serde_json::json!({ "reason": reason });
        self.audit_add(&mut *tx, cx, action, object, Outcome::Refused, details)
            .await?;
        Ok(tx.save().await?)
    }
}

//! Builds that are kept for ever.

use prt_types::{audit::Outcome, builds::BuildView};

use crate::{
    Orchestrator,
    error::{Error, Result},
    op_context::OpContext,
};

impl Orchestrator {
    /// Keeps a build and its log for ever, or as long as the rules say again.
    pub async fn build_pin(&self, cx: &OpContext, number: i64, pinned: bool) -> Result<BuildView> {
        cx.actor()?;
        let build = self.build_visible(cx, number).await?;
        let mut tx = self.write().await?;
        let build = tx
            .build(build.id)
            .await?
            .ok_or_else(|| Error::not_found("build", format!("#{number}")))?;
        if build.pinned != pinned {
            tx.build_pin(build.id, pinned).await?;
            let action = if pinned { "build.pin" } else { "build.unpin" };
            let object = format!("#{number}");
            self.audit_add(&mut *tx, cx, action, &object, Outcome::Done, serde_json::Value::Null)
                .await?;
            tx.save().await?;
            self.build_changed(&build);
        }
        self.build_get(cx, number).await
    }
}

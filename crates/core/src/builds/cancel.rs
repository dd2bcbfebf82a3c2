//! Ends from outside, and builds that a former console left.

use prt_types::{audit::Outcome, builds::BuildView, ids::WorkerId};

use super::{run::Start, runs::Stop};
use crate::{Orchestrator, error::Result, op_context::OpContext, store::BuildFilter};

impl Orchestrator {
    /// Asks for a build's end. Nothing happens to a build that has ended; asking twice is no error.
    pub async fn build_cancel(&self, cx: &OpContext, number: i64) -> Result<BuildView> {
        let build = self.build_visible(cx, number).await?;
        let mut tx = self.write().await?;
        let mut build = tx.build(build.id).await?.unwrap_or(build);
        if build.status.is_final() {
            drop(tx);
            return self.build_view(build).await;
        }
        if build.cancel_requested {
            drop(tx);
        } else {
            build.cancel_requested = true;
            tx.build_update_from(&build, &[build.status]).await?;
            let object = format!("#{number}");
            self.audit_add(
                &mut *tx,
                cx,
                "build.cancel",
                &object,
                Outcome::Done,
                serde_json::Value::Null,
            )
            .await?;
            tx.save().await?;
        }
        match self.inner.builds.get(build.id) {
            Some(run) => run.stop(Stop::Cancel),
            None => self.build_start(build.clone(), Start::Resume),
        }
        self.build_changed(&build);
        self.build_view(build).await
    }

    /// Ends the builds of a worker whose builder is gone.
    pub(crate) async fn builder_lost(&self, worker: WorkerId, reason: &str) -> Result<()> {
        // The first sentence says what happened; what a container printed before it ended belongs to the worker.
        let first = reason
            .split_once(". ")
            .map_or_else(|| reason.to_owned(), |(first, _)| format!("{first}."));
        for run in self.inner.builds.of_worker(worker) {
            run.stop(Stop::Lost(first.clone()));
        }
        Ok(())
    }

    /// Takes up the builds that a former console left: those that run on are followed from where their log stops, those that never
    /// reached their builder are started, those whose builder is gone end.
    pub(crate) async fn builds_resume(&self) -> Result<()> {
        let filter = BuildFilter {
            active_only: true,
            ..BuildFilter::default()
        };
        for build in self.read().await?.builds(&filter).await? {
            tracing::info!(
                build.number = build.number,
                build.status = build.status.name(),
                "taking up a build"
            );
            self.build_start(build, Start::Resume);
        }
        Ok(())
    }
}

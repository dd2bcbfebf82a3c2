//! Ends from outside, and builds that a former console left.

use prt_types::{
    audit::Outcome,
    builds::{BuildStatus, BuildView},
    ids::WorkerId,
};

use super::{
    run::Start,
    runs::{Stop, Word},
    stop::WAITING,
};
use crate::{Orchestrator, error::Result, op_context::OpContext, store::BuildFilter};

impl Orchestrator {
    /// Asks for a build's end. Nothing happens to a build that has ended; asking twice is no error.
    pub async fn build_cancel(&self, cx: &OpContext, number: i64) -> Result<BuildView> {
        let build = self.build_visible(cx, number).await?;
        let build = loop {
            let mut tx = self.write().await?;
            let mut build = tx.build(build.id).await?.unwrap_or_else(|| build.clone());
            if build.status.is_final() {
                drop(tx);
                return self.build_view(build).await;
            }
            if build.cancel_requested {
                break build;
            }
            let before = build.status;
            build.cancel_requested = true;
            build.status = BuildStatus::Canceling;
            if before != BuildStatus::Canceling {
                WAITING.clone_into(&mut build.message);
            }
            // It may have begun or ended meanwhile.
            if !tx.build_update_from(&build, &[before]).await? {
                continue;
            }
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
            break build;
        };
        match self.inner.builds.get(build.id) {
            Some(run) => run.stop(Stop::Cancel),
            None => self.build_start(build.clone(), Start::Resume),
        }
        self.build_changed(&build);
        self.build_view(build).await
    }

    /// Lets those who follow the builds of a worker look whether its builder still runs: it may have ended.
    pub(crate) fn builder_may_have_ended(&self, worker: WorkerId) {
        for run in self.inner.builds.of_worker(worker) {
            run.builder(Word::Look);
        }
    }

    /// Ends the builds of a worker whose builder is gone, as the engine has confirmed.
    pub(crate) fn builder_gone(&self, worker: WorkerId, words: &str) {
        for run in self.inner.builds.of_worker(worker) {
            run.builder(Word::Gone(words.to_owned()));
        }
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

//! What is known of a failed build besides its text: of the builder's memory and disk.

use std::time::Duration;

use prt_agent_protocol::{Reply, Request};
use prt_types::{build_events::Step, workers::ContainerRole};
use tokio::time::Instant;

use super::text::{self, Process};
use crate::{
    agent::{self, Agent},
    builds::run::Follower,
    error::Result,
    workers::buildkit_state,
};

/// The engine tells that a process was killed for memory; its word may come after BuildKit's.
const OOM_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A builder that does not answer by then says nothing of its disk.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// A file system with less room than this is full.
const FULL_BELOW: u64 = 1024 * 1024;
/// Exit code after SIGKILL.
const KILLED: i64 = 137;

/// The state of the builder at the end of a build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::builds) struct Builder {
    /// A process in it was killed because memory ran out, during the build.
    pub ran_out_of_memory: bool,
    /// There is no room where BuildKit writes to.
    pub disk_full: bool,
}

impl Follower<'_> {
    /// Looks at the builder after a step failed.
    pub(in crate::builds) async fn look_at_builder(&self, step: Option<&Step>) -> Builder {
        let Some(error) = step.and_then(|step| step.error.as_deref()) else {
            return Builder::default();
        };
        let ended = text::process(text::cause(error));
        let killed = matches!(ended, Some(Process::Code(KILLED)));
        let (ran_out_of_memory, disk_full) = tokio::join!(self.ran_out_of_memory(killed), self.disk_full());
        Builder {
            ran_out_of_memory,
            disk_full,
        }
    }

    /// Whether the engine told of it since the build began. After a kill its word is waited for.
    async fn ran_out_of_memory(&self, killed: bool) -> bool {
        let end = Instant::now() + OOM_WITHIN;
        loop {
            match self.told_of_memory().await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(build.number = self.build.number, %error, "the builder's events cannot be read");
                    return false;
                }
            }
            if !killed || Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn told_of_memory(&self) -> Result<bool> {
        let events = self.o.read().await?.worker_events(self.build.worker_id).await?;
        let since = self.build.started_ms.unwrap_or(self.build.created_ms);
        Ok(events
            .iter()
            .any(|event| event.kind == "oom" && event.source == ContainerRole::Builder.name() && event.at_ms >= since))
    }

    async fn buildkit_state(&self) -> Option<String> {
        let mut tx = self.o.read().await.ok()?;
        let worker = tx.worker(self.build.worker_id).await.ok()??;
        Some(buildkit_state(&worker).into())
    }

    async fn disk_full(&self) -> bool {
        let Some(state) = self.buildkit_state().await else {
            return false;
        };
        let request = Request::Figures { folders: vec![state] };
        let engine = &*self.o.inner.engine;
        let agent = Agent::of_builder();
        let looked = agent::ask(engine, self.build.worker_id, &agent, &request, None);
        match tokio::time::timeout(LOOK_WITHIN, looked).await {
            Ok(Ok(Reply::Figures(figures))) => figures.disks.iter().any(|disk| disk.free_bytes < FULL_BELOW),
            Ok(Ok(_)) | Err(_) => false,
            Ok(Err(error)) => {
                tracing::debug!(build.number = self.build.number, %error, "the builder's disk cannot be looked at");
                false
            }
        }
    }
}

//! The log as `~/build/build.log`, so that it can be read where the files are.

use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use prt_agent_protocol::{Reply, Request};
use prt_types::plain::PlainLog;

use crate::{
    Orchestrator,
    agent::{self, Agent, Contents},
    error::Result,
    store::Build,
};

/// A short build gets its file when it is done; until then the builder has better things to do.
const WAIT: Duration = Duration::from_secs(1);

impl Orchestrator {
    /// Writes the log to the build folder from its beginning, along with the build, in a task of its own.
    pub(super) fn build_log_file_start(&self, build: &Build) {
        let (o, build) = (self.clone(), build.clone());
        let detached = self.inner.builds.detached();
        self.inner.tasks.spawn(async move {
            let written = tokio::select! {
                biased;
                () = detached.cancelled() => return,
                written = o.build_log_file(&build) => written,
            };
            if let Err(error) = written {
                tracing::debug!(build.number = build.number, %error, "build.log cannot be written");
            }
        });
    }

    async fn build_log_file(&self, build: &Build) -> Result<()> {
        let ended = self.inner.logs.follow(build.id, 0).for_each(async |_| {});
        // Either way it is time to begin.
        _ = tokio::time::timeout(WAIT, ended).await;
        let text = self
            .inner
            .logs
            .follow(build.id, 0)
            .scan(PlainLog::new(), |plain, records| {
                let mut text = String::new();
                for record in &records {
                    plain.render(record, &mut text);
                }
                std::future::ready(Some(Bytes::from(text)))
            });
        let Some(worker) = self.read().await?.worker(build.worker_id).await? else {
            return Ok(());
        };
        let agent = Agent::of_build_folder(&worker);
        // A new file each time: a former writer that still runs keeps the old one.
        let request = Request::FileStream {
            folder: agent.build_folder.into(),
            path: "build.log".into(),
        };
        let contents = Contents {
            bytes: text.boxed(),
            whole: std::future::ready(true).boxed(),
        };
        match agent::ask(&*self.inner.engine, worker.id, &agent, &request, Some(contents)).await? {
            Reply::Done => Ok(()),
            Reply::Refused(refusal) => Err(agent::refused(refusal, "path")),
            _ => Err(agent::unexpected()),
        }
    }
}

//! The log as `~/build/build.log`, so that it can be read where the files are.

use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream};
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
/// How much of the file is written in a second while the build runs. What a build prints faster than that comes at its end: it is carried
/// back into the builder by the same processors.
const BYTES_A_SECOND: f64 = 256.0 * 1024.0;

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

    /// Waits for so long, or until the build has ended.
    async fn build_log_pause(&self, build: &Build, pause: Duration) {
        // Nothing comes after this number but the end.
        let mut end = self.inner.logs.follow(build.id, u64::MAX);
        _ = tokio::time::timeout(pause, end.next()).await;
    }

    async fn build_log_file(&self, build: &Build) -> Result<()> {
        self.build_log_pause(build, WAIT).await;
        let records = self.inner.logs.follow(build.id, 0);
        let start = (self.clone(), build.clone(), records, PlainLog::new(), Duration::ZERO);
        let text = stream::unfold(start, |(o, build, mut records, mut plain, pause)| async move {
            o.build_log_pause(&build, pause).await;
            let mut text = String::new();
            for record in &records.next().await? {
                plain.render(record, &mut text);
            }
            let pause = Duration::from_secs_f64(text.len() as f64 / BYTES_A_SECOND);
            Some((Bytes::from(text), (o, build, records, plain, pause)))
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

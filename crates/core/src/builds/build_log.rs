//! The log as `~/build/build.log`, so that it can be read where the files are.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use prt_types::{plain::PlainLog, workers::ContainerRole};

use super::create::BUILD_FOLDER_USER;
use crate::{
    Orchestrator,
    engine::{EngineResult, ExecSpec, exec_collect},
    store::Build,
    workers::BUILD_FOLDER_BUILDER,
};

/// A new file each time: a former writer that still runs keeps the old one, and a link in its place leads nowhere.
const SCRIPT: &str = r#"rm -f "$1/build.log" && exec cat >"$1/build.log""#;
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

    async fn build_log_file(&self, build: &Build) -> EngineResult<()> {
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
        let spec = ExecSpec::new(["sh", "-c", SCRIPT, "prt-log", BUILD_FOLDER_BUILDER])
            .user(BUILD_FOLDER_USER)
            .stdin_stream(text.boxed());
        exec_collect(&*self.inner.engine, build.worker_id, ContainerRole::Builder, spec, 4096)
            .await
            .map(drop)
    }
}

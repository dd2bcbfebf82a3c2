//! What is known of a failed build besides its text: of the builder's memory and disk.

use std::time::Duration;

use prt_types::{build_events::Step, workers::ContainerRole};
use tokio::time::Instant;

use super::text::{self, Process};
use crate::{
    builds::run::Follower,
    engine::{ExecSpec, exec_collect},
    error::Result,
};

/// The engine tells that a process was killed for memory; its word may come after BuildKit's.
const OOM_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A builder that does not answer by then says nothing of its disk.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// A file system with less room than this is full.
const FULL_BELOW: u64 = 1024 * 1024;
/// Prints the free blocks and the size of a block of the file system that BuildKit writes to.
const FREE: &str = r#"if [ "$(id -u)" = 0 ]; then state=/var/lib/buildkit; else state=$HOME/.local/share/buildkit; fi
stat -f -c '%a %S' "$state""#;
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

    async fn disk_full(&self) -> bool {
        let look = ExecSpec::new(["sh", "-c", FREE]);
        let engine = &*self.o.inner.engine;
        let looked = exec_collect(engine, self.build.worker_id, ContainerRole::Builder, look, 256);
        match tokio::time::timeout(LOOK_WITHIN, looked).await {
            Ok(Ok(done)) => is_full(&String::from_utf8_lossy(&done.stdout)).unwrap_or(false),
            Ok(Err(error)) => {
                tracing::debug!(build.number = self.build.number, %error, "the builder's disk cannot be looked at");
                false
            }
            Err(_) => false,
        }
    }
}

fn is_full(told: &str) -> Option<bool> {
    let mut numbers = told.split_whitespace().map(str::parse::<u64>);
    let (blocks, size) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(blocks.saturating_mul(size) < FULL_BELOW)
}

#[cfg(test)]
mod tests {
    use super::is_full;

    #[test]
    fn a_full_disk_has_less_than_a_mebibyte() {
        assert_eq!(is_full("0 4096\n"), Some(true));
        assert_eq!(is_full("255 4096\n"), Some(true));
        assert_eq!(is_full("256 4096\n"), Some(false));
        assert_eq!(is_full("stat: cannot"), None);
    }
}

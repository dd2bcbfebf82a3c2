//! One connection to a build: reads its progress, passes on a wish to stop, notices when it breaks.

use std::time::Duration;

use futures::StreamExt as _;
use prt_types::{ids::WorkerId, workers::ContainerRole};
use tokio::time::Instant;

use super::{
    run::{Attended, Follower, Outcome},
    runs::Stop,
};
use crate::{
    Orchestrator,
    buildkit::launcher::{self, Trailer},
    engine::{EngineError, ExecHandle, ExecOutput, ExecSpec, exec_collect},
};

/// Pieces of output that are decoded and written together when they come faster than that.
const PIECES: usize = 64;
/// Most of what the script may say beside the progress.
const WORDS: usize = 256 * 1024;
/// BuildKit ends a canceled build within a fraction of a second; after this it is killed.
const KILL_AFTER: Duration = Duration::from_secs(10);
/// And after this it is not waited for.
const GIVE_UP_AFTER: Duration = Duration::from_secs(5);

impl Follower<'_> {
    /// Reads until the connection or the build ends.
    pub(super) async fn attend(&mut self, handle: ExecHandle) -> Attended {
        let ExecHandle { output, exit_code } = handle;
        let mut output = output.ready_chunks(PIECES);
        let mut words = vec![];
        let broken = loop {
            tokio::select! {
                // Output that never pauses must not keep a wish to stop from being heard.
                biased;
                Ok(()) = self.stopping.changed() => match self.stop_wish() {
                    Some(stop @ Stop::Lost(_)) => return Attended::Over(Outcome::Stopped(stop)),
                    Some(Stop::Cancel | Stop::Timeout) => self.ask_to_stop(),
                    None => {}
                },
                () = tokio::time::sleep_until(self.deadline) => {
                    if let Some(outcome) = self.past_deadline() {
                        return Attended::Over(outcome);
                    }
                }
                pieces = output.next() => match pieces {
                    None => break None,
                    Some(pieces) => {
                        if let Some(error) = self.take(pieces, &mut words).await {
                            break Some(error);
                        }
                    }
                },
            }
        };
        let trailer = Trailer::parse(&words);
        if trailer.exit_code.is_some() {
            return Attended::Over(Outcome::Exit(trailer));
        }
        if broken.is_some() {
            return Attended::Broken(broken);
        }
        if trailer.lost {
            return Attended::Over(Outcome::Lost(
                "The build's process in the builder is gone: it was killed, or the builder was started anew.".into(),
            ));
        }
        match exit_code.await {
            Ok(launcher::EXIT_EXISTS) => Attended::Exists,
            Ok(launcher::EXIT_NOT_STARTED) => Attended::NotStarted,
            Ok(
                code @ (launcher::EXIT_NO_BUILDCTL
                | launcher::EXIT_BAD_CONTEXT
                | launcher::REFUSED_CONTEXT
                | launcher::REFUSED_OUTSIDE
                | launcher::EXIT_DISK),
            ) => Attended::Over(Outcome::Refused {
                code,
                words: trailer.words.trim().to_owned(),
            }),
            Ok(code) => {
                tracing::warn!(
                    build.number = self.build.number,
                    code,
                    words = trailer.words,
                    "a build's script ended early"
                );
                Attended::Broken(None)
            }
            Err(error) => Attended::Broken(Some(error)),
        }
    }

    /// Decodes and keeps what has come; the error that ends the connection, if there is one.
    async fn take(&mut self, pieces: Vec<Result<ExecOutput, EngineError>>, words: &mut Vec<u8>) -> Option<EngineError> {
        let mut events = vec![];
        let mut broken = None;
        for piece in pieces {
            match piece {
                Ok(ExecOutput::Stdout(bytes)) => {
                    self.offset += bytes.len() as u64;
                    self.decoder.push(&bytes, &mut events);
                }
                Ok(ExecOutput::Stderr(bytes)) => {
                    let room = WORDS.saturating_sub(words.len());
                    words.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                Err(error) => broken = Some(error),
            }
        }
        self.keep(events).await;
        broken
    }

    fn past_deadline(&mut self) -> Option<Outcome> {
        match self.stop_wish() {
            None => {
                self.run.stop(Stop::Timeout);
                // Until the wish is heard.
                self.deadline = Instant::now() + KILL_AFTER;
                None
            }
            Some(_) if !self.asked => {
                self.ask_to_stop();
                None
            }
            Some(_) if !self.killed => {
                self.killed = true;
                self.deadline = Instant::now() + GIVE_UP_AFTER;
                self.o
                    .build_signal(self.build.worker_id, launcher::cancel(&self.build.id.to_string(), true));
                None
            }
            Some(stop) => Some(Outcome::Stopped(stop)),
        }
    }

    fn ask_to_stop(&mut self) {
        if !self.asked {
            self.asked = true;
            self.deadline = Instant::now() + KILL_AFTER;
            self.o.build_signal(
                self.build.worker_id,
                launcher::cancel(&self.build.id.to_string(), false),
            );
        }
    }
}

impl Orchestrator {
    /// Runs a short command in the builder while the build goes on being read.
    fn build_signal(&self, worker: WorkerId, spec: ExecSpec) {
        let o = self.clone();
        self.inner.tasks.spawn(async move {
            if let Err(error) = exec_collect(&*o.inner.engine, worker, ContainerRole::Builder, spec, WORDS).await {
                tracing::warn!(%error, "a build cannot be told to stop");
            }
        });
    }
}

//! One connection to a build: reads its progress, heeds what comes from outside, notices when it breaks.

use futures::StreamExt as _;

use super::{
    run::{Attended, Follower, Outcome},
    runs::{Stop, Word},
};
use crate::{
    buildkit::launcher::{self, Trailer},
    engine::{EngineError, ExecHandle, ExecOutput},
};

/// Pieces of output that are decoded and written together when they come faster than that.
const PIECES: usize = 64;
/// Most of what the script may say beside the progress.
const WORDS: usize = 256 * 1024;

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
                () = self.told_something() => {
                    if let Some(outcome) = self.heed().await {
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
            return Attended::Vanished;
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

    /// Resolves when there is something to heed: a word from outside, the time limit, news from the asking.
    pub(super) async fn told_something(&mut self) {
        let timed = self.stop_wish().is_none();
        let deadline = self.deadline;
        let asking = async {
            if let Some(asking) = &mut self.asking
                && asking.state.changed().await.is_ok()
            {
                return;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            Ok(()) = self.told.changed() => {}
            () = asking => {}
            () = tokio::time::sleep_until(deadline), if timed => self.run.stop(Stop::Timeout),
        }
    }

    /// Does what is to be done about it; an outcome if the engine says that the builder is gone.
    pub(super) async fn heed(&mut self) -> Option<Outcome> {
        let told = self.told.borrow_and_update().clone();
        if let Some(Word::Gone(words)) = told.builder {
            return Some(Outcome::Lost(words));
        }
        if told.stop.is_some() {
            self.ask_to_stop(false);
            self.note_asking().await;
        }
        if told.builder == Some(Word::Look) {
            return self.examine(None).await;
        }
        None
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
}

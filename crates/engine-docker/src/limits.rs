//! Time limits: an engine that accepts calls and never answers must not hold anybody up.
//!
//! What is answered at once has a limit. What takes as long as it takes (a pull, a build's output, the removal of a large volume) has none:
//! while it is silent the engine is asked whether it is there, and only an engine that does not answer ends the call.

use std::time::Duration;

use bollard::{Docker, errors::Error};
use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use prt_core::engine::{EngineError, EngineErrorKind, EngineResult};

use crate::DockerEngine;

/// Connection and answer of an ordinary call; a busy engine answers within a few seconds.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// After so long a silence the engine is asked whether it is there, and has so long to say so.
const SILENCE: Duration = Duration::from_secs(10);

/// A call that is answered at once.
pub(crate) async fn within<T>(doing: &str, call: impl Future<Output = EngineResult<T>>) -> EngineResult<T> {
    tokio::time::timeout(ANSWER_WITHIN, call)
        .await
        .unwrap_or_else(|_| Err(unanswered(doing)))
}

impl DockerEngine {
    /// A call that takes as long as it takes.
    pub(crate) async fn while_it_lives<T>(
        &self,
        doing: &str,
        call: impl Future<Output = EngineResult<T>>,
    ) -> EngineResult<T> {
        let docker = within(doing, self.docker()).await?;
        tokio::select! {
            biased;
            done = call => done,
            () = gone(docker) => Err(unanswered(doing)),
        }
    }
}

/// A stream that may be silent for long. It ends with an error once the engine is not there any more.
pub(crate) fn watched<T, S>(docker: &Docker, pieces: S) -> BoxStream<'static, Result<T, Error>>
where
    T: Send + 'static,
    S: Stream<Item = Result<T, Error>> + Unpin + Send + 'static,
{
    let docker = docker.clone();
    stream::unfold(Some(pieces), move |pieces| {
        let docker = docker.clone();
        async move {
            let mut pieces = pieces?;
            tokio::select! {
                biased;
                piece = pieces.next() => piece.map(|piece| (piece, Some(pieces))),
                () = gone(&docker) => Some((Err(Error::RequestTimeoutError), None)),
            }
        }
    })
    .boxed()
}

/// Resolves when the engine does not answer any more.
async fn gone(docker: &Docker) {
    loop {
        tokio::time::sleep(SILENCE).await;
        if !matches!(tokio::time::timeout(SILENCE, docker.ping()).await, Ok(Ok(_))) {
            return;
        }
    }
}

fn unanswered(doing: &str) -> EngineError {
    EngineError::new(
        EngineErrorKind::Unreachable,
        format!("{doing}: the container engine does not answer"),
    )
}

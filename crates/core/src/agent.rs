//! Requests to the agent in a container.

use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use prt_agent_protocol::{AGENT, LARGEST_PART, LARGEST_REQUEST, Refusal, RefusalKind, Reply, Request, frame};
use prt_types::{ids::WorkerId, workers::ContainerRole};

use crate::{
    engine::{Engine, EngineError, EngineErrorKind, ExecSpec, exec_collect},
    error::{Error, Result},
};

/// What follows a request.
pub struct Contents {
    /// As it comes.
    pub bytes: BoxStream<'static, Bytes>,
    /// Whether all of it has come; asked at its end. If not, the agent sees a stream that was cut.
    pub whole: Box<dyn Fn() -> bool + Send>,
}

/// Asks the agent in a container.
pub async fn ask(
    engine: &dyn Engine,
    worker: WorkerId,
    role: ContainerRole,
    request: &Request,
    contents: Option<Contents>,
) -> Result<Reply> {
    let json = serde_json::to_vec(request).map_err(|error| Error::internal("writing a request to the agent", error))?;
    let first = stream::iter([Bytes::from(frame::encode(&json))]);
    let input = match contents {
        None => first.boxed(),
        Some(Contents { bytes, whole }) => {
            let parts = bytes.flat_map(|bytes| stream::iter(parts(&bytes)));
            let end = stream::once(async move { whole().then(|| Bytes::from(frame::encode(&[]))) });
            first.chain(parts).chain(end.filter_map(std::future::ready)).boxed()
        }
    };
    let spec = ExecSpec::new([AGENT, "request"]).stdin_stream(input);
    let done = exec_collect(engine, worker, role, spec, LARGEST_REQUEST)
        .await
        .map_err(no_agent)?;
    let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    let frame = frame::read(&mut done.stdout.as_slice(), LARGEST_REQUEST);
    match frame
        .ok()
        .flatten()
        .and_then(|reply| serde_json::from_slice(&reply).ok())
    {
        Some(reply) => Ok(reply),
        None => Err(Error::Unavailable {
            message: format!(
                "The agent in the {} container ended with exit code {} and without an answer. {words}",
                role.name(),
                done.exit_code
            ),
            hint: Some("Try again; if that does not help, start another worker.".into()),
            source: None,
        }),
    }
}

/// Contents as frames that are not too large.
fn parts(bytes: &Bytes) -> Vec<Bytes> {
    bytes
        .chunks(LARGEST_PART)
        .map(|part| Bytes::from(frame::encode(part)))
        .collect()
}

/// Workers of an older console have no agent.
fn no_agent(error: EngineError) -> Error {
    match error.kind {
        EngineErrorKind::CannotStart => Error::Conflict {
            message: "The worker was started by an older console and has no agent.".into(),
            hint: Some("Start another worker.".into()),
        },
        _ => error.into(),
    }
}

/// The error of a refusal; `field` is what was asked for.
pub fn refused(refusal: Refusal, field: &'static str) -> Error {
    match refusal.kind {
        RefusalKind::Invalid => Error::field(field, refusal.message),
        RefusalKind::NotFound => Error::conflict(refusal.message),
        RefusalKind::Cut => Error::field("body", refusal.message),
        RefusalKind::DiskFull => Error::Unavailable {
            message: format!("The worker's disk is full: {}.", refusal.message.trim_end_matches('.')),
            hint: Some("Remove files or prune the builder's cache.".into()),
            source: None,
        },
        RefusalKind::Failed => Error::Unavailable {
            message: refusal.message,
            hint: None,
            source: None,
        },
    }
}

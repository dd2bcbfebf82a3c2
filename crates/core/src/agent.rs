//! Requests to the agent in a container.

use std::io::Read as _;

use bytes::Bytes;
use futures::{
    StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use prt_agent_protocol::{
    AGENT, AGENT_IN_HOME, LARGEST_PART, LARGEST_REQUEST, Refusal, RefusalKind, Reply, Request, frame,
};
use prt_types::{ids::WorkerId, security_contexts::SecurityRights, workers::ContainerRole};

use crate::{
    engine::{Engine, EngineError, EngineErrorKind, ExecSpec, FileInContainer, exec_collect},
    error::{Error, Result},
    security_contexts::WORKER_UID,
    settings::Settings,
    store::Worker,
    workers::{BUILD_FOLDER_BUILDER, BUILD_FOLDER_PRIMARY},
};

/// The agent of a container, and whom it works for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    role: ContainerRole,
    program: &'static str,
    user: Option<String>,
    /// The build folder, as it is called there.
    pub build_folder: &'static str,
}

impl Agent {
    /// That of a builder, as the builder's own user.
    pub fn of_builder() -> Self {
        Self {
            role: ContainerRole::Builder,
            program: AGENT,
            user: None,
            build_folder: BUILD_FOLDER_BUILDER,
        }
    }

    /// That of a primary container, as the container's own user.
    pub fn of_primary(rights: &SecurityRights) -> Self {
        Self {
            role: ContainerRole::Primary,
            program: in_primary(rights),
            user: None,
            build_folder: BUILD_FOLDER_PRIMARY,
        }
    }

    /// That of the container in which the host is checked.
    pub fn of_probe() -> Self {
        Self {
            role: ContainerRole::Primary,
            ..Self::of_builder()
        }
    }

    /// The one that serves a worker's build folder. No token and no secret of the worker is in its builder, so it works there if there is one,
    /// as the user to whom the files belong.
    pub fn of_build_folder(worker: &Worker) -> Self {
        if worker.builder {
            let uid = worker.rights.run_as_user.unwrap_or(WORKER_UID);
            Self {
                user: Some(format!("{uid}:{WORKER_UID}")),
                ..Self::of_builder()
            }
        } else {
            Self::of_primary(&worker.rights)
        }
    }
}

/// Where the agent is in a primary container. A file cannot be put on a read-only root.
pub fn in_primary(rights: &SecurityRights) -> &'static str {
    if rights.read_only_root { AGENT_IN_HOME } else { AGENT }
}

/// The agent as a file of a container that is about to start.
pub fn file(settings: &Settings, path: &str) -> FileInContainer {
    FileInContainer {
        path: path.into(),
        content: settings.agent.to_vec(),
        mode: 0o755,
        owner: (0, 0),
    }
}

/// What follows a request.
pub struct Contents {
    /// Its bytes.
    pub bytes: BoxStream<'static, Bytes>,
    /// Asked at their end: whether they are all. If not, the agent sees a stream that was cut.
    pub whole: BoxFuture<'static, bool>,
}

/// Asks an agent. An error says that there is no answer.
pub async fn ask(
    engine: &dyn Engine,
    worker: WorkerId,
    agent: &Agent,
    request: &Request,
    contents: Option<Contents>,
) -> Result<Reply> {
    exchange(engine, worker, agent, request, contents)
        .await
        .map(|(reply, _)| reply)
}

/// Asks for a file; its content if it came to its end.
pub async fn ask_for_file(
    engine: &dyn Engine,
    worker: WorkerId,
    agent: &Agent,
    request: &Request,
) -> Result<(Reply, Option<Vec<u8>>)> {
    let (reply, after) = exchange(engine, worker, agent, request, None).await?;
    let mut content = vec![];
    let read = frame::Contents::new(&after[..]).read_to_end(&mut content);
    Ok((reply, read.is_ok().then_some(content)))
}

/// The reply, and what comes after it.
async fn exchange(
    engine: &dyn Engine,
    worker: WorkerId,
    agent: &Agent,
    request: &Request,
    contents: Option<Contents>,
) -> Result<(Reply, Vec<u8>)> {
    let json = serde_json::to_vec(request).map_err(|error| Error::internal("writing a request to the agent", error))?;
    let first = stream::iter([Bytes::from(frame::encode(&json))]);
    let input = match contents {
        None => first.boxed(),
        Some(Contents { bytes, whole }) => {
            let parts = bytes.flat_map(|bytes| stream::iter(parts(&bytes)));
            let end = stream::once(whole)
                .filter_map(|whole| std::future::ready(whole.then(|| Bytes::from(frame::encode(&[])))));
            first.chain(parts).chain(end).boxed()
        }
    };
    let mut spec = ExecSpec::new([agent.program, "request"]).stdin_stream(input);
    spec.user.clone_from(&agent.user);
    let done = exec_collect(engine, worker, agent.role, spec, LARGEST_REQUEST)
        .await
        .map_err(no_agent)?;
    let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    let mut output = done.stdout.as_slice();
    let frame = frame::read(&mut output, LARGEST_REQUEST);
    match frame
        .ok()
        .flatten()
        .and_then(|reply| serde_json::from_slice(&reply).ok())
    {
        Some(reply) => Ok((reply, output.to_vec())),
        // The word of its JSON library for a request that it does not know.
        None if words.contains("unknown variant") => Err(older_console()),
        None => Err(Error::Unavailable {
            message: format!(
                "The agent in the {} container ended with exit code {} and without an answer. {words}",
                agent.role.name(),
                done.exit_code
            ),
            hint: Some("Try again; if that does not help, start another worker.".into()),
            source: None,
        }),
    }
}

/// The error of a reply that belongs to another request.
pub fn unexpected() -> Error {
    Error::Unavailable {
        message: "The agent in the worker sent an unexpected answer.".into(),
        hint: Some("Start another worker.".into()),
        source: None,
    }
}

/// Contents as frames that are not too large.
fn parts(bytes: &Bytes) -> Vec<Bytes> {
    bytes
        .chunks(LARGEST_PART)
        .map(|part| Bytes::from(frame::encode(part)))
        .collect()
}

/// Workers of an older console may have no agent.
pub fn no_agent(error: EngineError) -> Error {
    match error.kind {
        EngineErrorKind::CannotStart => older_console(),
        _ => error.into(),
    }
}

/// What this console wants of a container, the agent of an older one cannot do.
pub fn older_console() -> Error {
    Error::Conflict {
        message: "The worker was started by an older console, whose agent cannot do this.".into(),
        hint: Some("Start another worker.".into()),
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

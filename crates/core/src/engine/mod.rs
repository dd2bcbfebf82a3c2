//! The port to a container engine. It moves bytes and objects and knows neither BuildKit nor permissions.
//!
//! Words are Kubernetes', also for Docker. A [`WorkerPlan`] says everything that an engine needs; an adapter turns it into calls and
//! decides nothing. `testing::engine_conformance` says what an adapter owes.

mod plan;

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use prt_types::{
    Secret,
    container_images::PullPolicy,
    ids::WorkerId,
    security_contexts::EngineSetting,
    worker_sizes::Limits,
    workers::{ContainerRole, ContainerState},
};
use tokio::io::{AsyncRead, AsyncWrite};

pub use plan::{ContainerPlan, FileInContainer, Mount, Seccomp, SecuritySettings, Tmpfs, WorkerPlan};

/// What kind of failure, so that callers can choose words and whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// The engine does not answer.
    Unreachable,
    /// The registry refused.
    PullDenied,
    /// No such image or tag.
    NoSuchImage,
    /// The registry does not answer.
    RegistryUnreachable,
    /// The image is for another architecture.
    WrongArchitecture,
    /// No such container, or it does not run.
    NoSuchContainer,
    /// The container is paused: it takes no commands, and what runs in it goes on later.
    Paused,
    /// No such file in the container.
    NoSuchFile,
    /// The image has no such program, or it cannot be started.
    CannotStart,
    /// The engine's disk is full.
    DiskFull,
    /// Anything else.
    Other,
}

/// A failed engine call.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// The kind.
    pub kind: EngineErrorKind,
    /// The engine's words, made readable.
    pub message: String,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl EngineError {
    /// An error of a kind with words.
    pub fn new(kind: EngineErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

/// Result of an engine call.
pub type EngineResult<T> = Result<T, EngineError>;

/// What the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// E.g. `Docker 28.2.2`.
    pub name: String,
    /// E.g. `amd64`.
    pub architecture: String,
    /// Cores.
    pub cpus: i64,
    /// Memory.
    pub memory_mib: i64,
}

/// A login for one pull. It goes into the engine's auth header and nowhere else.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The registry host.
    pub host: String,
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// An image that the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineImage {
    /// Identifies exactly this image to the engine.
    pub id: String,
    /// The registry's digest for the repository it was asked under, if known.
    pub digest: Option<String>,
    /// E.g. `amd64`.
    pub architecture: String,
    /// The image's own entrypoint.
    pub entrypoint: Vec<String>,
    /// The image's own command.
    pub command: Vec<String>,
    /// The image's own user.
    pub user: String,
}

/// One of a worker's containers as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Which one.
    pub role: ContainerRole,
    /// State.
    pub state: ContainerState,
    /// The image reference or id that it was started from.
    pub image: String,
    /// Limits as the engine enforces them.
    pub limits: Limits,
    /// Start of the main process.
    pub started_ms: Option<i64>,
    /// Exit code, once ended.
    pub exit_code: Option<i64>,
    /// Whether the main process was killed for memory. An engine that learns of it after the end leaves this unset, and its `oom` event
    /// follows the `die`.
    pub oom_killed: bool,
    /// The engine's words about a failed start.
    pub error: Option<String>,
}

/// A worker as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedWorker {
    /// Whose objects these are.
    pub worker_id: WorkerId,
    /// Its containers.
    pub containers: Vec<ObservedContainer>,
}

impl ObservedWorker {
    /// One container.
    pub fn container(&self, role: ContainerRole) -> Option<&ObservedContainer> {
        self.containers.iter().find(|c| c.role == role)
    }
}

/// A container with what only the engine knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundContainer {
    /// What `observe` says; its `image` is a name where the engine has one for it.
    pub seen: ObservedContainer,
    /// The rights that it runs with.
    pub security: SecuritySettings,
}

/// A worker as its labels and containers describe it, for one that has no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundWorker {
    /// Whose objects these are.
    pub worker_id: WorkerId,
    /// `Worker-12`, as labelled; empty without a label.
    pub name: String,
    /// Login name of the owner, as labelled; empty without a label.
    pub owner: String,
    /// Its containers; none if only volumes are left.
    pub containers: Vec<FoundContainer>,
}

impl FoundWorker {
    /// One container.
    pub fn container(&self, role: ContainerRole) -> Option<&FoundContainer> {
        self.containers.iter().find(|container| container.seen.role == role)
    }
}

/// Something the engine says happened to a worker's container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineEvent {
    /// Whose.
    pub worker_id: WorkerId,
    /// Which container.
    pub role: ContainerRole,
    /// The engine's word: `create`, `start`, `oom`, `die`, `destroy`, …
    pub kind: String,
    /// Exit code of a `die`.
    pub exit_code: Option<i64>,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// A command to run in a container.
pub struct ExecSpec {
    /// Program and arguments. Visible to whoever can see the engine: nothing secret.
    pub argv: Vec<String>,
    /// Environment. The same holds.
    pub env: Vec<(String, String)>,
    /// Standard input; secrets go here.
    pub stdin: Option<BoxStream<'static, Bytes>>,
    /// `uid[:gid]` or name; unset = the container's.
    pub user: Option<String>,
    /// Working directory; unset = the container's.
    pub workdir: Option<String>,
}

impl ExecSpec {
    /// A command without input or environment.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: vec![],
            stdin: None,
            user: None,
            workdir: None,
        }
    }

    /// Gives it standard input.
    pub fn stdin(mut self, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        self.stdin = Some(Box::pin(futures::stream::once(async move { bytes })));
        self
    }

    /// Gives it standard input piece by piece; the end of the stream closes it.
    pub fn stdin_stream(mut self, stream: BoxStream<'static, Bytes>) -> Self {
        self.stdin = Some(stream);
        self
    }

    /// Runs it as another user.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecOutput {
    /// Standard output.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
}

/// A running command.
pub struct ExecHandle {
    /// Its output until both streams end. Dropping it does not stop the command.
    pub output: BoxStream<'static, EngineResult<ExecOutput>>,
    /// Its exit code; await it after the output has ended.
    pub exit_code: BoxFuture<'static, EngineResult<i64>>,
}

/// Everything a finished command printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecDone {
    /// Exit code.
    pub exit_code: i64,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Whether more was printed than kept.
    pub truncated: bool,
}

/// A byte stream in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Progress of a pull, in words for people.
pub type OnProgress = Arc<dyn Fn(String) + Send + Sync>;

/// A container engine.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Whether it answers, and what it is.
    async fn probe(&self) -> EngineResult<EngineInfo>;

    /// What a container with these rights is started with, in the engine's own words: from the code that starts it.
    fn describe_security(&self, settings: &SecuritySettings) -> Vec<EngineSetting>;

    /// Makes the image present as the policy says and describes it.
    async fn ensure_image(
        &self,
        reference: &str,
        policy: PullPolicy,
        login: Option<&RegistryLogin>,
        progress: OnProgress,
    ) -> EngineResult<EngineImage>;

    /// Creates and starts everything of a worker. What was created before a failure stays until [`Engine::stop`].
    async fn start_worker(&self, plan: &WorkerPlan) -> EngineResult<()>;

    /// What the engine has of a worker; `None` = nothing.
    async fn observe(&self, worker: WorkerId) -> EngineResult<Option<ObservedWorker>>;

    /// What the engine has of a worker, described by labels and containers alone; `None` = nothing.
    async fn found(&self, worker: WorkerId) -> EngineResult<Option<FoundWorker>>;

    /// Ids of all workers of this installation that the engine has anything of: containers or volumes.
    async fn list(&self) -> EngineResult<Vec<WorkerId>>;

    /// Events of this installation's workers from now on. Ends when the engine goes away; subscribe again then.
    async fn events(&self) -> EngineResult<BoxStream<'static, EngineEvent>>;

    /// Removes everything of a worker: containers, volumes, network objects. Removing what is not there is no error.
    async fn stop(&self, worker: WorkerId) -> EngineResult<()>;

    /// The end of a container's own output.
    async fn logs(&self, worker: WorkerId, role: ContainerRole, tail_bytes: usize) -> EngineResult<Vec<u8>>;

    /// Runs a command in a container.
    async fn exec(&self, worker: WorkerId, role: ContainerRole, spec: ExecSpec) -> EngineResult<ExecHandle>;

    /// Unpacks a tar stream into a folder of a container. Entries keep the owners that the stream names.
    async fn copy_in(
        &self,
        worker: WorkerId,
        role: ContainerRole,
        folder: &str,
        tar: Pin<Box<dyn futures::Stream<Item = std::io::Result<Bytes>> + Send>>,
    ) -> EngineResult<()>;

    /// Packs a file or folder of a container as a tar stream.
    async fn copy_out(
        &self,
        worker: WorkerId,
        role: ContainerRole,
        path: &str,
    ) -> EngineResult<BoxStream<'static, EngineResult<Bytes>>>;

    /// Connects to a TCP port of the primary container.
    async fn connect(&self, worker: WorkerId, port: u16) -> EngineResult<Box<dyn Duplex>>;
}

/// Runs a command and collects what it prints, up to `limit` bytes a stream.
pub async fn exec_collect(
    engine: &dyn Engine,
    worker: WorkerId,
    role: ContainerRole,
    spec: ExecSpec,
    limit: usize,
) -> EngineResult<ExecDone> {
    use futures::StreamExt as _;

    let mut handle = engine.exec(worker, role, spec).await?;
    let mut done = ExecDone::default();
    while let Some(piece) = handle.output.next().await {
        let (kept, bytes) = match piece? {
            ExecOutput::Stdout(bytes) => (&mut done.stdout, bytes),
            ExecOutput::Stderr(bytes) => (&mut done.stderr, bytes),
        };
        let room = limit.saturating_sub(kept.len());
        done.truncated |= bytes.len() > room;
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
    done.exit_code = handle.exit_code.await?;
    Ok(done)
}

//! An engine in memory. Tests make it unreachable or silent, pause, end and remove containers, script commands, and cut the output of
//! those that run; so they reach what a real engine cannot be made to show, without a container.
//!
//! It keeps the promises of the port: every call ends, at the latest after [`ANSWER_WITHIN`], and a command's output breaks when the
//! engine is gone. What the commands of a build do is in `builds.rs`.

mod builds;
mod containers;
mod requests;

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _,
    stream::{self, BoxStream},
};
use prt_agent_protocol::StartupEnd;
use prt_types::{
    container_images::PullPolicy,
    ids::{BuildId, WorkerId},
    security_contexts::EngineSetting,
    workers::{ContainerRole, ContainerState},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{broadcast, watch},
};
use tokio_stream::wrappers::BroadcastStream;

use self::{
    builds::Builds,
    containers::{Container, found, observed},
};
use crate::engine::{
    Duplex, Engine, EngineError, EngineErrorKind, EngineEvent, EngineImage, EngineInfo, EngineResult, ExecHandle,
    ExecOutput, ExecSpec, FoundWorker, ObservedWorker, OnProgress, RegistryLogin, SecuritySettings, WorkerPlan,
};

/// A silent engine is given up after so long, as by the adapters.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What is wrong with the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Its socket is gone.
    Unreachable,
    /// It takes connections and never answers.
    Hangs,
}

/// What a scripted command does.
#[derive(Clone, Debug)]
pub enum Scripted {
    /// Prints to standard output and ends with this code.
    Ends(&'static str, i64),
    /// Prints and then loses its connection.
    Breaks(&'static str),
    /// Cannot be run.
    Fails(EngineErrorKind),
}

/// The engine. Clones share it.
#[derive(Clone)]
pub struct MemoryEngine {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Wakes what waits for a change of the state.
    changed: watch::Sender<u64>,
    events: broadcast::Sender<EngineEvent>,
}

#[derive(Default)]
struct State {
    fault: Fault,
    /// Grows when all open streams are cut.
    cuts: u64,
    workers: BTreeMap<WorkerId, Worker>,
    /// Whether programs answer: Jupyter in the primary container, BuildKit in the builder.
    notebook_silent: bool,
    buildkit_silent: bool,
    /// Whether the image has Jupyter.
    no_jupyter: bool,
    /// How startup scripts end.
    startup: Option<StartupEnd>,
    /// Outcomes of the next commands whose words contain the text.
    scripts: VecDeque<(String, Scripted)>,
    now_ms: i64,
}

#[derive(Default)]
struct Worker {
    name: String,
    owner: String,
    containers: Vec<Container>,
    builds: Builds,
}

impl Default for MemoryEngine {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                changed: watch::Sender::new(0),
                events: broadcast::channel(256).0,
            }),
        }
    }
}

/// What tests do to it.
impl MemoryEngine {
    /// Breaks or mends the engine.
    pub fn fault(&self, fault: Fault) {
        self.change(|state| state.fault = fault);
    }

    /// Cuts the output of all commands, and the stream of events.
    pub fn cut(&self) {
        self.change(|state| state.cuts += 1);
    }

    /// Whether Jupyter answers in workers that are started.
    pub fn notebook(&self, answers: bool) {
        self.change(|state| state.notebook_silent = !answers);
    }

    /// Whether images have Jupyter.
    pub fn jupyter(&self, there: bool) {
        self.change(|state| state.no_jupyter = !there);
    }

    /// How startup scripts end from now on.
    pub fn startup(&self, exit_code: i32) {
        let end = StartupEnd { exit_code, error: None };
        self.change(|state| state.startup = Some(end));
    }

    /// Whether BuildKit answers.
    pub fn buildkit(&self, answers: bool) {
        self.change(|state| state.buildkit_silent = !answers);
    }

    /// The next command whose words contain `text` does this instead.
    pub fn script(&self, text: &str, scripted: Scripted) {
        self.change(|state| state.scripts.push_back((text.to_owned(), scripted)));
    }

    /// Whether a build that somebody believes to have ended could still push: its process lives, paused or not.
    pub fn can_push(&self, worker: WorkerId, build: BuildId) -> bool {
        self.read(|state| {
            state.workers.get(&worker).is_some_and(|worker| {
                let alive = worker
                    .containers
                    .iter()
                    .any(|one| one.role == ContainerRole::Builder && one.state == ContainerState::Running);
                alive && worker.builds.can_push(build)
            })
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.shared.changed.send_modify(|count| *count += 1);
        changed
    }

    fn tell(&self, worker: WorkerId, role: ContainerRole, kind: &str, exit_code: Option<i64>) {
        let event = EngineEvent {
            worker_id: worker,
            role,
            kind: kind.to_owned(),
            exit_code,
            at_ms: 0,
        };
        // Nobody may listen.
        _ = self.shared.events.send(event);
    }

    /// Resolves at once, fails at once, or fails late.
    async fn reach(&self) -> EngineResult<()> {
        let mut changed = self.shared.changed.subscribe();
        let answered = async {
            loop {
                match self.read(|state| state.fault) {
                    Fault::None => return Ok(()),
                    Fault::Unreachable => return Err(unreachable()),
                    // The sender lives in `self`.
                    Fault::Hangs => _ = changed.changed().await,
                }
            }
        };
        tokio::time::timeout(ANSWER_WITHIN, answered)
            .await
            .unwrap_or_else(|_| Err(unreachable()))
    }

    /// Resolves with the error that ends open streams: the engine is gone, silent for too long, or the streams were cut.
    async fn broken(&self) -> EngineError {
        let mut changed = self.shared.changed.subscribe();
        let cuts = self.read(|state| state.cuts);
        loop {
            let (fault, cut) = self.read(|state| (state.fault, state.cuts != cuts));
            if cut || fault == Fault::Unreachable {
                return unreachable();
            }
            if fault == Fault::Hangs && self.reach().await.is_err() {
                return unreachable();
            }
            // The sender lives in `self`.
            _ = changed.changed().await;
        }
    }
}

fn unreachable() -> EngineError {
    EngineError::new(EngineErrorKind::Unreachable, "the container engine does not answer")
}

fn no_container() -> EngineError {
    EngineError::new(EngineErrorKind::NoSuchContainer, "the container does not run")
}

/// A command that prints this and ends.
fn printed(stdout: &str, stderr: &str, exit_code: EngineResult<i64>) -> ExecHandle {
    let pieces = [
        ExecOutput::Stdout(Bytes::copy_from_slice(stdout.as_bytes())),
        ExecOutput::Stderr(Bytes::copy_from_slice(stderr.as_bytes())),
    ];
    ExecHandle {
        output: stream::iter(pieces.map(Ok)).boxed(),
        exit_code: std::future::ready(exit_code).boxed(),
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    async fn probe(&self) -> EngineResult<EngineInfo> {
        self.reach().await?;
        Ok(EngineInfo {
            name: "Memory 1".into(),
            architecture: "amd64".into(),
            cpus: 8,
            memory_mib: 32 * 1024,
        })
    }

    fn describe_security(&self, _: &SecuritySettings) -> Vec<EngineSetting> {
        vec![]
    }

    async fn ensure_image(
        &self,
        reference: &str,
        _: PullPolicy,
        _: Option<&RegistryLogin>,
        _: OnProgress,
    ) -> EngineResult<EngineImage> {
        self.reach().await?;
        Ok(EngineImage {
            id: format!("sha256:{reference}"),
            digest: Some("sha256:0".into()),
            architecture: "amd64".into(),
            entrypoint: vec!["run".into()],
            command: vec![],
            user: String::new(),
        })
    }

    async fn start_worker(&self, plan: &WorkerPlan) -> EngineResult<()> {
        self.reach().await?;
        let containers = containers::planned(plan);
        let roles: Vec<ContainerRole> = containers.iter().map(|container| container.role).collect();
        self.change(|state| {
            state.now_ms += 1;
            let started = containers.into_iter().map(|container| Container {
                started_ms: state.now_ms,
                ..container
            });
            let started = started.collect();
            let worker = state.workers.entry(plan.worker_id).or_default();
            worker.containers = started;
            worker.name.clone_from(&plan.worker_name);
            worker.owner.clone_from(&plan.owner);
        });
        for role in roles {
            self.tell(plan.worker_id, role, "create", None);
            self.tell(plan.worker_id, role, "start", None);
        }
        Ok(())
    }

    async fn observe(&self, worker: WorkerId) -> EngineResult<Option<ObservedWorker>> {
        self.reach().await?;
        Ok(self.read(|state| Some(observed(worker, state.workers.get(&worker)?))))
    }

    async fn found(&self, worker: WorkerId) -> EngineResult<Option<FoundWorker>> {
        self.reach().await?;
        Ok(self.read(|state| Some(found(worker, state.workers.get(&worker)?))))
    }

    async fn list(&self) -> EngineResult<Vec<WorkerId>> {
        self.reach().await?;
        Ok(self.read(|state| state.workers.keys().copied().collect()))
    }

    async fn events(&self) -> EngineResult<BoxStream<'static, EngineEvent>> {
        self.reach().await?;
        let this = self.clone();
        let events = BroadcastStream::new(self.shared.events.subscribe());
        Ok(events
            .filter_map(|event| std::future::ready(event.ok()))
            .take_until(async move { this.broken().await })
            .boxed())
    }

    async fn stop(&self, worker: WorkerId) -> EngineResult<()> {
        self.reach().await?;
        let gone = self.change(|state| state.workers.remove(&worker));
        for container in gone.into_iter().flat_map(|worker| worker.containers) {
            if container.state == ContainerState::Running {
                self.tell(worker, container.role, "die", Some(143));
            }
            self.tell(worker, container.role, "destroy", None);
        }
        Ok(())
    }

    async fn logs(&self, _: WorkerId, _: ContainerRole, _: usize) -> EngineResult<Vec<u8>> {
        self.reach().await?;
        Ok(b"its last words\n".to_vec())
    }

    async fn exec(&self, worker: WorkerId, role: ContainerRole, mut spec: ExecSpec) -> EngineResult<ExecHandle> {
        self.reach().await?;
        let request = requests::of(&mut spec).await;
        let scripted = self.change(|state| {
            // A request to the agent comes by standard input.
            let words = format!("{} {}", spec.argv.join(" "), request.as_deref().unwrap_or_default());
            let at = state
                .scripts
                .iter()
                .position(|(text, _)| words.contains(text.as_str()))?;
            state.scripts.remove(at)
        });
        match scripted {
            Some((_, Scripted::Ends(text, code))) => return Ok(printed(text, "", Ok(code))),
            Some((_, Scripted::Breaks(text))) => {
                let pieces = [
                    Ok(ExecOutput::Stdout(Bytes::from_static(text.as_bytes()))),
                    Err(unreachable()),
                ];
                return Ok(ExecHandle {
                    output: stream::iter(pieces).boxed(),
                    exit_code: std::future::ready(Err(unreachable())).boxed(),
                });
            }
            Some((_, Scripted::Fails(kind))) => return Err(EngineError::new(kind, "as the test wants it")),
            None => {}
        }
        self.read(|state| {
            let container = state.workers.get(&worker).and_then(|worker| worker.of_role(role));
            match container {
                Some(container) if container.paused => Err(EngineError::new(
                    EngineErrorKind::Paused,
                    "the container is paused, unpause the container before exec",
                )),
                Some(container) if container.state == ContainerState::Running => Ok(()),
                Some(_) | None => Err(no_container()),
            }
        })?;
        if let Some(request) = request {
            return Ok(self.answer(&request).await);
        }
        if role == ContainerRole::Builder {
            return Ok(self.builder_command(worker, spec));
        }
        Ok(printed("", "", Ok(0)))
    }

    async fn copy_in(
        &self,
        _: WorkerId,
        _: ContainerRole,
        _: &str,
        _: Pin<Box<dyn futures::Stream<Item = std::io::Result<Bytes>> + Send>>,
    ) -> EngineResult<()> {
        self.reach().await
    }

    async fn copy_out(
        &self,
        _: WorkerId,
        _: ContainerRole,
        _: &str,
    ) -> EngineResult<BoxStream<'static, EngineResult<Bytes>>> {
        self.reach().await?;
        Err(EngineError::new(EngineErrorKind::NoSuchFile, "there is no such file"))
    }

    async fn connect(&self, worker: WorkerId, _: u16) -> EngineResult<Box<dyn Duplex>> {
        self.reach().await?;
        let answers = self.read(|state| {
            let primary = state.workers.get(&worker)?.of_role(ContainerRole::Primary)?;
            Some(primary.state == ContainerState::Running && !primary.paused && !state.notebook_silent)
        });
        if answers != Some(true) {
            return Err(EngineError::new(EngineErrorKind::Other, "the port does not answer"));
        }
        let (near, mut far) = tokio::io::duplex(1024);
        tokio::spawn(async move {
            let mut request = [0; 1024];
            if far.read(&mut request).await.is_ok_and(|read| read > 0) {
                _ = far.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
            }
        });
        Ok(Box::new(near))
    }
}

//! What the commands of a build do in a builder in memory: the agent's part of `buildkit::launcher`.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream::BoxStream};
use prt_agent_protocol::{AGENT, LARGEST_REQUEST, Launch, frame};
use prt_types::{
    ids::{BuildId, WorkerId},
    workers::{ContainerRole, ContainerState},
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::{MemoryEngine, no_container, printed};
use crate::{
    buildkit::launcher,
    engine::{EngineResult, ExecHandle, ExecOutput, ExecSpec},
};

/// The Dockerfile that every build folder has.
const DOCKERFILE: &str = "FROM scratch\n";
const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

#[derive(Default)]
pub(super) struct Builds(BTreeMap<String, Build>);

#[derive(Default)]
struct Build {
    progress: Vec<u8>,
    /// Lines that it has printed.
    lines: usize,
    /// Whether its processes run.
    runs: bool,
    /// Whether it was ever started.
    begun: bool,
    /// Whether it was canceled; a start finds that.
    marked: bool,
    exit: Option<i64>,
    /// What it does not heed.
    deaf_to: Vec<&'static str>,
    /// Signals that it was sent.
    signals: Vec<&'static str>,
}

impl Builds {
    pub(super) fn can_push(&self, build: BuildId) -> bool {
        self.0.get(&build.to_string()).is_some_and(|build| build.runs)
    }

    pub(super) fn all_processes_end(&mut self) {
        for build in self.0.values_mut() {
            build.runs = false;
        }
    }
}

/// What tests do to builds.
impl MemoryEngine {
    /// Prints `count` lines more of a build's one step.
    pub fn print(&self, worker: WorkerId, build: BuildId, count: usize) {
        self.build(worker, build, |build| {
            if build.progress.is_empty() {
                let step = r#"{"vertexes":[{"digest":"sha256:a","name":"[1/1] RUN count","started":"2027-01-15T08:00:00Z"}]}"#;
                build.progress.extend_from_slice(step.as_bytes());
                build.progress.push(b'\n');
            }
            for number in build.lines + 1..=build.lines + count {
                let data = STANDARD.encode(format!("line {number}\n"));
                let log = format!(
                    r#"{{"logs":[{{"vertex":"sha256:a","stream":1,"data":"{data}","timestamp":"2027-01-15T08:00:01Z"}}]}}"#
                );
                build.progress.extend_from_slice(log.as_bytes());
                build.progress.push(b'\n');
            }
            build.lines += count;
        });
    }

    /// Lets a build end by itself; one whose container is paused cannot.
    pub fn finish(&self, worker: WorkerId, build: BuildId, exit_code: i64) {
        assert!(
            self.can_push(worker, build),
            "the build does not run in the builder any more"
        );
        self.build(worker, build, |build| {
            build.runs = false;
            build.exit = Some(exit_code);
        });
    }

    /// Kills the process that watches over a build, not what it has started.
    pub fn orphan(&self, worker: WorkerId, build: BuildId) {
        self.build(worker, build, |build| build.begun = false);
    }

    /// A build that does not heed these signals.
    pub fn deafen(&self, worker: WorkerId, build: BuildId, signals: &[&'static str]) {
        self.build(worker, build, |build| build.deaf_to = signals.to_vec());
    }

    /// Signals that the build was sent.
    pub fn signals(&self, worker: WorkerId, build: BuildId) -> Vec<&'static str> {
        self.read(|state| {
            let build = state
                .workers
                .get(&worker)
                .and_then(|worker| worker.builds.0.get(&build.to_string()));
            build.map_or(vec![], |build| build.signals.clone())
        })
    }

    fn build(&self, worker: WorkerId, id: BuildId, change: impl FnOnce(&mut Build)) {
        self.change(|state| {
            let builds = &mut state.workers.get_mut(&worker).expect("there is such a worker").builds;
            change(
                builds
                    .0
                    .get_mut(&id.to_string())
                    .expect("the build has reached the builder"),
            );
        });
    }

    pub(super) fn builder_command(&self, worker: WorkerId, spec: ExecSpec) -> ExecHandle {
        let words: Vec<&str> = spec.argv.iter().map(String::as_str).collect();
        match words.as_slice() {
            [AGENT, "launch"] => self.command(worker, move |run| async move { run.launch(spec.stdin).await }),
            [AGENT, "follow", _, build, from] => {
                let (build, from) = ((*build).to_owned(), from.parse().unwrap_or(0));
                self.command(worker, move |run| async move { run.follow(&build, from).await })
            }
            [AGENT, "cancel", _, build, signal] => {
                self.cancel(worker, build, if *signal == "kill" { "KILL" } else { "TERM" });
                printed("", "", Ok(0))
            }
            _ => printed("", "", Ok(0)),
        }
    }

    fn cancel(&self, worker: WorkerId, build: &str, signal: &'static str) {
        self.change(|state| {
            let Some(worker) = state.workers.get_mut(&worker) else {
                return;
            };
            let build = worker.builds.0.entry(build.to_owned()).or_default();
            build.marked = true;
            build.signals.push(signal);
            if build.runs && !build.deaf_to.contains(&signal) {
                build.runs = false;
                // One whose watcher was killed leaves no exit code.
                build.exit = build.begun.then_some(if signal == "KILL" { 137 } else { 1 });
            }
        });
    }

    /// A command that runs beside its readers, like a real one.
    fn command<F>(&self, worker: WorkerId, run: impl FnOnce(Command) -> F) -> ExecHandle
    where
        F: Future<Output = EngineResult<i64>> + Send + 'static,
    {
        let (output, pieces) = mpsc::channel(64);
        let (ended, end) = oneshot::channel();
        let running = run(Command {
            engine: self.clone(),
            worker,
            output: output.clone(),
        });
        let engine = self.clone();
        tokio::spawn(async move {
            let code = tokio::select! {
                code = running => code,
                error = engine.broken() => {
                    _ = output.send(Err(error)).await;
                    return;
                }
            };
            drop(output);
            _ = ended.send(code);
        });
        ExecHandle {
            output: ReceiverStream::new(pieces).boxed(),
            exit_code: end
                .map(|code| code.unwrap_or_else(|_| Err(super::unreachable())))
                .boxed(),
        }
    }
}

struct Command {
    engine: MemoryEngine,
    worker: WorkerId,
    output: mpsc::Sender<EngineResult<ExecOutput>>,
}

/// What a follower finds at one look.
enum Found {
    Nothing,
    Bytes(Vec<u8>),
    End(Option<i64>),
    Frozen,
    Gone,
}

impl Command {
    async fn out(&self, bytes: impl Into<Bytes>) {
        // Nobody may read any more.
        _ = self.output.send(Ok(ExecOutput::Stdout(bytes.into()))).await;
    }

    async fn err(&self, text: String) {
        _ = self.output.send(Ok(ExecOutput::Stderr(text.into()))).await;
    }

    /// Two frames of input: what is built, and the word to build it.
    async fn launch(self, stdin: Option<BoxStream<'static, Bytes>>) -> EngineResult<i64> {
        let Some(mut stdin) = stdin else { return Ok(0) };
        let mut input: Vec<u8> = vec![];
        let mut build = None;
        while let Some(piece) = stdin.next().await {
            input.extend_from_slice(&piece);
            if build.is_none()
                && let Some(frame) = frame::read(&mut input.as_slice(), LARGEST_REQUEST).ok().flatten()
                && let Ok(launch) = serde_json::from_slice::<Launch>(&frame)
            {
                input.drain(..frame::HEAD + frame.len());
                if launch.read {
                    self.out(format!("{DOCKERFILE}\0")).await;
                }
                build = Some(launch.build);
            }
        }
        let Some(build) = build.filter(|_| !input.is_empty()) else {
            return Ok(0);
        };
        let begun = self.engine.change(|state| {
            let worker = state.workers.get_mut(&self.worker)?;
            let known = worker.builds.0.contains_key(&build);
            if !known {
                let new = Build {
                    begun: true,
                    runs: true,
                    ..Build::default()
                };
                worker.builds.0.insert(build.clone(), new);
            }
            Some(!known)
        });
        match begun {
            None => Err(no_container()),
            Some(false) => Ok(launcher::EXIT_EXISTS),
            Some(true) => self.follow(&build, 0).await,
        }
    }

    async fn follow(self, build: &str, mut from: usize) -> EngineResult<i64> {
        let mut changed = self.engine.shared.changed.subscribe();
        let known = self.engine.read(|state| {
            let build = state.workers.get(&self.worker)?.builds.0.get(build)?;
            Some(build.begun || build.runs || build.exit.is_some())
        });
        if known != Some(true) {
            return Ok(launcher::EXIT_NOT_STARTED);
        }
        loop {
            match self.look(build, from) {
                Found::Nothing | Found::Frozen => _ = changed.changed().await,
                Found::Bytes(bytes) => {
                    from += bytes.len();
                    self.out(bytes).await;
                }
                Found::End(Some(code)) => {
                    self.err(format!(
                        "metadata {{\"containerimage.digest\":\"{DIGEST}\"}}\nexit {code}\n"
                    ))
                    .await;
                    return Ok(0);
                }
                Found::End(None) => {
                    self.err("lost\n".into()).await;
                    return Ok(0);
                }
                Found::Gone => return Err(no_container()),
            }
        }
    }

    fn look(&self, build: &str, from: usize) -> Found {
        self.engine.read(|state| {
            let Some(worker) = state.workers.get(&self.worker) else {
                return Found::Gone;
            };
            match worker.of_role(ContainerRole::Builder) {
                Some(container) if container.state != ContainerState::Running => return Found::Gone,
                Some(container) if container.paused => return Found::Frozen,
                Some(_) => {}
                None => return Found::Gone,
            }
            let Some(build) = worker.builds.0.get(build) else {
                return Found::Gone;
            };
            let rest = build.progress.get(from..).unwrap_or_default();
            match (rest, build.exit) {
                ([_, ..], _) => Found::Bytes(rest.to_vec()),
                ([], Some(code)) => Found::End(Some(code)),
                // Its watcher is gone, whatever else lives on.
                ([], None) if !build.begun || !build.runs => Found::End(None),
                ([], None) => Found::Nothing,
            }
        })
    }
}

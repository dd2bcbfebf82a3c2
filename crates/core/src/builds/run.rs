//! Follows one build from its start, or from where a former console left it, to its end.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use prt_types::{
    build_events::{BuildEvent, StepState},
    builds::{BuildStatus, RegistryCredential},
    exit_code::exit_code_words,
    workers::{ContainerRole, ContainerState},
};
use tokio::{sync::watch, time::Instant};
use tracing::Instrument as _;

use super::{
    offer::{self, Offer},
    options,
    runs::{Live, Run, Stop},
};
use crate::{
    Orchestrator,
    buildkit::{
        launcher::{self, Launch, Trailer},
        mask::Masker,
        rawjson::{Decoder, Events},
    },
    engine::{EngineError, EngineErrorKind, ExecSpec},
    error::{Error, Result},
    logs::{Decoded, LogWriter},
    orchestrator::Change,
    store::Build,
    workers::CONTEXTS,
};

/// How long a broken connection to a builder that seems to live is made anew.
const RECONNECT_FOR: Duration = Duration::from_mins(1);
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// How often a build's open pages are told to look again.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// What is kept of each step's output to explain a failure.
const LAST_LINES: usize = 20;
const LAST_LINE_CHARS: usize = 400;
/// How often a build that should be in the builder is looked for: its start may be under way.
const LOOKS: u32 = 6;

const RESTARTED: &str = "The console was restarted; the log goes on.";

/// Where to begin.
#[derive(Debug)]
pub(super) enum Start {
    /// In the builder. The notes open the log.
    Launch {
        /// In plain words.
        notes: Vec<String>,
        /// The command that waits there.
        offer: Offer,
    },
    /// At what a former console left.
    Resume,
}

/// How following ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// `buildctl` ended.
    Exit(Trailer),
    /// The builder could not start it.
    Refused {
        /// Exit code of the script.
        code: i64,
        /// Its words.
        words: String,
    },
    /// It was stopped and is not waited for any longer.
    Stopped(Stop),
    /// The builder, or the build in it, is gone.
    Lost(String),
}

/// How one connection to the build ended.
#[derive(Debug)]
pub(super) enum Attended {
    /// With the build.
    Over(Outcome),
    /// The build was started before, or its start was prevented.
    Exists,
    /// There is no such build in the builder.
    NotStarted,
    /// By itself.
    Broken(Option<EngineError>),
}

/// One build being followed.
pub(super) struct Follower<'a> {
    pub o: &'a Orchestrator,
    pub build: &'a Build,
    pub run: &'a Run,
    pub decoder: Decoder,
    pub stopping: watch::Receiver<Option<Stop>>,
    /// When the build has taken too long, or a wish to stop was not heeded.
    pub deadline: Instant,
    /// Whether BuildKit was asked to stop, and whether it was killed.
    pub asked: bool,
    pub killed: bool,
    /// Bytes of progress read.
    pub offset: u64,
    /// The build's logins.
    pub logins: Vec<RegistryCredential>,
    writer: LogWriter,
    skip: Decoded,
    last_lines: HashMap<u32, VecDeque<String>>,
    told: Option<Instant>,
}

/// Takes the build out of the list of those that are followed, also after a panic.
struct Leave<'a>(&'a Orchestrator, &'a Build);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.inner.builds.leave(self.1.id);
    }
}

impl Orchestrator {
    /// Follows a build in a task of its own, unless it is followed already.
    pub(super) fn build_start(&self, build: Build, start: Start) {
        let Some(run) = self.inner.builds.enter(build.id, build.worker_id) else {
            return;
        };
        if build.cancel_requested {
            run.stop(Stop::Cancel);
        }
        let o = self.clone();
        let detached = self.inner.builds.detached();
        // A trace of its own: the request that asked for the build ends long before it.
        let span = tracing::info_span!(parent: None, "build", build.number);
        let task = async move {
            tokio::select! {
                biased;
                () = detached.cancelled() => o.inner.builds.leave(build.id),
                () = o.build_run(&build, run, start) => {}
            }
        };
        self.inner.tasks.spawn(task.instrument(span));
    }

    async fn build_run(&self, build: &Build, run: Arc<Run>, mut start: Start) {
        let leave = Leave(self, build);
        self.build_log_file_start(build);
        match Follower::open(self, build, &run, &mut start).await {
            Ok(mut follower) => {
                let outcome = follower.until_the_end(start).await;
                let end = follower.verdict(outcome);
                follower.end(end).await;
            }
            Err(error) => {
                tracing::error!(
                    build.number = build.number,
                    error = &error as &dyn std::error::Error,
                    "a build cannot be followed"
                );
                self.build_end_without_log(build, &error).await;
            }
        }
        drop(leave);
        self.build_tidy(build).await;
    }

    /// Tells open pages that a build looks different now.
    pub(super) fn build_changed(&self, build: &Build) {
        self.changed(Some(&build.owner), Change::Build { number: build.number });
    }

    /// Notes that the builder works on it.
    async fn build_note_started(&self, build: &Build) -> Result<()> {
        let mut tx = self.write().await?;
        let Some(mut row) = tx.build(build.id).await? else {
            return Ok(());
        };
        row.status = BuildStatus::Running;
        row.started_ms = Some(self.now_ms());
        if tx.build_update_from(&row, &[BuildStatus::Pending]).await? {
            tx.save().await?;
            self.build_changed(build);
            self.changed(
                Some(&build.owner),
                Change::Worker {
                    name: format!("Worker-{}", build.worker_number),
                },
            );
        }
        Ok(())
    }

    /// The logins of a build that has not ended.
    fn build_logins(&self, build: &Build) -> Result<Vec<RegistryCredential>> {
        let Some(sealed) = &build.credentials_sealed else {
            return Ok(vec![]);
        };
        let json = self.inner.sealer.open(&format!("build/{}", build.id), sealed)?;
        serde_json::from_slice(&json).map_err(|error| Error::internal("reading logins", error))
    }
}

impl<'a> Follower<'a> {
    async fn open(o: &'a Orchestrator, build: &'a Build, run: &'a Run, start: &mut Start) -> Result<Self> {
        let logins = o.build_logins(build)?;
        let decoder = Decoder::new(
            build.created_ms,
            Masker::new(logins.iter().map(|login| &login.password)),
        );
        let log = |error| Error::internal("a build's log", error);
        let writer = o.inner.logs.writer(build.id).await.map_err(log)?;
        let skip = match start {
            Start::Launch { .. } => Decoded::default(),
            Start::Resume => o.inner.logs.decoded(build.id).await.map_err(log)?,
        };
        let mut stopping = run.stopping();
        if stopping.borrow().is_some() {
            stopping.mark_changed();
        }
        let until_ms = build.started_ms.unwrap_or(build.created_ms) + o.inner.settings.build_timeout.as_millis() as i64;
        let left = Duration::from_millis((until_ms - o.now_ms()).max(0) as u64);
        let mut follower = Self {
            o,
            build,
            run,
            decoder,
            stopping,
            deadline: Instant::now() + left,
            asked: false,
            killed: false,
            offset: 0,
            writer,
            logins,
            skip,
            last_lines: HashMap::new(),
            told: None,
        };
        let notes = match start {
            Start::Launch { notes, .. } => std::mem::take(notes),
            Start::Resume if follower.writer.position().last_seq > 0 => vec![RESTARTED.to_owned()],
            Start::Resume => vec![],
        };
        let now = o.now_ms();
        follower
            .append(
                notes
                    .into_iter()
                    .map(|text| (now, BuildEvent::Notice { text }))
                    .collect(),
            )
            .await;
        Ok(follower)
    }

    /// Connects to the build, again and again if it must be, until it has ended.
    async fn until_the_end(&mut self, start: Start) -> Outcome {
        let (mut launch, mut offer) = match start {
            Start::Launch { offer, .. } => (true, Some(offer)),
            Start::Resume => (false, None),
        };
        // A build that was recorded, but perhaps never reached the builder.
        let mut may_launch = self.build.status == BuildStatus::Pending;
        let (mut looks, mut broken_since) = (0, None);
        loop {
            if let (true, Some(stop)) = (launch, self.stop_wish()) {
                return Outcome::Stopped(stop);
            }
            let before = self.offset;
            let handle = match (launch, offer.take()) {
                (true, Some(offer)) => Ok(offer.accept(self.launch(launcher::input))),
                (true, None) => self.exec(self.launch(launcher::launch)).await,
                (false, _) => {
                    self.exec(launcher::follow(&self.build.id.to_string(), self.offset))
                        .await
                }
            };
            let attended = match handle {
                Ok(handle) => {
                    if let Err(error) = self.o.build_note_started(self.build).await {
                        tracing::warn!(
                            build.number = self.build.number,
                            error = &error as &dyn std::error::Error,
                            "a build's start is not recorded"
                        );
                    }
                    self.attend(handle).await
                }
                Err(error) => Attended::Broken(Some(error)),
            };
            if self.offset > before {
                broken_since = None;
            }
            match attended {
                Attended::Over(outcome) => return outcome,
                Attended::Exists => (launch, may_launch) = (false, false),
                Attended::NotStarted => {
                    if let Some(stop) = self.stop_wish() {
                        return Outcome::Stopped(stop);
                    }
                    looks += 1;
                    if may_launch {
                        launch = true;
                    } else if looks >= LOOKS {
                        return Outcome::Lost("The builder was started anew and knows nothing of the build.".into());
                    } else {
                        tokio::time::sleep(RECONNECT_PAUSE).await;
                    }
                }
                Attended::Broken(error) => {
                    if let Some(outcome) = self.examine(error.as_ref()).await {
                        return outcome;
                    }
                    // Whether a start that broke has reached the builder is found out by looking for it.
                    (launch, may_launch) = (false, may_launch || launch);
                    let since = *broken_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > RECONNECT_FOR {
                        return Outcome::Lost("The connection to the builder broke and cannot be made again.".into());
                    }
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
            }
        }
    }

    /// The build as the launcher wants it.
    fn launch<T>(&self, make: impl FnOnce(&Launch<'_>) -> T) -> T {
        let build = self.build;
        let options = options::kept(&build.additional_build_params, &build.custom_build_command);
        make(&Launch {
            build: &build.id.to_string(),
            store: CONTEXTS,
            source: offer::source(&build.context_id, &build.context),
            dockerfile: &build.dockerfile,
            dockerfile_text: &build.dockerfile_text,
            reference: &format!("{}:{}", build.name, build.tag),
            build_args: &build.build_args,
            push: build.push_image,
            insecure_registry: build.insecure_registry,
            no_cache: build.no_cache,
            options: &options,
            credentials: &self.logins,
        })
    }

    async fn exec(&self, spec: ExecSpec) -> Result<crate::engine::ExecHandle, EngineError> {
        self.o
            .inner
            .engine
            .exec(self.build.worker_id, ContainerRole::Builder, spec)
            .await
    }

    /// The wish to stop, if there is one.
    pub(super) fn stop_wish(&self) -> Option<Stop> {
        self.stopping.borrow().clone()
    }

    /// After a broken connection: whether the build is over because of its builder.
    async fn examine(&self, error: Option<&EngineError>) -> Option<Outcome> {
        if let Some(stop @ Stop::Lost(_)) = self.stop_wish() {
            return Some(Outcome::Stopped(stop));
        }
        if let Some(error) = error {
            tracing::warn!(build.number = self.build.number, %error, "the connection to a build broke");
            if error.kind == EngineErrorKind::CannotStart {
                return Some(Outcome::Refused {
                    code: launcher::EXIT_NO_BUILDCTL,
                    words: "The worker was started by an older console and has no agent.".into(),
                });
            }
        }
        let observed = self.o.inner.engine.observe(self.build.worker_id).await.ok()?;
        let Some(builder) = observed
            .as_ref()
            .and_then(|worker| worker.container(ContainerRole::Builder))
        else {
            return Some(Outcome::Lost("The builder container is gone.".into()));
        };
        match (builder.state, builder.oom_killed, builder.exit_code) {
            (ContainerState::Running, _, _) => None,
            (_, true, _) => Some(Outcome::Lost(
                "The builder ended: it needed more memory than it has.".into(),
            )),
            (_, _, Some(code)) => Some(Outcome::Lost(format!(
                "The builder ended with {}.",
                exit_code_words(code)
            ))),
            (_, _, None) => Some(Outcome::Lost("The builder does not run any more.".into())),
        }
    }

    /// Takes decoded events over: leaves out what a former console kept, notes what is needed later, writes the rest to the log.
    pub(super) async fn keep(&mut self, events: Events) {
        let mut steps_changed = false;
        let mut fresh = Vec::with_capacity(events.len());
        for (at_ms, event) in events {
            match &event {
                BuildEvent::Log(line) => {
                    let lines = self.last_lines.entry(line.step).or_default();
                    if lines.len() == LAST_LINES {
                        lines.pop_front();
                    }
                    lines.push_back(line.text.chars().take(LAST_LINE_CHARS).collect());
                }
                BuildEvent::Step(_) => steps_changed = true,
                BuildEvent::Progress(_)
                | BuildEvent::Warning { .. }
                | BuildEvent::Notice { .. }
                | BuildEvent::End(_) => {}
            }
            if self.is_new(&event) {
                fresh.push((at_ms, event));
            }
        }
        if steps_changed {
            self.run.set_live(self.counts());
        }
        let lines = fresh
            .iter()
            .filter(|(_, event)| matches!(event, BuildEvent::Log(_)))
            .count();
        metrics::counter!("prt_build_log_lines_total").increment(lines as u64);
        self.append(fresh).await;
        let due = self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if steps_changed && due {
            self.told = Some(Instant::now());
            self.o.build_changed(self.build);
        }
    }

    fn is_new(&mut self, event: &BuildEvent) -> bool {
        if self.skip.whole > 0 {
            self.skip.whole -= 1;
            return false;
        }
        // In a log that was cut there is nothing of these after the cut, and the writer still leaves them out.
        let left_out = matches!(event, BuildEvent::Log(_) | BuildEvent::Progress(_));
        if self.skip.after_cut > 0 && !left_out {
            self.skip.after_cut -= 1;
            return false;
        }
        true
    }

    pub(super) fn counts(&self) -> Live {
        let (mut steps, mut steps_cached) = (0, 0);
        for step in self.decoder.steps() {
            steps += 1;
            steps_cached += i64::from(step.state == StepState::Cached);
        }
        Live { steps, steps_cached }
    }

    pub(super) fn last_lines(&self, step: u32) -> Vec<String> {
        self.last_lines
            .get(&step)
            .map(|lines| lines.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Writes to the log. While the disk is full it waits: the build goes on in the builder, and its progress is kept there.
    pub(super) async fn append(&mut self, events: Events) {
        if events.is_empty() {
            return;
        }
        let mut result = self.writer.append(events).await;
        while let Err(error) = result {
            tracing::error!(build.number = self.build.number, %error, "a build's log cannot be written");
            if self.stop_wish().is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            result = self.writer.append(vec![]).await;
        }
    }
}

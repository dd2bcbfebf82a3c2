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
    docker_options,
    offer::{self, Offer},
    options,
    runs::{Live, Run, Stop, Told},
    secrets::Sealed,
    stop::{self, Asking},
};
use crate::{
    Orchestrator,
    buildkit::{
        launcher::{self, Launch, SecretFile, Trailer},
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

/// Between two tries to reach a builder, at first and at most.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often a build's open pages are told to look again.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// What is kept of each step's output to explain a failure.
const LAST_LINES: usize = 20;
const LAST_LINE_CHARS: usize = 400;
/// How often a build that should be in the builder is looked for: its start may be under way.
const LOOKS: u32 = 6;

const FORGOTTEN: &str = "The builder was restarted and knows nothing of the build.";
const VANISHED: &str = "The build's process in the builder is gone: it was killed, or the builder was restarted.";
const RESTARTED: &str = "The console was restarted; the log goes on.";

/// Where to begin.
#[derive(Debug)]
pub(super) enum Start {
    /// In the builder. The notes open the log.
    Launch {
        /// In plain words.
        notes: Vec<String>,
        /// The command that waits there; none if the Dockerfile came with the request.
        offer: Option<Offer>,
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
    /// It was stopped before it began.
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
    /// Its process in the builder is gone and has left no exit code.
    Vanished,
    /// By itself.
    Broken(Option<EngineError>),
}

/// One build being followed.
pub(super) struct Follower<'a> {
    pub o: &'a Orchestrator,
    pub build: &'a Build,
    pub run: &'a Run,
    pub decoder: Decoder,
    pub told: watch::Receiver<Told>,
    /// When the build has taken too long.
    pub deadline: Instant,
    /// A wish to stop on its way to the builder.
    pub asking: Option<Asking>,
    /// What was last said about it.
    pub said: Option<String>,
    /// Bytes of progress read.
    pub offset: u64,
    /// The build's logins.
    pub logins: Vec<RegistryCredential>,
    secrets: Vec<SecretFile>,
    /// Unset where the log or the credentials cannot be used: then the build is only brought to its end.
    writer: Option<LogWriter>,
    skip: Decoded,
    last_lines: LastLines,
    pages_told: Option<Instant>,
}

/// What each step printed last.
type LastLines = HashMap<u32, VecDeque<String>>;

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
        if let Some(wish) = stop::wish_of(&build) {
            run.stop(wish);
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
        if matches!(start, Start::Resume) && self.build_end_as_logged(build).await {
            return;
        }
        self.build_log_file_start(build);
        let mut follower = match Follower::open(self, build, &run, &mut start).await {
            Ok(follower) => follower,
            Err(error) => {
                tracing::error!(
                    build.number = build.number,
                    error = &error as &dyn std::error::Error,
                    "a build cannot be followed"
                );
                // It may run in the builder: it has ended only when the builder says so.
                run.stop(Stop::Unfollowed(error.to_string()));
                Follower::without_log(self, build, &run)
            }
        };
        let outcome = follower.until_the_end(start).await;
        let end = follower.verdict(outcome).await;
        follower.end(end).await;
        drop(follower);
        drop(leave);
        self.build_tidy(build).await;
    }

    /// Tells open pages that a build looks different now.
    pub(crate) fn build_changed(&self, build: &Build) {
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

    /// How long a build may still take. Only a build that another process began is measured by the machine's clock, which may jump.
    fn build_time_left(&self, build: &Build, begins: bool) -> Duration {
        let limit = self.inner.settings.build_timeout;
        if begins {
            return limit;
        }
        let taken_ms = self.now_ms() - build.started_ms.unwrap_or(build.created_ms);
        limit.saturating_sub(Duration::from_millis(taken_ms.max(0) as u64))
    }
}

impl<'a> Follower<'a> {
    async fn open(o: &'a Orchestrator, build: &'a Build, run: &'a Run, start: &mut Start) -> Result<Self> {
        let Sealed { logins, secrets } = o.build_sealed(build)?;
        let masked = logins.iter().map(|login| &login.password);
        let masked = masked.chain(secrets.iter().map(|secret| &secret.value));
        let decoder = Decoder::new(build.created_ms, Masker::new(masked));
        let log = |error| Error::internal("a build's log", error);
        let writer = o.inner.logs.writer(build.id).await.map_err(log)?;
        let skip = match start {
            Start::Launch { .. } => Decoded::default(),
            Start::Resume => o.inner.logs.decoded(build.id).await.map_err(log)?,
        };
        let mut follower = Self {
            decoder,
            deadline: Instant::now() + o.build_time_left(build, matches!(start, Start::Launch { .. })),
            writer: Some(writer),
            logins,
            secrets,
            skip,
            ..Self::without_log(o, build, run)
        };
        let notes = match start {
            Start::Launch { notes, .. } => std::mem::take(notes),
            Start::Resume if follower.last_seq() > 0 => vec![RESTARTED.to_owned()],
            Start::Resume => vec![],
        };
        for note in notes {
            follower.notice(note).await;
        }
        Ok(follower)
    }

    fn without_log(o: &'a Orchestrator, build: &'a Build, run: &'a Run) -> Self {
        let mut told = run.told();
        if *told.borrow() != Told::default() {
            told.mark_changed();
        }
        Self {
            o,
            build,
            run,
            decoder: Decoder::new(build.created_ms, Masker::new(std::iter::empty())),
            told,
            deadline: Instant::now(),
            asking: None,
            said: Some(build.message.clone()).filter(|message| !message.is_empty()),
            offset: 0,
            logins: vec![],
            secrets: vec![],
            writer: None,
            skip: Decoded::default(),
            last_lines: LastLines::new(),
            pages_told: None,
        }
    }

    fn last_seq(&self) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.position().last_seq)
    }

    /// Connects to the build, again and again if it must be, until it has ended. That it cannot be reached is no end, however long it
    /// lasts.
    async fn until_the_end(&mut self, start: Start) -> Outcome {
        let (mut launch, mut offer) = match start {
            Start::Launch { offer, .. } => (true, offer),
            Start::Resume => (false, None),
        };
        // A build that was recorded, but perhaps never reached the builder.
        let mut may_launch = self.build.status == BuildStatus::Pending;
        let (mut looks, mut pause) = (0, RECONNECT_PAUSE);
        loop {
            if let Some(stop) = self.stop_wish() {
                if offer.is_some() {
                    // The command waits for its input and ends without it.
                    return Outcome::Stopped(stop);
                }
                // A start that was broken off may still be under way in the builder.
                launch = false;
                self.ask_to_stop(false);
            }
            // What was found before the wish was heard says nothing about what came after.
            let (heard, killed) = (self.was_heard(false), self.was_heard(true));
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
                pause = RECONNECT_PAUSE;
            }
            match attended {
                Attended::Over(outcome) => return outcome,
                Attended::Exists => {
                    (launch, may_launch) = (false, false);
                    continue;
                }
                Attended::NotStarted => match self.stop_wish() {
                    Some(stop) if heard => return Outcome::Stopped(stop),
                    Some(_) => {}
                    None if may_launch => {
                        launch = true;
                        continue;
                    }
                    None if heard => return Outcome::Lost(FORGOTTEN.into()),
                    None => {
                        looks += 1;
                        if looks >= LOOKS {
                            // A start that is still under way must not begin to build after this is told.
                            self.ask_to_stop(false);
                        }
                    }
                },
                Attended::Vanished if killed || self.was_restarted().await => return Outcome::Lost(VANISHED.into()),
                // What the process has started may outlive it.
                Attended::Vanished => self.ask_to_stop(true),
                Attended::Broken(error) => {
                    if let Some(outcome) = self.examine(error.as_ref()).await {
                        return outcome;
                    }
                    if let Some(error) = error.filter(|error| error.kind == EngineErrorKind::CannotStart) {
                        // E.g. a worker of an older console, which has no agent. Its build may run all the same.
                        self.say_once(format!(
                            "The builder takes no commands from this console: {error}. The build ends with its worker at the latest."
                        ))
                        .await;
                    }
                    // Whether a start that broke has reached the builder is found out by looking for it.
                    (launch, may_launch) = (false, may_launch || launch);
                }
            }
            if let Some(outcome) = self.rest(pause).await {
                return outcome;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits before the next try, and heeds what comes meanwhile; what does so ends the wait.
    async fn rest(&mut self, pause: Duration) -> Option<Outcome> {
        tokio::select! {
            () = self.told_something() => self.heed().await,
            () = tokio::time::sleep(pause) => None,
        }
    }

    /// Whether the builder was restarted since the build began: nothing of the build has survived that.
    async fn was_restarted(&self) -> bool {
        let Ok(Some(observed)) = self.o.inner.engine.observe(self.build.worker_id).await else {
            return false;
        };
        let builder = observed.container(ContainerRole::Builder);
        let since = builder.and_then(|builder| builder.started_ms);
        since.is_some_and(|since| since > self.build.created_ms)
    }

    /// The build as the launcher wants it.
    fn launch<T>(&self, make: impl FnOnce(&Launch<'_>) -> T) -> T {
        let build = self.build;
        let options = [
            docker_options::args(&build.options),
            options::kept(&build.additional_build_params, &build.custom_build_command),
        ]
        .concat();
        make(&Launch {
            build: &build.id.to_string(),
            store: CONTEXTS,
            source: offer::source(&build.context_id, &build.context),
            dockerfile: &build.dockerfile,
            dockerfile_text: &build.dockerfile_text,
            reference: &format!("{}:{}", build.name, build.tag),
            additional_tags: &build.options.additional_tags,
            oci_mediatypes: build.options.oci_mediatypes,
            build_args: &build.build_args,
            push: build.push_image,
            insecure_registry: build.insecure_registry,
            no_cache: build.no_cache,
            options: &options,
            credentials: &self.logins,
            secrets: &self.secrets,
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
        self.told.borrow().stop.clone()
    }

    /// After a broken connection: whether the build is over because of its builder.
    pub(super) async fn examine(&self, error: Option<&EngineError>) -> Option<Outcome> {
        if let Some(error) = error {
            tracing::warn!(build.number = self.build.number, %error, "the connection to a build broke");
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
        let steps_changed = events.iter().any(|(_, event)| matches!(event, BuildEvent::Step(_)));
        note_last_lines(&mut self.last_lines, &events);
        let mut fresh = events;
        fresh.retain(|(_, event)| self.is_new(event));
        if steps_changed {
            self.run.set_live(self.counts());
        }
        let lines = fresh
            .iter()
            .filter(|(_, event)| matches!(event, BuildEvent::Log(_)))
            .count();
        metrics::counter!("prt_build_log_lines_total").increment(lines as u64);
        self.append_behind(fresh).await;
        let due = self.pages_told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if steps_changed && due {
            self.pages_told = Some(Instant::now());
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

    /// Tells the log's readers something.
    pub(super) async fn notice(&mut self, text: String) {
        let now = self.o.now_ms();
        self.append(vec![(now, BuildEvent::Notice { text })]).await;
    }

    /// The same, unless it was the last thing said.
    pub(super) async fn say_once(&mut self, text: String) {
        if self.said.as_ref() != Some(&text) {
            self.notice(text.clone()).await;
            self.said = Some(text);
        }
    }

    /// Writes to the log. While the disk is full it waits: the build goes on in the builder, and its progress is kept there.
    pub(super) async fn append(&mut self, events: Events) {
        let Some(writer) = self.writer.as_mut().filter(|_| !events.is_empty()) else {
            return;
        };
        let result = writer.append(events).await.map(drop);
        self.until_written(result).await;
    }

    /// The same for many, while the next ones are read and decoded.
    async fn append_behind(&mut self, events: Events) {
        let Some(writer) = self.writer.as_mut().filter(|_| !events.is_empty()) else {
            return;
        };
        let result = writer.append_behind(events).await;
        self.until_written(result).await;
    }

    /// Waits until all that was given to the log is written.
    pub(super) async fn written(&mut self) {
        if let Some(writer) = self.writer.as_mut() {
            let result = writer.written().await;
            self.until_written(result).await;
        }
    }

    async fn until_written(&mut self, mut result: std::io::Result<()>) {
        while let Err(error) = result {
            tracing::error!(build.number = self.build.number, %error, "a build's log cannot be written");
            if self.told.borrow().stop.is_some() || Instant::now() >= self.deadline {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            let Some(writer) = self.writer.as_mut() else { return };
            result = writer.append(vec![]).await.map(drop);
        }
    }
}

/// Takes over the last lines of each step. Most of many lines are not among them, and are not looked at.
fn note_last_lines(last: &mut LastLines, events: &Events) {
    let mut taken: HashMap<u32, Vec<String>> = HashMap::new();
    for (_, event) in events.iter().rev() {
        if let BuildEvent::Log(line) = event {
            let lines = taken.entry(line.step).or_default();
            if lines.len() < LAST_LINES {
                lines.push(line.text.chars().take(LAST_LINE_CHARS).collect());
            }
        }
    }
    for (step, lines) in taken {
        let kept = last.entry(step).or_default();
        let spare = (kept.len() + lines.len()).saturating_sub(LAST_LINES);
        kept.drain(..spare);
        kept.extend(lines.into_iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prt_types::build_events::LogLine;

    use super::*;

    proptest! {
        #[test]
        fn the_last_lines_of_each_step_are_kept(batches in prop::collection::vec(prop::collection::vec(0..3_u32, 0..60), 0..6)) {
            let mut last = LastLines::new();
            let mut all: HashMap<u32, Vec<String>> = HashMap::new();
            let mut line = 0;
            for steps in batches {
                let mut events = vec![(0, BuildEvent::Notice { text: "word".into() })];
                for step in steps {
                    line += 1;
                    let text = format!("line {line} {}", "é".repeat(LAST_LINE_CHARS));
                    all.entry(step).or_default().push(text.chars().take(LAST_LINE_CHARS).collect());
                    events.push((0, BuildEvent::Log(LogLine { line, step, stream: 1, text })));
                }
                note_last_lines(&mut last, &events);
            }
            prop_assert_eq!(last.len(), all.len());
            for (step, lines) in all {
                let wanted = &lines[lines.len().saturating_sub(LAST_LINES)..];
                prop_assert_eq!(Vec::from(last[&step].clone()), wanted);
            }
        }
    }
}

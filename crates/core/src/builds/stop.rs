//! Asks a builder to end a build, for as long as it takes.
//!
//! The asking runs beside the reading of the build's progress: what ends a build is that the builder, or the engine, says so, and that is
//! found out there.

use std::time::Duration;

use prt_types::{
    builds::{BuildReason, BuildStatus},
    ids::{BuildId, WorkerId},
    workers::ContainerRole,
};
use tokio::{sync::watch, task::AbortHandle, time::Instant};

use super::{run::Follower, runs::Stop};
use crate::{
    Orchestrator,
    buildkit::launcher,
    engine::{EngineError, EngineErrorKind, exec_collect},
    error::Result,
    store::Build,
};

/// BuildKit ends a canceled build within a fraction of a second; after this it is killed.
const KILL_AFTER: Duration = Duration::from_secs(10);
/// Between two tries to ask a builder that does not listen, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So long one try may take. Giving up a try ends nothing: the next one follows.
const TRY_WITHIN: Duration = Duration::from_secs(30);
/// Most of what the command may print.
const WORDS: usize = 4096;

/// What a build in Canceling says of itself while nothing is in its way.
pub(super) const WAITING: &str = "Canceling: waiting until the builder confirms that the build has ended.";

/// How far the asking has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// On its way.
    Asking,
    /// The builder was told to end the build. A start that comes later finds a mark and does nothing.
    Heard {
        /// Whether the command was killed.
        killed: bool,
    },
    /// The builder cannot be asked at the moment; the words say why.
    Unheard(String),
}

/// A wish to stop on its way to the builder. Dropping it ends the asking.
pub(super) struct Asking {
    pub state: watch::Receiver<Asked>,
    /// Without the time that BuildKit has to end by itself.
    kill: bool,
    task: AbortHandle,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Asking {
    /// Begins to ask.
    fn start(o: &Orchestrator, worker: WorkerId, build: BuildId, kill: bool) -> Self {
        let (told, state) = watch::channel(Asked::Asking);
        let o = o.clone();
        let task = tokio::spawn(async move { ask(&o, worker, build, kill, &told).await });
        Self {
            state,
            kill,
            task: task.abort_handle(),
        }
    }
}

/// Asks again and again: a command that was told to end may need to be killed, and a builder that does not listen now may listen later.
async fn ask(o: &Orchestrator, worker: WorkerId, build: BuildId, kill: bool, told: &watch::Sender<Asked>) {
    let mut pause = FIRST_PAUSE;
    let mut heard = None;
    loop {
        let kill = kill || heard.is_some_and(|at: Instant| at.elapsed() >= KILL_AFTER);
        match ask_once(o, worker, build, kill).await {
            Ok(()) => {
                let first = heard.is_none();
                heard.get_or_insert_with(Instant::now);
                told.send_replace(Asked::Heard { killed: kill });
                pause = if first { KILL_AFTER } else { pause.max(KILL_AFTER) };
            }
            Err(words) => {
                told.send_if_modified(|asked| {
                    let news = *asked != Asked::Unheard(words.clone());
                    *asked = Asked::Unheard(words);
                    news
                });
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn ask_once(o: &Orchestrator, worker: WorkerId, build: BuildId, kill: bool) -> Result<(), String> {
    let spec = launcher::cancel(&build.to_string(), kill);
    let asked = exec_collect(&*o.inner.engine, worker, ContainerRole::Builder, spec, WORDS);
    match tokio::time::timeout(TRY_WITHIN, asked).await {
        Ok(Ok(done)) if done.exit_code == 0 => Ok(()),
        Ok(Ok(done)) => Err(unheard(&format!(
            "the builder cannot end it (exit code {}: {})",
            done.exit_code,
            String::from_utf8_lossy(&done.stderr).trim()
        ))),
        Ok(Err(error)) => {
            tracing::warn!(build.id = %build, %error, "a build cannot be told to stop");
            Err(unheard(&unasked(&error)))
        }
        Err(_) => Err(unheard("the builder does not answer")),
    }
}

/// Why the builder cannot be asked.
fn unasked(error: &EngineError) -> String {
    match error.kind {
        EngineErrorKind::Unreachable => "the engine does not answer".into(),
        EngineErrorKind::Paused => "the builder is paused".into(),
        EngineErrorKind::NoSuchContainer => "the builder does not run".into(),
        EngineErrorKind::PullDenied
        | EngineErrorKind::NoSuchImage
        | EngineErrorKind::RegistryUnreachable
        | EngineErrorKind::WrongArchitecture
        | EngineErrorKind::NoSuchFile
        | EngineErrorKind::CannotStart
        | EngineErrorKind::DiskFull
        | EngineErrorKind::Other => format!("the builder takes no commands ({error})"),
    }
}

fn unheard(why: &str) -> String {
    format!("Canceling: {why}. The console asks again until the build has ended. Terminating the worker ends it too.")
}

/// Why a build that a former console left is to end.
pub(super) fn wish_of(build: &Build) -> Option<Stop> {
    let canceling = build.status == BuildStatus::Canceling;
    if canceling && build.reason == Some(BuildReason::Timeout) {
        return Some(Stop::Timeout);
    }
    (canceling || build.cancel_requested).then_some(Stop::Cancel)
}

impl Follower<'_> {
    /// Lets the builder be asked, unless it is being asked already. `kill`: what is left of a build whose process is gone.
    pub(super) fn ask_to_stop(&mut self, kill: bool) {
        if self.asking.as_ref().is_none_or(|asking| kill && !asking.kill) {
            self.asking = Some(Asking::start(self.o, self.build.worker_id, self.build.id, kill));
        }
    }

    /// Whether the builder was told to end the build; with `kill` whether what was left of it was killed.
    pub(super) fn was_heard(&self, kill: bool) -> bool {
        self.asking
            .as_ref()
            .is_some_and(|asking| matches!(*asking.state.borrow(), Asked::Heard { killed } if killed || !kill))
    }

    /// Writes down how the asking goes, for those who look and for the log.
    pub(super) async fn note_asking(&mut self) {
        let Some(asking) = &mut self.asking else { return };
        let asked = asking.state.borrow_and_update().clone();
        let Some(stop) = self.stop_wish() else { return };
        let reason = (stop == Stop::Timeout).then_some(BuildReason::Timeout);
        let message = match asked {
            Asked::Asking | Asked::Heard { .. } => WAITING.to_owned(),
            Asked::Unheard(words) => words,
        };
        if self.said.as_ref() == Some(&message) {
            return;
        }
        if let Err(error) = self.o.build_note_canceling(self.build, reason, &message).await {
            tracing::warn!(
                build.number = self.build.number,
                error = &error as &dyn std::error::Error,
                "a build's state is not recorded"
            );
            return;
        }
        self.say_once(message).await;
    }
}

impl Orchestrator {
    /// The build is to end, and how that goes.
    async fn build_note_canceling(&self, build: &Build, reason: Option<BuildReason>, message: &str) -> Result<()> {
        let mut tx = self.write().await?;
        let Some(mut row) = tx.build(build.id).await? else {
            return Ok(());
        };
        row.status = BuildStatus::Canceling;
        row.reason = reason;
        message.clone_into(&mut row.message);
        let before = [BuildStatus::Pending, BuildStatus::Running, BuildStatus::Canceling];
        if tx.build_update_from(&row, &before).await? {
            tx.save().await?;
            self.build_changed(build);
        }
        Ok(())
    }
}

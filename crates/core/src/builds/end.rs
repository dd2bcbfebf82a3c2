//! The end of a build, exactly once: the row first, then the last record of the log.

use std::time::Duration;

use prt_types::{
    audit::Outcome as Audited,
    build_events::{BuildEnd, BuildEvent, StepState},
    builds::{BuildReason, BuildStatus},
    workers::ContainerRole,
};
use serde_json::json;

use super::{
    failure::{Evidence, classify, failed_step},
    read::end_of,
    run::{Follower, Outcome},
    runs::{Live, Stop},
};
use crate::{
    Orchestrator,
    buildkit::launcher::{self, Trailer},
    engine::exec_collect,
    error::Result,
    op_context::OpContext,
    orchestrator::Change,
    store::Build,
};

/// Between two tries to write an end down, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is written at the end beside the verdict.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    counts: Live,
    lines: i64,
}

impl Follower<'_> {
    /// What the outcome means.
    pub(super) async fn verdict(&self, outcome: Outcome) -> BuildEnd {
        let wish = self.stop_wish();
        match (outcome, wish) {
            // It was done before the wish reached it.
            (
                Outcome::Exit(Trailer {
                    exit_code: Some(0),
                    digest,
                    ..
                }),
                _,
            ) => self.succeeded(digest),
            (Outcome::Stopped(Stop::Cancel), _)
            | (Outcome::Exit(_) | Outcome::Lost(_) | Outcome::Refused { .. }, Some(Stop::Cancel)) => BuildEnd {
                status: BuildStatus::Canceled,
                reason: None,
                message: "The build was canceled.".into(),
                step: None,
                digest: None,
            },
            (Outcome::Stopped(Stop::Timeout), _) | (Outcome::Exit(_), Some(Stop::Timeout)) => {
                let limit = self.o.inner.settings.build_timeout;
                let message = format!("The build took longer than {} and was stopped.", duration(limit));
                failed(BuildReason::Timeout, message, self.running_step())
            }
            (Outcome::Stopped(Stop::Unfollowed(words)), _) | (Outcome::Exit(_), Some(Stop::Unfollowed(words))) => {
                let message = format!("The console could not follow the build and stopped it. {words}");
                failed(BuildReason::BuildKitError, message, None)
            }
            (Outcome::Lost(words), _) => lost(&words, self.running_step()),
            // Stopped because the builder did not know it, and then it did.
            (Outcome::Exit(_), None) if self.asking.is_some() => lost(
                "The console lost track of the build and stopped it.",
                self.running_step(),
            ),
            (Outcome::Refused { code, words }, _) => {
                let reason = match code {
                    launcher::EXIT_DISK => BuildReason::DiskFull,
                    _ => BuildReason::BuildKitError,
                };
                failed(reason, format!("The build could not be started. {words}"), None)
            }
            (Outcome::Exit(trailer), _) => {
                let step = failed_step(self.decoder.steps());
                let error_text = self.decoder.error_text();
                let (reason, message) = classify(&Evidence {
                    error_text: &error_text,
                    step,
                    last_lines: &step.map(|step| self.last_lines(step.step)).unwrap_or_default(),
                    warnings: self.decoder.warnings(),
                    exit_code: trailer.exit_code.unwrap_or(-1),
                    logins: &self.logins,
                    dockerfile: (&self.build.dockerfile, &self.build.dockerfile_text),
                    builder: self.look_at_builder(step).await,
                });
                failed(reason, message, step.map(|step| step.name.clone()))
            }
        }
    }

    fn succeeded(&self, digest: Option<String>) -> BuildEnd {
        let reference = format!("{}:{}", self.build.name, self.build.tag);
        let message = if self.build.push_image {
            format!("{reference} is built and pushed.")
        } else {
            format!("{reference} is built. It was not pushed; its steps are in the builder's cache.")
        };
        BuildEnd {
            status: BuildStatus::Succeeded,
            reason: None,
            message,
            step: None,
            digest,
        }
    }

    /// The step that the build was at; the latest of those that run.
    fn running_step(&self) -> Option<String> {
        let running = self.decoder.steps().filter(|step| step.state == StepState::Running);
        running.last().map(|step| step.name.clone())
    }

    /// Writes the end down.
    pub(super) async fn end(&mut self, end: BuildEnd) {
        let mut events = vec![];
        self.decoder.finish(&mut events);
        self.keep(events).await;
        self.written().await;
        let totals = Totals {
            counts: self.counts(),
            lines: self.decoder.line_count() as i64,
        };
        let Some(row) = self.o.build_end_row(self.build, &end, totals).await else {
            return;
        };
        let at_ms = row.ended_ms.unwrap_or_else(|| self.o.now_ms());
        self.append(vec![(at_ms, BuildEvent::End(end_of(&row)))]).await;
        self.o.build_ended(&row);
    }
}

impl Orchestrator {
    fn build_ended(&self, build: &Build) {
        self.build_changed(build);
        self.changed(
            Some(&build.owner),
            Change::Worker {
                name: format!("Worker-{}", build.worker_number),
            },
        );
    }

    /// Ends a build whose log has its end already; whether it has. Only a restored database is behind the log.
    pub(super) async fn build_end_as_logged(&self, build: &Build) -> bool {
        let logged = async {
            let position = self.inner.logs.position(build.id).await?;
            let last = self
                .inner
                .logs
                .read(build.id, position.last_seq.saturating_sub(1), 1)
                .await?;
            std::io::Result::Ok((position.last_line, last))
        };
        let (lines, last) = match logged.await {
            Ok(logged) => logged,
            Err(error) => {
                tracing::warn!(build.number = build.number, %error, "the end of a build's log cannot be read");
                return false;
            }
        };
        let Some(BuildEvent::End(end)) = last.into_iter().next().map(|record| record.event) else {
            return false;
        };
        let totals = Totals {
            lines: lines as i64,
            ..Totals::default()
        };
        if let Some(row) = self.build_end_row(build, &end, totals).await {
            self.build_ended(&row);
        }
        true
    }

    /// The row after the end, tried until the database takes it; `None` if there is no such build any more.
    async fn build_end_row(&self, build: &Build, end: &BuildEnd, totals: Totals) -> Option<Build> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.build_end_row_once(build, end, totals).await {
                Ok(row) => return row,
                Err(error) => {
                    tracing::error!(
                        build.number = build.number,
                        error = &error as &dyn std::error::Error,
                        "a build's end is not recorded"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn build_end_row_once(&self, build: &Build, end: &BuildEnd, totals: Totals) -> Result<Option<Build>> {
        let mut tx = self.write().await?;
        let Some(mut row) = tx.build(build.id).await? else {
            return Ok(None);
        };
        if row.status.is_final() {
            return Ok(Some(row));
        }
        row.status = end.status;
        row.reason = end.reason;
        row.message.clone_from(&end.message);
        row.step.clone_from(&end.step);
        row.digest.clone_from(&end.digest);
        row.ended_ms = Some(self.now_ms());
        row.steps = totals.counts.steps;
        row.steps_cached = totals.counts.steps_cached;
        row.lines = totals.lines;
        row.credentials_sealed = None;
        if !tx
            .build_update_from(
                &row,
                &[BuildStatus::Pending, BuildStatus::Running, BuildStatus::Canceling],
            )
            .await?
        {
            drop(tx);
            return Ok(self.read().await?.build(build.id).await?);
        }
        let details = json!({
            "status": row.status,
            "reason": row.reason,
            "message": row.message,
            "digest": row.digest,
        });
        let cx = OpContext::system("build");
        self.audit_add(
            &mut *tx,
            &cx,
            "build.end",
            &format!("#{}", row.number),
            Audited::Done,
            details,
        )
        .await?;
        tx.save().await?;
        metrics::counter!("prt_builds_total", "status" => row.status.name()).increment(1);
        if let (Some(started), Some(ended)) = (row.started_ms, row.ended_ms) {
            metrics::histogram!("prt_build_duration_seconds", "status" => row.status.name())
                .record((ended - started).max(0) as f64 / 1e3);
        }
        Ok(Some(row))
    }

    /// Removes what an ended build left in the builder; a builder that is gone has taken it along. Makes the outline of its log, so that
    /// nobody who opens its page waits for that.
    pub(super) async fn build_tidy(&self, build: &Build) {
        if let Err(error) = self.inner.logs.outline(build.id).await {
            tracing::warn!(build.number = build.number, %error, "the outline of a build's log cannot be made");
        }
        let spec = launcher::remove(&build.id.to_string());
        let removed = exec_collect(&*self.inner.engine, build.worker_id, ContainerRole::Builder, spec, 4096).await;
        if let Err(error) = removed {
            tracing::debug!(build.number = build.number, %error, "a build's folder in the builder is not removed");
        }
    }
}

fn failed(reason: BuildReason, message: String, step: Option<String>) -> BuildEnd {
    BuildEnd {
        status: BuildStatus::Failed,
        reason: Some(reason),
        message,
        step,
        digest: None,
    }
}

fn lost(words: &str, step: Option<String>) -> BuildEnd {
    let message = format!("{words} Start the build again, in a new builder worker if need be.");
    failed(BuildReason::BuilderLost, message, step)
}

/// `90 seconds`, `2 hours`.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        s if s >= 7200 && s % 3600 == 0 => (s / 3600, "hours"),
        s if s >= 120 && s % 60 == 0 => (s / 60, "minutes"),
        1 => (1, "second"),
        s => (s, "seconds"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        for (seconds, text) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (600, "10 minutes"),
            (7200, "2 hours"),
            (5400, "90 minutes"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }
}

//! A build's log as plain text: `build.log`, the download and `--progress=plain` are made by this one function.

use std::{collections::HashMap, fmt::Write as _};

use crate::build_events::{BuildEvent, BuildRecord, StepState};

/// Turns records into lines, in the manner of BuildKit's own plain progress.
#[derive(Debug, Default)]
pub struct PlainLog {
    steps: HashMap<u32, (StepState, Option<i64>)>,
}

impl PlainLog {
    /// A renderer at the start of a log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the text of one record, complete lines only, to `out`. Records must come in order.
    pub fn render(&mut self, record: &BuildRecord, out: &mut String) {
        match &record.event {
            BuildEvent::Step(step) => {
                let before = self
                    .steps
                    .insert(step.step, (step.state, step.started_ms))
                    .map(|(state, _)| state);
                if before.is_none() {
                    _ = writeln!(out, "#{} {}", step.step, step.name);
                }
                if before == Some(step.state) {
                    return;
                }
                match step.state {
                    StepState::Waiting | StepState::Running => {}
                    StepState::Cached => _ = writeln!(out, "#{} CACHED", step.step),
                    StepState::Canceled => _ = writeln!(out, "#{} CANCELED", step.step),
                    StepState::Done => {
                        let took = step
                            .completed_ms
                            .zip(step.started_ms)
                            .map_or(0, |(end, start)| (end - start).max(0));
                        _ = writeln!(out, "#{} DONE {}.{}s", step.step, took / 1000, took % 1000 / 100);
                    }
                    StepState::Failed => {
                        _ = writeln!(
                            out,
                            "#{} ERROR: {}",
                            step.step,
                            step.error.as_deref().unwrap_or("failed")
                        );
                    }
                }
            }
            BuildEvent::Progress(progress) => {
                if progress.done {
                    _ = writeln!(out, "#{} {} done", progress.step, progress.id);
                }
            }
            BuildEvent::Log(line) => {
                let since = match self.steps.get(&line.step) {
                    Some((_, Some(started))) => (record.at_ms - started).max(0),
                    _ => 0,
                };
                _ = writeln!(out, "#{} {}.{:03} {}", line.step, since / 1000, since % 1000, line.text);
            }
            BuildEvent::Warning { step, text } => _ = writeln!(out, "#{step} WARNING: {text}"),
            BuildEvent::Notice { text } => _ = writeln!(out, "-- {text}"),
            BuildEvent::End(end) => {
                _ = write!(out, "-- {}", end.status.name());
                if let Some(reason) = end.reason {
                    _ = write!(out, " ({})", reason.name());
                }
                _ = writeln!(out, ": {}", end.message);
                if let Some(digest) = &end.digest {
                    _ = writeln!(out, "-- digest {digest}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build_events::{LogLine, Step};

    fn text(events: Vec<BuildEvent>) -> String {
        let mut plain = PlainLog::new();
        let mut out = String::new();
        for (at, event) in events.into_iter().enumerate() {
            plain.render(
                &BuildRecord {
                    seq: at as u64 + 1,
                    at_ms: 1000 + at as i64 * 1500,
                    event,
                },
                &mut out,
            );
        }
        out
    }

    #[test]
    fn a_step_is_named_once_and_ends_once() {
        let step = |state, completed_ms| {
            BuildEvent::Step(Step {
                step: 1,
                name: "[1/1] RUN make".into(),
                state,
                started_ms: Some(1000),
                completed_ms,
                inputs: vec![],
                error: None,
            })
        };
        let log = BuildEvent::Log(LogLine {
            line: 1,
            step: 1,
            stream: 1,
            text: "cc main.c".into(),
        });
        assert_eq!(
            text(vec![
                step(StepState::Running, None),
                log,
                step(StepState::Done, Some(3400)),
                step(StepState::Done, Some(3400))
            ]),
            "#1 [1/1] RUN make\n#1 1.500 cc main.c\n#1 DONE 2.4s\n"
        );
    }
}

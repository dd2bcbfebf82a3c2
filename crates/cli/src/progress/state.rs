//! What a build's records add up to: its steps, their transfers and the last lines of each.

use std::collections::{BTreeMap, VecDeque};

use prt_types::build_events::{BuildEnd, BuildEvent, BuildRecord, Progress, Step, StepState};

use crate::sanitize::{last_overwrite, visible};

/// Lines kept of a step, for the display at the end if it fails.
const KEPT: usize = 50;

/// A step and what it has said.
#[derive(Clone, Debug)]
pub struct StepSeen {
    pub step: Step,
    /// In the order in which they began.
    pub transfers: Vec<Progress>,
    /// The last lines, safe to print.
    pub tail: VecDeque<String>,
    /// All lines.
    pub lines: u64,
}

/// The build so far.
#[derive(Clone, Debug, Default)]
pub struct BuildSeen {
    pub steps: BTreeMap<u32, StepSeen>,
    /// BuildKit's warnings, safe to print.
    pub warnings: Vec<String>,
    /// The console's remarks, safe to print.
    pub notices: Vec<String>,
    pub end: Option<BuildEnd>,
    /// When the first and the last record were made.
    pub first_ms: i64,
    pub last_ms: i64,
}

impl BuildSeen {
    /// Takes the next record.
    pub fn take(&mut self, record: BuildRecord) {
        if self.first_ms == 0 {
            self.first_ms = record.at_ms;
        }
        self.last_ms = self.last_ms.max(record.at_ms);
        match record.event {
            BuildEvent::Step(mut step) => {
                step.name = visible(&step.name).into_owned();
                let number = step.step;
                self.step(number).step = step;
            }
            BuildEvent::Progress(mut progress) => {
                progress.id = visible(&progress.id).into_owned();
                let transfers = &mut self.step(progress.step).transfers;
                match transfers.iter_mut().find(|known| known.id == progress.id) {
                    Some(known) => *known = progress,
                    None => transfers.push(progress),
                }
            }
            BuildEvent::Log(line) => {
                let step = self.step(line.step);
                step.lines += 1;
                if step.tail.len() == KEPT {
                    step.tail.pop_front();
                }
                step.tail.push_back(last_overwrite(&line.text).into_owned());
            }
            BuildEvent::Warning { text, .. } => self.warnings.push(visible(&text).into_owned()),
            BuildEvent::Notice { text } => self.notices.push(visible(&text).into_owned()),
            BuildEvent::End(end) => self.end = Some(end),
        }
    }

    /// The step of a number; a line can come before its step's name.
    fn step(&mut self, number: u32) -> &mut StepSeen {
        self.steps.entry(number).or_insert_with(|| StepSeen {
            step: Step {
                step: number,
                name: String::new(),
                state: StepState::Waiting,
                started_ms: None,
                completed_ms: None,
                inputs: Vec::new(),
                error: None,
            },
            transfers: Vec::new(),
            tail: VecDeque::new(),
            lines: 0,
        })
    }

    /// Steps that are done, of all.
    pub fn counts(&self) -> (usize, usize) {
        (
            self.steps.values().filter(|seen| is_over(seen.step.state)).count(),
            self.steps.len(),
        )
    }
}

/// Whether nothing more will happen in the step.
pub fn is_over(state: StepState) -> bool {
    match state {
        StepState::Waiting | StepState::Running => false,
        StepState::Cached | StepState::Done | StepState::Failed | StepState::Canceled => true,
    }
}

#[cfg(test)]
pub mod tests {
    use prt_types::build_events::LogLine;

    use super::*;

    pub fn step(number: u32, name: &str, state: StepState, times: (Option<i64>, Option<i64>)) -> BuildEvent {
        BuildEvent::Step(Step {
            step: number,
            name: name.into(),
            state,
            started_ms: times.0,
            completed_ms: times.1,
            inputs: vec![],
            error: (state == StepState::Failed).then(|| "exit code: 2".into()),
        })
    }

    pub fn log(number: u32, text: &str) -> BuildEvent {
        BuildEvent::Log(LogLine {
            line: 1,
            step: number,
            stream: 1,
            text: text.into(),
        })
    }

    pub fn seen(events: Vec<(i64, BuildEvent)>) -> BuildSeen {
        let mut seen = BuildSeen::default();
        for (at, (at_ms, event)) in events.into_iter().enumerate() {
            seen.take(BuildRecord {
                seq: at as u64 + 1,
                at_ms,
                event,
            });
        }
        seen
    }

    #[test]
    fn the_latest_word_counts_and_only_the_last_lines_stay() {
        let progress = |current| {
            BuildEvent::Progress(Progress {
                step: 1,
                id: "sha256:1".into(),
                current,
                total: 100,
                done: current == 100,
            })
        };
        let mut events = vec![
            (5, log(1, "early")),
            (6, step(1, "a\u{1b}[31m", StepState::Running, (Some(6), None))),
        ];
        events.extend([(7, progress(10)), (8, progress(100))]);
        events.extend((0..60).map(|n| (9, log(1, &format!("old\rline {n}\u{1b}[0m")))));
        let seen = seen(events);
        let one = &seen.steps[&1];
        assert_eq!(
            (one.step.name.as_str(), one.transfers.len(), one.transfers[0].current),
            ("a", 1, 100)
        );
        assert_eq!((one.lines, one.tail.len(), one.tail[49].as_str()), (61, 50, "line 59"));
        assert_eq!((seen.first_ms, seen.last_ms, seen.counts()), (5, 9, (0, 1)));
    }
}

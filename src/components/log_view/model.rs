//! What a viewer knows of a build's log: steps as they stand, and the lines.
//!
//! The server folds the records of the past into this and sends it with the page; the browser goes on folding what arrives. Both run
//! the same code, so that a page looks the same whether it was opened before, during or after the build.

use std::collections::HashSet;

use prt_types::{
    build_events::{BuildEnd, BuildEvent, BuildRecord, Progress, Step, StepState},
    builds::BuildStatus,
};
use serde::{Deserialize, Serialize};

/// What a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A step began, or was taken from the cache.
    Heading,
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// A warning of BuildKit's.
    Warning,
    /// The console's own word.
    Notice,
    /// A step failed.
    Failure,
    /// The end of a build that did not work out.
    Bad,
    /// The end of one that did.
    Good,
}

/// A row of the log. Only output has a line number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub seq: u64,
    pub line: Option<u64>,
    pub at_ms: i64,
    /// 0 = of no step.
    pub step: u32,
    pub kind: EntryKind,
    pub text: String,
}

/// A step with what is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    pub step: Step,
    pub transfers: Vec<Progress>,
    pub warnings: u32,
}

impl StepRow {
    /// Time taken so far, if it has begun.
    pub fn took_ms(&self, now_ms: i64) -> Option<i64> {
        let started = self.step.started_ms?;
        let end = match self.step.state {
            StepState::Running => self.step.completed_ms.unwrap_or(now_ms),
            StepState::Waiting | StepState::Cached | StepState::Done | StepState::Failed | StepState::Canceled => {
                self.step.completed_ms?
            }
        };
        Some((end - started).max(0))
    }

    /// Sum of the transfers whose size is known: so far and in all.
    pub fn transferred(&self) -> Option<(i64, i64)> {
        let known = self.transfers.iter().filter(|t| t.total > 0);
        let (current, total) = known.fold((0, 0), |(c, t), p| (c + p.current.clamp(0, p.total), t + p.total));
        (total > 0).then_some((current, total))
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    Applied,
    /// It was here already.
    Repeated,
    /// Records before it are missing: ask again for what follows `last_seq`.
    Gap,
}

/// Lines are shown from here on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Only this step's lines.
    pub step: Option<u32>,
    /// Only lines with a number below this one: a look back, that does not grow.
    pub before: Option<u64>,
    /// Keep only so many of the latest; 0 = all.
    pub cap: usize,
}

/// The log as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogModel {
    pub view: View,
    pub steps: Vec<StepRow>,
    pub entries: Vec<Entry>,
    /// Rows of this view that come before the first of `entries`.
    pub earlier: u64,
    /// Number of the latest line of the build, shown or not.
    pub lines: u64,
    /// The latest record folded in.
    pub last_seq: u64,
    pub end: Option<BuildEnd>,
    /// Notices so far: what they tell stands in the build, too.
    pub notices: u64,
    /// Changes when `steps` changes.
    pub steps_version: u64,
}

impl LogModel {
    pub fn new(view: View) -> Self {
        Self {
            view,
            ..Self::default()
        }
    }

    /// The same as folding all records, from the few that matter: `outline` has those that are no log lines, `lines` the last lines of
    /// the view, as many as its cap. `last_seq` and `last_line` say how far the log goes.
    pub fn of_parts(
        view: View,
        outline: Vec<BuildRecord>,
        lines: Vec<BuildRecord>,
        last_seq: u64,
        last_line: u64,
    ) -> Self {
        let mut model = Self::new(view);
        let first = lines.first().and_then(|record| match &record.event {
            BuildEvent::Log(line) if line.line > 1 => Some((record.seq, line.line)),
            _ => None,
        });
        let mut records = [outline, lines].concat();
        records.sort_by_key(|record| record.seq);
        for record in records.into_iter().take_while(|record| record.seq <= last_seq) {
            if let Some((seq, line)) = first
                && seq == record.seq
            {
                model.earlier += model.entries.len() as u64 + line - 1;
                model.entries.clear();
            }
            model.last_seq = record.seq - 1;
            model.apply(record);
        }
        model.trim();
        (model.last_seq, model.lines) = (last_seq, last_line);
        model
    }

    /// Folds in one record.
    pub fn apply(&mut self, record: BuildRecord) -> Merge {
        if record.seq <= self.last_seq {
            return Merge::Repeated;
        }
        if record.seq != self.last_seq + 1 {
            return Merge::Gap;
        }
        self.last_seq = record.seq;
        let (seq, at_ms) = (record.seq, record.at_ms);
        let entry = |step, kind, text| Entry {
            seq,
            line: None,
            at_ms,
            step,
            kind,
            text,
        };
        match record.event {
            BuildEvent::Step(step) => {
                let (began, failed) = self.step(&step);
                if began {
                    let cached = if step.state == StepState::Cached { " CACHED" } else { "" };
                    self.push(entry(step.step, EntryKind::Heading, format!("{}{cached}", step.name)));
                }
                if failed && let Some(error) = step.error {
                    self.push(entry(step.step, EntryKind::Failure, error));
                }
            }
            BuildEvent::Progress(progress) => self.progress(progress),
            BuildEvent::Log(line) => {
                self.lines = self.lines.max(line.line);
                let kind = if line.stream == 2 {
                    EntryKind::Err
                } else {
                    EntryKind::Out
                };
                self.push(Entry {
                    line: Some(line.line),
                    ..entry(line.step, kind, line.text)
                });
            }
            BuildEvent::Warning { step, text } => {
                self.steps_version += 1;
                if let Some(row) = self.row_mut(step) {
                    row.warnings += 1;
                }
                self.push(entry(step, EntryKind::Warning, text));
            }
            BuildEvent::Notice { text } => {
                self.notices += 1;
                self.push(entry(0, EntryKind::Notice, text));
            }
            BuildEvent::End(end) => {
                let kind = if end.status == BuildStatus::Succeeded {
                    EntryKind::Good
                } else {
                    EntryKind::Bad
                };
                let text = match end.reason {
                    Some(reason) => {
                        format!("{} ({}): {}", end.status.name(), reason.name(), end.message)
                    }
                    None if end.message.is_empty() => end.status.name().to_owned(),
                    None => format!("{}: {}", end.status.name(), end.message),
                };
                self.push(entry(0, kind, text));
                self.steps_version += 1;
                self.end = Some(end);
            }
        }
        Merge::Applied
    }

    /// Puts earlier rows, as another model of the same view has them, before those here.
    pub fn prepend(&mut self, earlier: LogModel) {
        let first = self.entries.first().map_or(u64::MAX, |entry| entry.seq);
        let mut entries = earlier.entries;
        entries.retain(|entry| entry.seq < first);
        entries.append(&mut self.entries);
        self.entries = entries;
        self.earlier = earlier.earlier;
    }

    /// The step's row.
    pub fn row(&self, step: u32) -> Option<&StepRow> {
        self.steps
            .binary_search_by_key(&step, |row| row.step.step)
            .ok()
            .map(|at| &self.steps[at])
    }

    /// The steps' numbers, each step after those that it needs. BuildKit tells of them in no order at all.
    pub fn order(&self) -> Vec<u32> {
        let mut depths = vec![0usize; self.steps.len()];
        // Each round settles at least one more step; numbers that lead in a circle end it as well.
        for _ in 0..self.steps.len() {
            let mut settled = true;
            for (at, row) in self.steps.iter().enumerate() {
                let inputs = row.step.inputs.iter();
                let known = inputs.filter_map(|input| self.steps.binary_search_by_key(input, |row| row.step.step).ok());
                let depth = known.map(|input| depths[input] + 1).max().unwrap_or(0);
                settled &= depth == depths[at];
                depths[at] = depth;
            }
            if settled {
                break;
            }
        }
        // An export names no inputs, as the first steps do: it is known by beginning after all steps that hang together.
        let needed: HashSet<u32> = self
            .steps
            .iter()
            .flat_map(|row| row.step.inputs.iter().copied())
            .collect();
        let alone = |step: &Step| step.inputs.is_empty() && !needed.contains(&step.step);
        let together = self.steps.iter().map(|row| &row.step).filter(|step| !alone(step));
        let last = together
            .map(|step| step.started_ms)
            .reduce(|one, other| Some(one?.max(other?)))
            .flatten();
        let exports = |step: &Step| alone(step) && last.is_some_and(|last| step.started_ms >= Some(last));
        let mut order: Vec<usize> = (0..self.steps.len()).collect();
        order.sort_by_key(|at| (exports(&self.steps[*at].step), depths[*at]));
        order.into_iter().map(|at| self.steps[at].step.step).collect()
    }

    /// Index of the row with this line number.
    pub fn find_line(&self, line: u64) -> Option<usize> {
        // Headings between lines have no number: they count as the line before them.
        let numbered = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| entry.line.map(|l| (at, l)));
        numbered.into_iter().find(|(_, l)| *l == line).map(|(at, _)| at)
    }

    /// Number of the first line here.
    pub fn first_line(&self) -> Option<u64> {
        self.entries.iter().find_map(|entry| entry.line)
    }

    /// Steps that need no more work, steps from the cache, steps in all.
    pub fn counts(&self) -> (usize, usize, usize) {
        let is = |state: StepState| self.steps.iter().filter(move |row| row.step.state == state).count();
        (
            is(StepState::Done) + is(StepState::Cached),
            is(StepState::Cached),
            self.steps.len(),
        )
    }

    /// The step that took longest, if any took a tenth of a second.
    pub fn slowest(&self, now_ms: i64) -> Option<(&StepRow, i64)> {
        let timed = self
            .steps
            .iter()
            .filter_map(|row| row.took_ms(now_ms).map(|took| (row, took)));
        timed.filter(|(_, took)| *took >= 100).max_by_key(|(_, took)| *took)
    }

    /// From when to when steps ran, for the bars.
    pub fn span(&self, now_ms: i64) -> Option<(i64, i64)> {
        let start = self.steps.iter().filter_map(|row| row.step.started_ms).min()?;
        let end = self
            .steps
            .iter()
            .filter_map(|row| Some(row.step.started_ms? + row.took_ms(now_ms)?))
            .max()?;
        Some((start, end.max(start + 1)))
    }

    fn push(&mut self, entry: Entry) {
        if self.view.step.is_some_and(|step| entry.step != step) {
            return;
        }
        if let Some(before) = self.view.before {
            // A row without a number belongs to the lines around it.
            if entry.line.unwrap_or(self.lines + 1) >= before {
                return;
            }
        }
        self.entries.push(entry);
        // Dropping in batches keeps this cheap: an entry is moved at most once for each that is dropped.
        if self.view.cap > 0 && self.entries.len() >= self.view.cap * 2 {
            self.trim();
        }
    }

    /// Drops the oldest rows beyond the cap. To be called once after folding; in between up to twice the cap is kept.
    pub fn trim(&mut self) {
        if self.view.cap > 0 && self.entries.len() > self.view.cap {
            let surplus = self.entries.len() - self.view.cap;
            self.entries.drain(..surplus);
            self.earlier += surplus as u64;
        }
    }

    /// Takes a step's latest record; says whether its work began and whether it failed just now.
    fn step(&mut self, step: &Step) -> (bool, bool) {
        self.steps_version += 1;
        let idle = |state: StepState| matches!(state, StepState::Waiting | StepState::Canceled);
        match self.steps.binary_search_by_key(&step.step, |row| row.step.step) {
            Ok(at) => {
                let before = self.steps[at].step.state;
                self.steps[at].step = step.clone();
                (
                    idle(before) && !idle(step.state),
                    step.state == StepState::Failed && before != StepState::Failed,
                )
            }
            Err(at) => {
                self.steps.insert(
                    at,
                    StepRow {
                        step: step.clone(),
                        transfers: Vec::new(),
                        warnings: 0,
                    },
                );
                (!idle(step.state), step.state == StepState::Failed)
            }
        }
    }

    fn progress(&mut self, progress: Progress) {
        self.steps_version += 1;
        let Some(row) = self.row_mut(progress.step) else {
            return;
        };
        match row.transfers.iter_mut().find(|t| t.id == progress.id) {
            Some(known) => *known = progress,
            None => row.transfers.push(progress),
        }
    }

    fn row_mut(&mut self, step: u32) -> Option<&mut StepRow> {
        let at = self.steps.binary_search_by_key(&step, |row| row.step.step).ok()?;
        self.steps.get_mut(at)
    }
}

#[cfg(test)]
mod tests;

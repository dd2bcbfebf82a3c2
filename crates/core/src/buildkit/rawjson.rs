//! Reads `buildctl --progress=rawjson`: bytes in, events out.
//!
//! What comes out depends on the bytes alone, not on how they arrive or when. A console that died in the middle of a build reads the
//! same bytes from their beginning, gets the same events, and leaves out as many as it had kept.
//!
//! BuildKit prints one JSON object a line: vertices (our steps), statuses (transfers), logs and warnings. After a failure plain text
//! follows: the place in the Dockerfile and the error. Secrets are masked here, where a line is still in one piece.

mod lines;
mod wire;

use std::collections::HashMap;

use memchr::memchr;
use prt_types::build_events::{BuildEvent, LogLine, Progress, Step, StepState};

use self::{
    lines::Lines,
    wire::{Log, SolveStatus, Status, Vertex, Warning},
};
use super::mask::Masker;

/// A line of progress longer than this is no progress; it is left out.
const LONGEST_OBJECT: usize = 64 * 1024 * 1024;
/// Room for a line that is kept for the next one. BuildKit tells about a megabyte of output at a time.
const KEPT_ROOM: usize = 4 * 1024 * 1024;
/// Text after a failure beyond this is left out.
const LONGEST_ERROR: usize = 64 * 1024;
/// A transfer is told again only after so many milliseconds of its own time.
const PROGRESS_EVERY_MS: i64 = 250;

/// Decoded events with their times.
pub type Events = Vec<(i64, BuildEvent)>;

/// The decoder.
#[derive(Debug)]
pub struct Decoder {
    mask: Masker,
    partial: Vec<u8>,
    /// Inside a line that is too long.
    skipping: bool,
    /// The latest time seen, for what carries none.
    now_ms: i64,
    steps: Vec<KnownStep>,
    by_digest: HashMap<String, u32>,
    transfers: HashMap<(u32, String), (i64, Progress)>,
    lines: HashMap<(u32, u8), Lines>,
    warnings: Vec<(u32, String)>,
    line: u64,
    error_text: String,
}

#[derive(Debug)]
struct KnownStep {
    inputs: Vec<String>,
    step: Step,
    /// As it was told last.
    told: Option<Step>,
}

impl Decoder {
    /// A decoder at the beginning of the bytes. `start_ms` is the time of what comes before the first time that BuildKit tells.
    pub fn new(start_ms: i64, mask: Masker) -> Self {
        Self {
            mask,
            partial: vec![],
            skipping: false,
            now_ms: start_ms,
            steps: vec![],
            by_digest: HashMap::new(),
            transfers: HashMap::new(),
            lines: HashMap::new(),
            warnings: vec![],
            line: 0,
            error_text: String::new(),
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Events) {
        while let Some(at) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..at], &bytes[at + 1..]);
            if self.skipping {
                self.skipping = false;
            } else if self.partial.is_empty() {
                self.object(line, out);
            } else {
                self.keep(line);
                let mut whole = std::mem::take(&mut self.partial);
                self.object(&whole, out);
                if whole.capacity() <= KEPT_ROOM {
                    whole.clear();
                    self.partial = whole;
                }
            }
            bytes = rest;
        }
        if !self.skipping {
            self.keep(bytes);
        }
    }

    /// Says that no more bytes come: what is unfinished ends here.
    pub fn finish(&mut self, out: &mut Events) {
        let rest = std::mem::take(&mut self.partial);
        if !rest.is_empty() {
            self.object(&rest, out);
        }
        let mut open: Vec<(u32, u8)> = self.lines.keys().copied().collect();
        open.sort_unstable();
        for key in open {
            self.flush(key, self.now_ms, out);
        }
        let failed =
            !self.error_text.trim().is_empty() || self.steps.iter().any(|known| known.step.state == StepState::Failed);
        for at in 0..self.steps.len() {
            let ended = match self.steps[at].step.state {
                StepState::Running => true,
                StepState::Waiting => failed,
                StepState::Cached | StepState::Done | StepState::Failed | StepState::Canceled => false,
            };
            if ended {
                self.steps[at].step.state = StepState::Canceled;
                self.tell(at, self.now_ms, out);
            }
        }
    }

    /// The plain text that followed a failure, masked.
    pub fn error_text(&self) -> String {
        self.mask.mask(self.error_text.trim()).into_owned()
    }

    /// The steps so far, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().map(|known| &known.step)
    }

    /// The warnings so far, each once a step, with its number.
    pub fn warnings(&self) -> &[(u32, String)] {
        &self.warnings
    }

    /// Number of log lines so far.
    pub fn line_count(&self) -> u64 {
        self.line
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > LONGEST_OBJECT {
            self.partial = vec![];
            self.skipping = true;
        }
    }

    fn object(&mut self, line: &[u8], out: &mut Events) {
        match line.first() {
            Some(b'{') => match serde_json::from_slice::<SolveStatus<'_>>(line) {
                Ok(status) => self.status(status, out),
                Err(_) => self.text(line),
            },
            _ => self.text(line),
        }
    }

    fn text(&mut self, line: &[u8]) {
        if self.error_text.len() < LONGEST_ERROR {
            self.error_text.push_str(&String::from_utf8_lossy(line));
            self.error_text.push('\n');
        }
    }

    fn status(&mut self, status: SolveStatus<'_>, out: &mut Events) {
        let times = status.vertexes.iter().flat_map(|v| [v.started, v.completed]).chain(
            status
                .statuses
                .iter()
                .map(|s| Some(s.timestamp))
                .chain(status.logs.iter().map(|l| Some(l.timestamp))),
        );
        if let Some(latest) = times.flatten().map(|time| time.0).max() {
            self.now_ms = self.now_ms.max(latest);
        }
        // An end may come in one object with the last lines of the same step; it is told after them.
        let busy = |digest: &str| {
            status.statuses.iter().any(|s| s.vertex == digest)
                || status.logs.iter().any(|l| l.vertex == digest)
                || status.warnings.iter().any(|w| w.vertex == digest)
        };
        let mut late = vec![];
        for (n, vertex) in status.vertexes.iter().enumerate() {
            let at = self.vertex(vertex);
            let superseded = status.vertexes[n + 1..]
                .iter()
                .any(|later| later.digest == vertex.digest);
            if superseded {
                // BuildKit ends and restarts a step within one object.
                continue;
            }
            if vertex.completed.is_some() && busy(&vertex.digest) {
                late.push(at);
            } else {
                self.end_of_lines(at, out);
                self.tell(at, self.now_ms, out);
            }
        }
        for status in &status.statuses {
            self.transfer(status, out);
        }
        for log in &status.logs {
            self.log(log, out);
        }
        for warning in &status.warnings {
            self.warning(warning, out);
        }
        for at in late {
            self.end_of_lines(at, out);
            self.tell(at, self.now_ms, out);
        }
    }

    /// Takes over what BuildKit says of a vertex; where it is in our list.
    fn vertex(&mut self, vertex: &Vertex<'_>) -> usize {
        let at = self.step_of(&vertex.digest);
        let name = self.mask.mask(&vertex.name).into_owned();
        let error = (!vertex.error.is_empty()).then(|| self.mask.mask(&vertex.error).into_owned());
        let known = &mut self.steps[at];
        if !name.is_empty() {
            known.step.name = name;
        }
        if !vertex.inputs.is_empty() {
            known.inputs = vertex.inputs.iter().map(ToString::to_string).collect();
        }
        let inputs = self.steps[at]
            .inputs
            .iter()
            .filter_map(|input| self.by_digest.get(input).copied())
            .collect();
        let step = &mut self.steps[at].step;
        step.inputs = inputs;
        // A step that is begun again keeps its first begin: its time is from there to its last end.
        step.started_ms = step.started_ms.or(vertex.started.map(|time| time.0));
        step.completed_ms = vertex.completed.map(|time| time.0);
        step.state = match (&error, vertex.completed.is_some(), vertex.started.is_some()) {
            // What a step's command says is quoted before the cause.
            (Some(error), _, _) if error.ends_with("context canceled") => StepState::Canceled,
            (Some(_), _, _) => StepState::Failed,
            (None, true, _) if vertex.cached => StepState::Cached,
            (None, true, _) => StepState::Done,
            (None, false, true) => StepState::Running,
            (None, false, false) => StepState::Waiting,
        };
        step.error = error;
        at
    }

    fn step_of(&mut self, digest: &str) -> usize {
        if let Some(step) = self.by_digest.get(digest) {
            return *step as usize - 1;
        }
        let number = self.steps.len() as u32 + 1;
        self.by_digest.insert(digest.to_owned(), number);
        let step = Step {
            step: number,
            name: digest.to_owned(),
            state: StepState::Waiting,
            started_ms: None,
            completed_ms: None,
            inputs: vec![],
            error: None,
        };
        self.steps.push(KnownStep {
            inputs: vec![],
            step,
            told: None,
        });
        self.steps.len() - 1
    }

    fn tell(&mut self, at: usize, at_ms: i64, out: &mut Events) {
        let known = &mut self.steps[at];
        if known.told.as_ref() != Some(&known.step) {
            known.told = Some(known.step.clone());
            out.push((at_ms, BuildEvent::Step(known.step.clone())));
        }
    }

    /// The step of a status, log or warning; told if nothing was said of it yet.
    fn told_step(&mut self, digest: &str, at_ms: i64, out: &mut Events) -> u32 {
        let at = self.step_of(digest);
        if self.steps[at].told.is_none() {
            self.tell(at, at_ms, out);
        }
        at as u32 + 1
    }

    fn transfer(&mut self, status: &Status<'_>, out: &mut Events) {
        let at_ms = status.timestamp.0;
        let step = self.told_step(&status.vertex, at_ms, out);
        let id = if status.id.is_empty() { &status.name } else { &status.id };
        let id = self.mask.mask(id).into_owned();
        let done = status.completed.is_some();
        let now = Progress {
            step,
            id: id.clone(),
            current: status.current,
            total: status.total,
            done,
        };
        let tell = match self.transfers.get(&(step, id.clone())) {
            None => true,
            Some((_, told)) if *told == now => false,
            Some((told_ms, told)) => done != told.done || at_ms - told_ms >= PROGRESS_EVERY_MS,
        };
        if tell {
            self.transfers.insert((step, id), (at_ms, now.clone()));
            out.push((at_ms, BuildEvent::Progress(now)));
        }
    }

    fn log(&mut self, log: &Log<'_>, out: &mut Events) {
        let at_ms = log.timestamp.0;
        let step = self.told_step(&log.vertex, at_ms, out);
        let stream = if log.stream == 2 { 2 } else { 1 };
        let Some(data) = log.bytes() else { return };
        let (mask, number) = (&self.mask, &mut self.line);
        self.lines.entry((step, stream)).or_default().push(&data, mask, |text| {
            *number += 1;
            out.push((
                at_ms,
                BuildEvent::Log(LogLine {
                    line: *number,
                    step,
                    stream,
                    text,
                }),
            ));
        });
    }

    fn warning(&mut self, warning: &Warning<'_>, out: &mut Events) {
        let step = self.told_step(&warning.vertex, self.now_ms, out);
        let text = self.mask.mask(&warning.text()).into_owned();
        // Each stage of a Dockerfile repeats the warnings about the file.
        let told = (step, text);
        if !self.warnings.contains(&told) {
            out.push((
                self.now_ms,
                BuildEvent::Warning {
                    step,
                    text: told.1.clone(),
                },
            ));
            self.warnings.push(told);
        }
    }

    /// An ended step's last line needs no line end.
    fn end_of_lines(&mut self, at: usize, out: &mut Events) {
        let Some(completed_ms) = self.steps[at].step.completed_ms else {
            return;
        };
        for stream in [1, 2] {
            self.flush((at as u32 + 1, stream), completed_ms, out);
        }
    }

    fn flush(&mut self, (step, stream): (u32, u8), at_ms: i64, out: &mut Events) {
        let Some(mut lines) = self.lines.remove(&(step, stream)) else {
            return;
        };
        let (mask, number) = (&self.mask, &mut self.line);
        lines.finish(mask, |text| {
            *number += 1;
            out.push((
                at_ms,
                BuildEvent::Log(LogLine {
                    line: *number,
                    step,
                    stream,
                    text,
                }),
            ));
        });
    }
}

#[cfg(test)]
mod tests;

//! One build's log, shared by its writer and its readers.

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
};

use prt_types::build_events::{BuildEvent, BuildRecord};
use tokio::sync::watch;

use super::{
    index::{self, Entry},
    segment::{self, Numbering, Reader},
};

/// Records of the end of a log that are kept in memory while it is open, so that any number of viewers read it without the disk.
const TAIL_RECORDS: usize = 4096;
const TAIL_BYTES: usize = 2 * 1024 * 1024;
/// A read from disk ends early beyond this, so that long lines do not add up in memory.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// Where a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Number of the last record; 0 = none.
    pub last_seq: u64,
    /// Number of the last log line; 0 = none.
    pub last_line: u64,
    /// Whether the last record is the build's end.
    pub ended: bool,
}

pub(super) struct Log {
    pub dir: PathBuf,
    pub state: Mutex<State>,
    /// The position, for those who wait.
    pub seen: watch::Sender<Position>,
    /// Whether there is a writer.
    pub writing: AtomicBool,
}

#[derive(Default)]
pub(super) struct State {
    pub position: Position,
    pub index: Vec<Entry>,
    pub end_segment: u64,
    pub end_offset: u64,
    tail: VecDeque<Batch>,
    tail_records: usize,
    tail_bytes: usize,
}

#[derive(Clone)]
struct Batch {
    records: Arc<Vec<BuildRecord>>,
    bytes: usize,
}

impl Log {
    /// Opens what there is below `dir`, repairing what a crash left.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        let lengths = segment::lengths(&dir)?;
        let mut entries = index::load(&dir.join("index"), &lengths)?;
        let end = segment::recover(&dir, &lengths, &mut entries)?;
        let position = Position {
            last_seq: end.seq,
            last_line: end.line,
            ended: end.ended,
        };
        let state = State {
            position,
            index: entries,
            end_segment: end.segment,
            end_offset: end.offset,
            ..State::default()
        };
        Ok(Self {
            dir,
            state: Mutex::new(state),
            seen: watch::Sender::new(position),
            writing: AtomicBool::new(false),
        })
    }

    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while holding it; if it did, the state would still be whole because each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn position(&self) -> Position {
        self.state().position
    }

    /// Makes a written batch visible, then wakes those who wait.
    pub(super) fn publish(
        &self,
        records: Vec<BuildRecord>,
        bytes: usize,
        entries: &[Entry],
        end: (u64, u64),
        position: Position,
    ) {
        // Let go of outside of the lock.
        let mut old = vec![];
        {
            let mut state = self.state();
            state.index.extend_from_slice(entries);
            (state.end_segment, state.end_offset) = end;
            state.position = position;
            state.tail_records += records.len();
            state.tail_bytes += bytes;
            state.tail.push_back(Batch {
                records: Arc::new(records),
                bytes,
            });
            while state.tail.len() > 1 && (state.tail_records > TAIL_RECORDS || state.tail_bytes > TAIL_BYTES) {
                if let Some(batch) = state.tail.pop_front() {
                    state.tail_records -= batch.records.len();
                    state.tail_bytes -= batch.bytes;
                    old.push(batch);
                }
            }
        }
        self.seen.send_replace(position);
    }

    /// Records after `after` if all of them up to the end are in memory.
    pub(super) fn read_tail(&self, after: u64, limit: usize) -> Option<Vec<BuildRecord>> {
        let batches: Vec<Batch> = {
            let state = self.state();
            if after >= state.position.last_seq {
                return Some(vec![]);
            }
            let first = state.tail.front()?.records.first()?.seq;
            if first > after + 1 {
                return None;
            }
            let from = state
                .tail
                .partition_point(|batch| batch.records.last().is_some_and(|last| last.seq <= after));
            state.tail.range(from..).cloned().collect()
        };
        // Outside of the lock: many viewers copy at the same time.
        let mut out = Vec::new();
        for batch in batches {
            let skip = batch.records.partition_point(|record| record.seq <= after);
            out.extend(batch.records[skip..].iter().take(limit - out.len()).cloned());
            if out.len() == limit {
                break;
            }
        }
        Some(out)
    }

    /// Records after `after` from disk. A record that the disk does not give back is a notice that says so.
    pub(super) fn read_disk(&self, after: u64, limit: usize) -> io::Result<Vec<BuildRecord>> {
        let mut out: Vec<BuildRecord> = vec![];
        let mut bytes = 0;
        self.scan(
            |entry| entry.seq <= after + 1,
            |seq, line| {
                if seq > after {
                    bytes += line.map_or(0, <[u8]>::len);
                    let at_ms = out.last().map_or(0, |record| record.at_ms);
                    out.push(segment::record_or_notice(seq, line, at_ms));
                }
                Ok(out.len() < limit && bytes < READ_BYTES)
            },
        )?;
        Ok(out)
    }

    /// Log lines from number `line` on, from disk.
    pub(super) fn read_lines(&self, line: u64, limit: usize) -> io::Result<Vec<BuildRecord>> {
        let mut out: Vec<BuildRecord> = vec![];
        let mut bytes = 0;
        self.scan(
            |entry| entry.next_line <= line,
            |_, raw| {
                if let Some(raw) = raw.filter(|raw| segment::tag(raw) == b"log")
                    && let Some(record) = segment::record(raw)
                    && matches!(&record.event, BuildEvent::Log(log) if log.line >= line)
                {
                    bytes += raw.len();
                    out.push(record);
                }
                Ok(out.len() < limit && bytes < READ_BYTES)
            },
        )?;
        Ok(out)
    }

    /// Calls `each` with number and bytes of the records from the last index entry on for which `before` holds, until it says
    /// `false`. Reads only what the writer has published. A number without bytes is a record that damage to the file has hit.
    pub(super) fn scan(
        &self,
        before: impl Fn(&Entry) -> bool,
        mut each: impl FnMut(u64, Option<&[u8]>) -> io::Result<bool>,
    ) -> io::Result<()> {
        let (start, last_seq, last_segment) = {
            let state = self.state();
            let at = state.index.partition_point(before);
            let Some(start) = state.index.get(at.saturating_sub(1)).copied() else {
                return Ok(());
            };
            (start, state.position.last_seq, state.end_segment)
        };
        let mut numbering = Numbering::from(start.seq);
        for number in start.segment..=last_segment {
            let offset = if number == start.segment { start.offset } else { 0 };
            let mut reader = match Reader::open(&self.dir, number, offset) {
                Ok(reader) => reader,
                // The writer has just closed a segment and not written to the next one.
                Err(error) if error.kind() == io::ErrorKind::NotFound && number == last_segment => return Ok(()),
                Err(error) => return Err(error),
            };
            while numbering.next() <= last_seq {
                let Some(line) = reader.next()? else { break };
                let expected = numbering.next();
                let seq = segment::seq(line).filter(|seq| *seq <= last_seq);
                if !numbering.take(seq, line.len()) {
                    continue;
                }
                let found = numbering.next() - 1;
                for missing in expected..found {
                    if !each(missing, None)? {
                        return Ok(());
                    }
                }
                if !each(found, Some(line))? {
                    return Ok(());
                }
            }
        }
        for missing in numbering.next()..=last_seq {
            if !each(missing, None)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

//! The one writer of a log.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::{self, JoinHandle},
};

use prt_types::build_events::{BuildEvent, BuildRecord};

use super::{
    index::{self, Entry},
    log::{Log, Position},
    segment,
};

/// What the writer puts in place of what is beyond the cap.
pub(crate) const CUT_NOTICE: &str =
    "The log has reached its greatest length; what follows is left out. The build goes on.";

/// So much at most waits in memory for its way to the disk while there is nothing else on it: what a build's end has to wait for.
const SETTLE_BYTES: u64 = 4 * 1024 * 1024;

/// A file that says that the log was cut.
const CUT_MARK: &str = "cut";

/// Appends to the log of one build; there is at most one writer of a log at a time.
pub struct LogWriter {
    log: Arc<Log>,
    files: Arc<Mutex<Files>>,
    /// A batch that is being written while the caller makes the next one.
    behind: Option<tokio::task::JoinHandle<io::Result<Position>>>,
}

struct Files {
    segment: File,
    number: u64,
    offset: u64,
    index: File,
    /// Bytes of all segments.
    total: u64,
    cap: u64,
    cut: bool,
    position: Position,
    /// Number of the record that the last index entry points to.
    indexed: u64,
    /// What is on its way to the disk.
    settling: Option<JoinHandle<io::Result<()>>>,
    /// Where in the segment that ends.
    settled_to: u64,
    /// What an error kept from being written.
    unwritten: Vec<(i64, BuildEvent)>,
}

impl std::fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter")
            .field("dir", &self.log.dir)
            .finish_non_exhaustive()
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.log.writing.store(false, Ordering::Release);
    }
}

impl LogWriter {
    /// Takes the right to write. Blocks on the disk.
    pub(super) fn open(log: Arc<Log>, cap: u64) -> io::Result<Self> {
        if log.writing.swap(true, Ordering::AcqRel) {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "the log has a writer already",
            ));
        }
        match Files::open(&log, cap) {
            Ok(files) => Ok(Self {
                log,
                files: Arc::new(Mutex::new(files)),
                behind: None,
            }),
            Err(error) => {
                log.writing.store(false, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Appends a batch: numbers it, writes it with one call, then wakes the readers. After the build's end nothing is added.
    ///
    /// Dropping the future does not undo or tear the batch. What an error kept from being written comes first in the next call;
    /// an empty batch only tries that again.
    pub async fn append(&mut self, events: Vec<(i64, BuildEvent)>) -> io::Result<Position> {
        // What an error kept of it comes with this one.
        _ = self.written().await;
        self.spawn(events).await.map_err(io::Error::other)?
    }

    /// The same without waiting: what came of it is told by the next call, or by [`LogWriter::written`]. One batch at most is under way.
    pub async fn append_behind(&mut self, events: Vec<(i64, BuildEvent)>) -> io::Result<()> {
        let before = self.written().await;
        self.behind = Some(self.spawn(events));
        before
    }

    /// Waits for the batch that is under way.
    pub async fn written(&mut self) -> io::Result<()> {
        match self.behind.take() {
            Some(behind) => behind.await.map_err(io::Error::other)?.map(drop),
            None => Ok(()),
        }
    }

    fn spawn(&self, events: Vec<(i64, BuildEvent)>) -> tokio::task::JoinHandle<io::Result<Position>> {
        let (log, files) = (Arc::clone(&self.log), Arc::clone(&self.files));
        tokio::task::spawn_blocking(move || {
            files
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(&log, events)
        })
    }

    /// Where the log is.
    pub fn position(&self) -> Position {
        self.log.position()
    }

    /// Whether the cap was reached: from then on lines and progress are left out.
    pub fn is_cut(&self) -> bool {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).cut
    }
}

impl Files {
    fn open(log: &Log, cap: u64) -> io::Result<Self> {
        fs::create_dir_all(&log.dir)?;
        let (number, offset, position, entries) = {
            let state = log.state();
            (
                state.end_segment.max(1),
                state.end_offset,
                state.position,
                state.index.clone(),
            )
        };
        let segment = open_segment(log, number)?;
        let lengths = segment::lengths(&log.dir)?;
        Ok(Self {
            segment,
            number,
            offset,
            index: index::open(&log.dir.join("index"), &entries)?,
            total: lengths.iter().sum(),
            cap,
            cut: log.dir.join(CUT_MARK).exists(),
            position,
            indexed: entries.last().map_or(0, |entry| entry.seq),
            settling: None,
            settled_to: offset,
            unwritten: vec![],
        })
    }

    fn append(&mut self, log: &Log, mut events: Vec<(i64, BuildEvent)>) -> io::Result<Position> {
        if !self.unwritten.is_empty() {
            let first = std::mem::take(&mut self.unwritten);
            events.splice(0..0, first);
        }
        let mut records = Vec::with_capacity(events.len());
        let mut bytes: Vec<u8> = Vec::with_capacity(events.len() * 160);
        let mut entries = vec![];
        // Taken over only after the write: a failed batch leaves no trace and can be tried again.
        let (mut position, mut indexed, mut cut) = (self.position, self.indexed, self.cut);
        for (at_ms, event) in events {
            if position.ended {
                break;
            }
            let over = self.total + bytes.len() as u64 >= self.cap;
            let event = match event {
                BuildEvent::Log(_) | BuildEvent::Progress(_) if cut => continue,
                BuildEvent::Log(_) | BuildEvent::Progress(_) if over => {
                    cut = true;
                    BuildEvent::Notice {
                        text: CUT_NOTICE.to_owned(),
                    }
                }
                event => event,
            };
            position.last_seq += 1;
            let record = BuildRecord {
                seq: position.last_seq,
                at_ms,
                event,
            };
            let at = self.offset + bytes.len() as u64;
            if indexed == 0 || at == 0 || record.seq >= indexed + index::EVERY {
                entries.push(Entry {
                    seq: record.seq,
                    next_line: position.last_line + 1,
                    segment: self.number,
                    offset: at,
                });
                indexed = record.seq;
            }
            match &record.event {
                BuildEvent::Log(line) => position.last_line = line.line,
                BuildEvent::End(_) => position.ended = true,
                // One that an error kept from being written.
                BuildEvent::Notice { text } => cut |= text == CUT_NOTICE,
                BuildEvent::Step(_) | BuildEvent::Progress(_) | BuildEvent::Warning { .. } => {}
            }
            segment::write(&mut bytes, &record)?;
            records.push(record);
        }
        if records.is_empty() {
            return Ok(position);
        }
        if cut
            && !self.cut
            && let Err(error) = fs::write(log.dir.join(CUT_MARK), [])
        {
            tracing::warn!(%error, "the mark of a cut log cannot be written");
        }
        if let Err(error) = self.segment.write_all_at(&bytes, self.offset) {
            // Most likely a full disk. The next write goes to the same place, so this only gives the space back.
            _ = self.segment.set_len(self.offset);
            self.unwritten = records.into_iter().map(|record| (record.at_ms, record.event)).collect();
            return Err(error);
        }
        if let Err(error) = index::append(&mut self.index, &entries) {
            // The index in memory is whole, and the file is made anew from the records when the log is opened next.
            tracing::warn!(%error, "the index of a build's log cannot be written");
        }
        self.offset += bytes.len() as u64;
        self.total += bytes.len() as u64;
        (self.position, self.indexed, self.cut) = (position, indexed, cut);
        if let Err(error) = self.settle(log) {
            // The records are written; what is at stake is only how they lie on the disk.
            tracing::warn!(%error, "a build's log cannot be brought to the disk");
        }
        log.publish(records, bytes.len(), &entries, (self.number, self.offset), position);
        Ok(position)
    }
}

impl Files {
    /// At the build's end all of the log goes to the disk; a full segment is closed, and goes there while the next one is filled.
    fn settle(&mut self, log: &Log) -> io::Result<()> {
        if self.position.ended {
            let settled = self.settled();
            self.segment.sync_all()?;
            self.index.sync_all()?;
            settled
        } else if self.offset >= segment::SEGMENT_BYTES {
            let next = open_segment(log, self.number + 1)?;
            let full = std::mem::replace(&mut self.segment, next);
            self.number += 1;
            (self.offset, self.settled_to) = (0, 0);
            // A disk that cannot keep up is waited for here: one segment at most is under way.
            let settled = self.settled();
            self.settling = Some(thread::spawn(move || full.sync_data()));
            settled
        } else if self.offset >= self.settled_to + SETTLE_BYTES
            && self.settling.as_ref().is_none_or(JoinHandle::is_finished)
        {
            let settled = self.settled();
            let segment = self.segment.try_clone()?;
            self.settled_to = self.offset;
            self.settling = Some(thread::spawn(move || segment.sync_data()));
            settled
        } else {
            Ok(())
        }
    }

    fn settled(&mut self) -> io::Result<()> {
        let Some(settling) = self.settling.take() else {
            return Ok(());
        };
        settling
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("bringing it to the disk panicked")))
    }
}

fn open_segment(log: &Log, number: u64) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(segment::path(&log.dir, number))
}

//! The logs of builds: numbered records in files, read from anywhere, followed without gaps.
//!
//! Below `<data_dir>/build-logs/<build id>/` lie segment files with one record of JSON a line, and an index that says where every
//! 256th record is. A [`LogWriter`] is the only one that appends; it numbers the records, writes a batch with one call and then
//! wakes the followers. [`LogStore::follow`] is a read after the last number seen, again and again: what happens between two reads
//! is in the next one, so nothing is lost or repeated. Damage to a file costs the records that it hit: a notice stands in their place.

mod index;
mod log;
mod outline;
mod segment;
mod writer;

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use futures::stream::{self, BoxStream, StreamExt as _};
use prt_types::{build_events::BuildRecord, ids::BuildId};

use self::log::Log;
pub(crate) use self::writer::CUT_NOTICE;
pub use self::{log::Position, writer::LogWriter};

/// A log beyond this is cut with a notice; the build goes on.
pub const LOG_CAP_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Records that a follower gets at a time, at most.
const FOLLOW_BATCH: usize = 2048;

/// How many stored records the decoder made, so that a build followed from its beginning again adds only what is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Before the log was cut, if it was.
    pub whole: u64,
    /// After that: lines and progress are missing there.
    pub after_cut: u64,
}

/// All logs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    cap: u64,
    open: Mutex<HashMap<BuildId, Weak<Log>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogStore")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl LogStore {
    /// Logs below `root`, which is made with the first log.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::with_cap(root, LOG_CAP_BYTES)
    }

    /// The same with another cap.
    pub fn with_cap(root: impl Into<PathBuf>, cap: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                root: root.into(),
                cap,
                open: Mutex::default(),
            }),
        }
    }

    /// The right to append to a log, making it if needed. Fails while there is another writer.
    pub async fn writer(&self, build: BuildId) -> io::Result<LogWriter> {
        let cap = self.inner.cap;
        let store = self.clone();
        blocking(move || LogWriter::open(store.log(build)?, cap)).await
    }

    /// Where a log is.
    pub async fn position(&self, build: BuildId) -> io::Result<Position> {
        if let Some(log) = self.opened(build) {
            return Ok(log.position());
        }
        let store = self.clone();
        blocking(move || Ok(store.log(build)?.position())).await
    }

    /// The same without a look at the disk: only of a log that is in use.
    pub fn position_if_open(&self, build: BuildId) -> Option<Position> {
        Some(self.opened(build)?.position())
    }

    /// Resolves when the build's end is in a log that is in use, and for any other at once.
    pub async fn ended(&self, build: BuildId) {
        if let Some(log) = self.opened(build) {
            // The sender lives in `log`.
            _ = log.seen.subscribe().wait_for(|position| position.ended).await;
        }
    }

    /// Up to `limit` records after number `after`.
    pub async fn read(&self, build: BuildId, after: u64, limit: usize) -> io::Result<Vec<BuildRecord>> {
        if let Some(records) = self.opened(build).and_then(|log| log.read_tail(after, limit)) {
            return Ok(records);
        }
        let store = self.clone();
        blocking(move || store.log(build)?.read_disk(after, limit)).await
    }

    /// Up to `limit` log lines from line number `line` on.
    pub async fn read_lines(&self, build: BuildId, line: u64, limit: usize) -> io::Result<Vec<BuildRecord>> {
        let store = self.clone();
        blocking(move || store.log(build)?.read_lines(line, limit)).await
    }

    /// The records so far that are no log lines; of each transfer's progress only the latest.
    pub async fn outline(&self, build: BuildId) -> io::Result<Vec<BuildRecord>> {
        let store = self.clone();
        blocking(move || outline::read(&*store.log(build)?)).await
    }

    /// All records after number `after`, those to come included; ends after the build's end, or at an unreadable disk.
    pub fn follow(&self, build: BuildId, after: u64) -> BoxStream<'static, Vec<BuildRecord>> {
        let store = self.clone();
        let start = async move {
            let log = match store.opened(build) {
                Some(log) => log,
                None => blocking(move || store.log(build)).await.inspect_err(report).ok()?,
            };
            let seen = log.seen.subscribe();
            Some((log, seen, after))
        };
        stream::once(start)
            .filter_map(std::future::ready)
            .flat_map(|state| {
                stream::unfold(state, |(log, mut seen, after)| async move {
                    loop {
                        // Marks the position as seen before reading: whatever is published after this wakes us again.
                        let position = *seen.borrow_and_update();
                        if position.last_seq > after {
                            let records = next(&log, after).await.inspect_err(report).ok()?;
                            let after = records.last()?.seq;
                            return Some((records, (log, seen, after)));
                        }
                        if position.ended {
                            return None;
                        }
                        // The sender lives in `log`, which we hold.
                        seen.changed().await.ok()?;
                    }
                })
            })
            .boxed()
    }

    /// Counts the stored records that the decoder made.
    pub async fn decoded(&self, build: BuildId) -> io::Result<Decoded> {
        let store = self.clone();
        blocking(move || {
            let mut decoded = Decoded::default();
            let mut cut = false;
            store.log(build)?.scan(
                |entry| entry.seq <= 1,
                |_, raw| {
                    // What damage has hit was most likely the decoder's: it must not come a second time.
                    let raw = raw.unwrap_or_default();
                    match segment::tag(raw) {
                        b"notice" => cut |= raw.windows(CUT_NOTICE.len()).any(|part| part == CUT_NOTICE.as_bytes()),
                        b"end" => {}
                        _ if cut => decoded.after_cut += 1,
                        _ => decoded.whole += 1,
                    }
                    Ok(true)
                },
            )?;
            Ok(decoded)
        })
        .await
    }

    /// How large each log is on the disk.
    pub async fn sizes(&self) -> io::Result<HashMap<BuildId, i64>> {
        let root = self.inner.root.clone();
        blocking(move || {
            let mut sizes = HashMap::new();
            let folders = match fs::read_dir(root) {
                Ok(folders) => folders,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(sizes),
                Err(error) => return Err(error),
            };
            for folder in folders {
                let folder = folder?;
                let Some(id) = folder.file_name().to_str().and_then(|name| name.parse().ok()) else {
                    continue;
                };
                // One that is deleted meanwhile counts as empty.
                let files = fs::read_dir(folder.path()).into_iter().flatten().flatten();
                let size = files.filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>();
                sizes.insert(id, size as i64);
            }
            Ok(sizes)
        })
        .await
    }

    /// Removes a log.
    pub async fn remove(&self, build: BuildId) -> io::Result<()> {
        let dir = self.dir(build);
        self.opens().remove(&build);
        blocking(move || match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    fn dir(&self, build: BuildId) -> PathBuf {
        self.inner.root.join(build.to_string())
    }

    fn opens(&self) -> std::sync::MutexGuard<'_, HashMap<BuildId, Weak<Log>>> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self, build: BuildId) -> Option<Arc<Log>> {
        self.opens().get(&build)?.upgrade()
    }

    /// The log, opened once for all who use it at the same time. Blocks on the disk.
    fn log(&self, build: BuildId) -> io::Result<Arc<Log>> {
        // Held while opening: two openings at once could both repair the end of the file.
        let mut opens = self.opens();
        if let Some(log) = opens.get(&build).and_then(Weak::upgrade) {
            return Ok(log);
        }
        let log = Arc::new(Log::open(self.dir(build))?);
        opens.retain(|_, log| log.strong_count() > 0);
        opens.insert(build, Arc::downgrade(&log));
        Ok(log)
    }
}

async fn next(log: &Arc<Log>, after: u64) -> io::Result<Vec<BuildRecord>> {
    if let Some(records) = log.read_tail(after, FOLLOW_BATCH) {
        return Ok(records);
    }
    let log = Arc::clone(log);
    blocking(move || log.read_disk(after, FOLLOW_BATCH)).await
}

fn report(error: &io::Error) {
    tracing::error!(%error, "a build's log cannot be read");
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;

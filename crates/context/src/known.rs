//! Hashes of files, remembered between builds by device, inode, size and times. The time of the inode cannot be set, so a file whose content
//! changed is seen.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

/// A file that changed just now may change again without its times showing it.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Device.
    pub dev: u64,
    /// Inode; 0 = the system has none, and nothing is remembered.
    pub ino: u64,
    /// Bytes.
    pub size: u64,
    /// Last change of the content: seconds since 1970, and nanoseconds.
    pub mtime: (i64, i64),
    /// Last change of the inode.
    pub ctime: (i64, i64),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    #[serde(flatten)]
    identity: Identity,
    sha256: String,
}

/// What is known.
#[derive(Debug, Default)]
pub struct KnownHashes {
    of: HashMap<(u64, u64), Known>,
    changed: bool,
}

impl KnownHashes {
    /// Reads what was written; a file that is not there or damaged means that nothing is known.
    pub fn read(path: &Path) -> Self {
        let known: Vec<Known> = fs::read(path)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        let of = known.into_iter().map(|one| ((one.identity.dev, one.identity.ino), one));
        Self {
            of: of.collect(),
            changed: false,
        }
    }

    /// The SHA-256 of a file in this state.
    pub fn get(&self, now: &Identity) -> Option<&str> {
        let known = self.of.get(&(now.dev, now.ino))?;
        (known.identity == *now && now.ino != 0).then_some(&*known.sha256)
    }

    /// Remembers a file that was read; `before` is its state before that, so a file that changes meanwhile has another one.
    pub fn note(&mut self, before: &Identity, sha256: &str) {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(before.ctime.0.unsigned_abs());
        if before.ino != 0 && changed.elapsed().is_ok_and(|age| age > SETTLED) {
            let known = Known {
                identity: *before,
                sha256: sha256.to_owned(),
            };
            self.of.insert((before.dev, before.ino), known);
            self.changed = true;
        }
    }

    /// Forgets everything: something was not as it was remembered.
    pub fn clear(&mut self) {
        self.of.clear();
        self.changed = true;
    }

    /// Writes at most so many to `new` and moves it to `path`, if anything has changed. Without them all files are only read again.
    pub fn write(&self, new: &Path, path: &Path, most: usize) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let known: Vec<&Known> = self.of.values().take(most).collect();
        let written = serde_json::to_vec(&known)
            .map_err(io::Error::from)
            .and_then(|json| fs::write(new, json))
            .and_then(|()| fs::rename(new, path));
        if written.is_err() {
            _ = fs::remove_file(new);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Identity = Identity {
        dev: 1,
        ino: 2,
        size: 3,
        mtime: (4, 5),
        ctime: (6, 7),
    };

    #[test]
    fn only_the_same_state_is_known() {
        let mut known = KnownHashes::default();
        known.note(&OLD, "abc");
        assert_eq!(known.get(&OLD), Some("abc"));
        for other in [
            Identity { size: 4, ..OLD },
            Identity { mtime: (4, 6), ..OLD },
            Identity { ctime: (6, 8), ..OLD },
            Identity { ino: 3, ..OLD },
        ] {
            assert_eq!(known.get(&other), None, "{other:?}");
        }
        known.clear();
        assert_eq!(known.get(&OLD), None);
    }

    #[test]
    fn what_changed_just_now_and_what_has_no_inode_is_not_remembered() {
        let mut known = KnownHashes::default();
        let file = tempfile::NamedTempFile::new().unwrap();
        let made = file.as_file().metadata().unwrap().modified().unwrap();
        let fresh = Identity {
            ctime: (made.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64, 0),
            ..OLD
        };
        let none = Identity { ino: 0, ..OLD };
        for identity in [fresh, none] {
            known.note(&identity, "abc");
            assert_eq!(known.get(&identity), None, "{identity:?}");
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        let mut known = KnownHashes::default();
        known.note(&OLD, "abc");
        known.write(&folder.path().join("new"), &path, 10).unwrap();
        assert_eq!(KnownHashes::read(&path).get(&OLD), Some("abc"));
        fs::write(&path, "damaged").unwrap();
        assert_eq!(KnownHashes::read(&path).get(&OLD), None);
    }
}

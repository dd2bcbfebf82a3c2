//! Hashes of files, remembered between builds by device, inode, size and times: the time of the inode cannot be set, so a file whose content
//! changed is seen. Without a cache folder everything works, only slower.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A file that changed just now may change again without its times telling so.
const SETTLED: Duration = Duration::from_secs(2);
/// Hashes that are remembered.
const MOST: usize = 200_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fact {
    dev: u64,
    ino: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
    sha256: String,
}

/// What is known.
#[derive(Debug, Default)]
pub struct Hashes {
    path: Option<PathBuf>,
    facts: HashMap<(u64, u64), Fact>,
    changed: bool,
}

impl Hashes {
    /// Those of this user.
    pub fn of_user() -> Self {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(std::env::home_dir()?.join(".cache")));
        cache.map_or_else(Self::default, |cache| Self::read(cache.join("prt/hashes.json")))
    }

    pub fn read(path: PathBuf) -> Self {
        let facts: Vec<Fact> = fs::read(&path)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        Self {
            path: Some(path),
            facts: facts.into_iter().map(|fact| ((fact.dev, fact.ino), fact)).collect(),
            changed: false,
        }
    }

    /// Hash and size of a file.
    pub fn of(&mut self, path: &Path) -> io::Result<(String, u64)> {
        let mut file = fs::File::open(path)?;
        // Before its content: what changes while it is read has a later time then.
        let now = identity(&file.metadata()?);
        if let Some(known) = self.facts.get(&(now.dev, now.ino))
            && (known.size, known.mtime, known.ctime) == (now.size, now.mtime, now.ctime)
            && now.ino != 0
        {
            return Ok((known.sha256.clone(), known.size));
        }
        let mut hash = Sha256::new();
        let size = io::copy(&mut file, &mut hash)?;
        let sha256 = hex::encode(hash.finalize());
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(now.ctime.0.unsigned_abs());
        if size == now.size && now.ino != 0 && changed.elapsed().is_ok_and(|age| age > SETTLED) {
            let fact = Fact {
                sha256: sha256.clone(),
                ..now
            };
            self.facts.insert((fact.dev, fact.ino), fact);
            self.changed = true;
        }
        Ok((sha256, size))
    }

    /// Forgets everything: something was not as it was remembered.
    pub fn clear(&mut self) {
        self.facts.clear();
        self.changed = true;
    }

    /// Keeps what is new for the next time.
    pub fn save(&self) {
        let Some(path) = self.path.as_ref().filter(|_| self.changed) else {
            return;
        };
        let facts: Vec<&Fact> = self.facts.values().take(MOST).collect();
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let saved = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&new, serde_json::to_vec(&facts)?))
            .and_then(|()| fs::rename(&new, path));
        if saved.is_err() {
            _ = fs::remove_file(&new);
        }
    }
}

#[cfg(unix)]
fn identity(meta: &fs::Metadata) -> Fact {
    use std::os::unix::fs::MetadataExt as _;

    Fact {
        dev: meta.dev(),
        ino: meta.ino(),
        size: meta.len(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        ctime: (meta.ctime(), meta.ctime_nsec()),
        sha256: String::new(),
    }
}

/// Without inodes nothing is remembered.
#[cfg(not(unix))]
fn identity(meta: &fs::Metadata) -> Fact {
    Fact {
        dev: 0,
        ino: 0,
        size: meta.len(),
        mtime: (0, 0),
        ctime: (0, 0),
        sha256: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_that_changed_is_hashed_again_whatever_its_times_say() {
        let folder = tempfile::tempdir().unwrap();
        let (file, cache) = (folder.path().join("a"), folder.path().join("cache/hashes.json"));
        fs::write(&file, "one").unwrap();
        let mut hashes = Hashes::read(cache.clone());
        let (one, size) = hashes.of(&file).unwrap();
        assert_eq!((one.len(), size), (64, 3));
        let touch = || {
            let times = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
            fs::File::options()
                .append(true)
                .open(&file)
                .unwrap()
                .set_times(times)
                .unwrap();
        };
        touch();
        // As if it had been remembered long ago.
        let mut old = identity(&fs::metadata(&file).unwrap());
        old.sha256.clone_from(&one);
        hashes.facts.insert((old.dev, old.ino), old.clone());
        hashes.changed = true;
        hashes.save();
        let mut again = Hashes::read(cache.clone());
        assert_eq!(again.facts.values().collect::<Vec<_>>(), [&old]);
        assert_eq!(again.of(&file).unwrap(), (one.clone(), 3));
        fs::write(&file, "two").unwrap();
        touch();
        assert_ne!(again.of(&file).unwrap().0, one);
        fs::write(&cache, "no json").unwrap();
        assert!(Hashes::read(cache).facts.is_empty());
    }
}

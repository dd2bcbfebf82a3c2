//! Hashes of files, remembered between builds in the user's cache folder. Without one everything works, only slower.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use prt_context::{Identity, KnownHashes};
use sha2::{Digest as _, Sha256};

/// Hashes that are remembered.
const MOST: usize = 200_000;

/// What is known.
#[derive(Debug, Default)]
pub struct Hashes {
    path: Option<PathBuf>,
    known: KnownHashes,
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
        Self {
            known: KnownHashes::read(&path),
            path: Some(path),
        }
    }

    /// Hash and size of a file.
    pub fn of(&mut self, path: &Path) -> io::Result<(String, u64)> {
        let mut file = fs::File::open(path)?;
        // Before its content: what changes while it is read has a later time then.
        let before = identity(&file.metadata()?);
        if let Some(known) = self.known.get(&before) {
            return Ok((known.to_owned(), before.size));
        }
        let mut hash = Sha256::new();
        let size = io::copy(&mut file, &mut hash)?;
        let sha256 = hex::encode(hash.finalize());
        if size == before.size {
            self.known.note(&before, &sha256);
        }
        Ok((sha256, size))
    }

    /// Forgets everything: something was not as it was remembered.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    /// Keeps what is new for the next time.
    pub fn save(&self) {
        if let Some(path) = &self.path {
            let new = path.with_extension(format!("{}.new", std::process::id()));
            _ = path.parent().map(fs::create_dir_all);
            _ = self.known.write(&new, path, MOST);
        }
    }
}

#[cfg(unix)]
fn identity(meta: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;

    Identity {
        dev: meta.dev(),
        ino: meta.ino(),
        size: meta.len(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        ctime: (meta.ctime(), meta.ctime_nsec()),
    }
}

/// Without inodes nothing is remembered.
#[cfg(not(unix))]
fn identity(meta: &fs::Metadata) -> Identity {
    Identity {
        dev: 0,
        ino: 0,
        size: meta.len(),
        mtime: (0, 0),
        ctime: (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

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
        // A wrong hash shows where a file was not read again.
        let now = identity(&fs::metadata(&file).unwrap());
        let known = serde_json::json!([{"dev": now.dev, "ino": now.ino, "size": now.size, "mtime": now.mtime, "ctime": now.ctime, "sha256": "known"}]);
        fs::create_dir_all(cache.parent().unwrap()).unwrap();
        fs::write(&cache, known.to_string()).unwrap();
        let mut again = Hashes::read(cache);
        assert_eq!(again.of(&file).unwrap(), ("known".to_owned(), 3));
        fs::write(&file, "two").unwrap();
        touch();
        let (two, _) = again.of(&file).unwrap();
        assert!(two != "known" && two != one, "{two}");
    }
}

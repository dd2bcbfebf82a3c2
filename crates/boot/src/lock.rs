//! One console for a data directory.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::BootError;

const FILE: &str = "console.lock";

/// The right to the data directory. The kernel gives it back when the process ends, however it ends.
#[derive(Debug)]
pub struct DataDirLock(#[expect(dead_code, reason = "open as long as the lock is held")] File);

impl DataDirLock {
    /// Fails at once while another console has it: two would follow the same builds and write the same logs.
    pub fn take(data_dir: &Path) -> Result<Self, BootError> {
        let failed = |what: String| BootError::DataDir {
            path: data_dir.display().to_string(),
            what,
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(data_dir.join(FILE))
            .map_err(|error| failed(format!("cannot be locked: {FILE}: {error}")))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(failed(
                "is in use: another console runs there. Stop it, or give this one a data_dir of its own".into(),
            )),
            Err(TryLockError::Error(error)) => Err(failed(format!("cannot be locked: {FILE}: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_dir_has_one_console_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDirLock::take(folder.path()).unwrap();
        let error = DataDirLock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
        assert!(error.contains("another console runs there"), "{error}");
        drop(first);
        DataDirLock::take(folder.path()).unwrap();
    }
}

//! A disk that can be full: a small file system in memory, which takes root.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// Gone with the value.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(folder.path())
            .output()
            .expect("mount runs");
        assert!(
            made.status.success(),
            "a small file system needs root: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    pub fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("a file");
        while file.write_all(&[1; 4096]).is_ok() {}
    }

    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

//! What is being uploaded, under a name of its own at the top of the folder.
//!
//! It is locked for as long as its process lives, whatever container that is in. What nobody holds was left by a process that was killed.

use std::{
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{MetadataExt as _, PermissionsExt as _},
    },
    path::Path,
};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use prt_agent_protocol::UPLOADS;
use rustix::{
    fs::OFlags,
    rand::{GetRandomFlags, getrandom},
};

use super::place::Place;
use crate::store::{Result, io_error};

/// A file or folder under a name of its own. What is under that name at the end is removed.
pub struct Scratch<'a> {
    root: &'a Dir,
    pub name: String,
    _lock: File,
}

impl<'a> Scratch<'a> {
    /// A new file that nobody else can read.
    pub fn file(root: &'a Dir) -> Result<(Self, File)> {
        let error = || io_error("making a file in the build folder");
        loop {
            let place = place(root).map_err(error())?;
            let file = place.create(0o600).map_err(error())?;
            let lock = file.try_clone().map_err(error())?;
            if let Some(scratch) = Self::locked(root, &place, lock).map_err(error())? {
                return Ok((scratch, file));
            }
        }
    }

    /// A new folder.
    pub fn folder(root: &'a Dir) -> Result<(Self, Dir)> {
        let error = || io_error("making a folder in the build folder");
        loop {
            let place = place(root).map_err(error())?;
            root.create_dir(&place.name).map_err(error())?;
            let opened = root
                .open_dir_nofollow(&place.name)
                .and_then(|folder| Ok((folder.open(".")?.into_std(), folder)));
            let (lock, folder) = match opened {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(error())?,
            };
            if let Some(scratch) = Self::locked(root, &place, lock).map_err(error())? {
                return Ok((scratch, folder));
            }
        }
    }

    /// None = a sweep of another process has come in between.
    fn locked(root: &'a Dir, place: &Place, file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let own = file.metadata()?;
        let there = place.look()?;
        let same = there.is_some_and(|there| there.ino() == own.ino() && there.dev() == own.dev());
        Ok(same.then(|| Self {
            root,
            name: place.name.to_string_lossy().into_owned(),
            _lock: file,
        }))
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        _ = remove(self.root, OsStr::new(&self.name));
    }
}

fn place(root: &Dir) -> io::Result<Place> {
    let mut random = [0; 8];
    getrandom(&mut random, GetRandomFlags::empty())?;
    Ok(Place {
        folder: root.try_clone()?,
        name: format!("{UPLOADS}{}", hex::encode(random)).into(),
    })
}

/// Removes what processes left that were killed. What cannot be removed is in nobody's way.
pub fn sweep(root: &Dir) {
    for entry in root.entries().into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(UPLOADS) && !is_held(root, &name) {
            _ = remove(root, &name);
        }
    }
}

fn is_held(root: &Dir, name: &OsStr) -> bool {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .follow(FollowSymlinks::No)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    match root.open_with(name, &options) {
        Ok(file) => matches!(file.into_std().try_lock(), Err(TryLockError::WouldBlock)),
        // No upload: those can be opened.
        Err(_) => false,
    }
}

/// Removes whatever is there, also folders that are read-only.
pub fn remove(dir: &Dir, name: &OsStr) -> io::Result<()> {
    if !dir.symlink_metadata(name)?.is_dir() {
        return dir.remove_file(name);
    }
    let below = dir.open_dir_nofollow(name)?;
    make_writable(&below)?;
    for entry in below.entries()? {
        // What somebody else has removed meanwhile is gone all the same.
        _ = remove(&below, &entry?.file_name());
    }
    dir.remove_dir(name)
}

/// Gives its owner all rights to a folder.
pub fn make_writable(folder: &Dir) -> io::Result<()> {
    let mode = folder.dir_metadata()?.mode() & 0o7777;
    if mode & 0o700 != 0o700 {
        set_mode(folder, mode | 0o700)?;
    }
    Ok(())
}

/// Sets the mode of a folder, also of one that may not be read: what is opened of it is no more than its place.
pub fn set_mode(folder: &Dir, mode: u32) -> io::Result<()> {
    fs::set_permissions(own_path(folder), fs::Permissions::from_mode(mode))
}

/// The path by which this process has something open.
pub fn own_path(folder: &Dir) -> String {
    format!("/proc/self/fd/{}", folder.as_raw_fd())
}

/// Makes a folder that is about to be moved away writable: only who may write to a folder may move it to another one.
pub fn unlock(place: &Place) -> io::Result<()> {
    make_writable(&place.folder.open_dir_nofollow(Path::new(&place.name))?)
}

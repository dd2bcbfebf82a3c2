//! A name in a folder that is held open.

use std::{ffi::OsString, fs::File, io, path::Path};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, Metadata, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{RenameFlags, renameat_with};

use super::resolving;
use crate::store::{Result, StoreError, io_error};

/// Where something is, or will be.
pub struct Place {
    pub folder: Dir,
    pub name: OsString,
}

impl Place {
    /// Opens the folder in which `path` is.
    pub fn find(root: &Dir, path: &Path) -> Result<Self> {
        let Some(name) = path.file_name() else {
            return Err(StoreError::Invalid("Name something below the build folder.".into()));
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => root.open_dir(parent),
            _ => root.try_clone(),
        };
        Ok(Self {
            folder: folder.map_err(|error| resolving(path, error))?,
            name: name.to_owned(),
        })
    }

    /// The same, after folders that are missing above it are made.
    pub fn make(root: &Dir, path: &Path) -> Result<Self> {
        match Self::find(root, path) {
            Err(StoreError::NotFound(_)) => {
                make_folders(root, path.parent().unwrap_or(Path::new("")))?;
                Self::find(root, path)
            }
            found => found,
        }
    }

    /// What is there; a link is not followed.
    pub fn look(&self) -> io::Result<Option<Metadata>> {
        match self.folder.symlink_metadata(&self.name) {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a file or link that is there. A folder stays.
    pub fn clear(&self, path: &Path) -> Result<()> {
        let error = || io_error(format!("replacing {}", path.display()));
        match self.look().map_err(error())? {
            None => Ok(()),
            Some(meta) if meta.is_dir() => Err(StoreError::Invalid(format!("{} is a folder", path.display()))),
            Some(_) => match self.folder.remove_file(&self.name) {
                Err(problem) if problem.kind() != io::ErrorKind::NotFound => Err(error()(problem)),
                _ => Ok(()),
            },
        }
    }

    /// Makes a file that was not there.
    pub fn create(&self, mode: u32) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .mode(mode)
            .follow(FollowSymlinks::No);
        Ok(self.folder.open_with(&self.name, &options)?.into_std())
    }

    /// Renames something to here, over a file or link that is there.
    pub fn take(&self, from: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
        from.rename(name, &self.folder, &self.name)
    }

    /// Renames something to here if nothing is there; `false` = something is.
    pub fn take_new(&self, from: &Dir, name: &Path) -> io::Result<bool> {
        match renameat_with(from, name, &self.folder, &self.name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::EXIST | rustix::io::Errno::NOTEMPTY) => Ok(false),
            // A file system without this.
            Err(rustix::io::Errno::INVAL) => match self.look()? {
                Some(_) => Ok(false),
                None => self.take(from, name).map(|()| true),
            },
            Err(error) => Err(error.into()),
        }
    }
}

/// Makes a folder and those above it.
pub fn make_folders(root: &Dir, path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    root.create_dir_all(path).map_err(|error| match error.kind() {
        // A link that leads to nothing, or a file.
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => {
            StoreError::Invalid(format!("a part of {} is not a folder", path.display()))
        }
        _ => resolving(path, error),
    })
}

//! A tar stream as a folder.

use std::{
    ffi::OsStr,
    io::{self, Read},
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use cap_fs_ext::DirExt as _;
use cap_std::fs::{Dir, MetadataExt as _};
use rustix::fs::{AtFlags, CWD, Mode, Timespec, Timestamps, fchmod, futimens, utimensat};
use tar::EntryType;

use super::{
    below, copy,
    merge::merge,
    open,
    place::Place,
    replace::replace,
    scratch::{Scratch, own_path, set_mode, sweep},
};
use crate::store::{
    Result, StoreError,
    archive::{each, not_whole},
    io_error,
};

/// Unpacks an archive, and puts it in place once all of it has come.
pub fn unpack(folder: &str, path: &str, whole: bool, contents: impl Read) -> Result<()> {
    let path = below(path)?;
    if whole && path.as_os_str().is_empty() {
        return Err(StoreError::Invalid(
            "Name a folder below the build folder to replace.".into(),
        ));
    }
    let root = open(folder)?;
    sweep(&root);
    if whole && let Err(error @ (StoreError::Outside(_) | StoreError::Invalid(_))) = Place::find(&root, path) {
        return Err(error);
    }
    let (scratch, new) = Scratch::folder(&root)?;
    let mut archive = Unpacked {
        into: &new,
        folders: vec![],
    };
    each(contents, |entry| archive.one(entry))?;
    let Unpacked { mut folders, .. } = archive;
    // From within: what is put into a folder changes its time.
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.path.components().count()));
    for folder in &folders {
        folder.dress(&new, Folder::OPEN)?;
    }
    let target = if whole {
        replace(&root, &scratch, path)?;
        new
    } else {
        merge(&root, &new, path)?;
        if path.as_os_str().is_empty() {
            root.try_clone()
        } else {
            root.open_dir(path)
        }
        .map_err(io_error(format!("opening {}", path.display())))?
    };
    // Folders have all rights until then: only who may write to a folder may move it.
    for folder in folders
        .iter()
        .filter(|folder| folder.mode & Folder::OPEN != Folder::OPEN)
    {
        // Among others' files there may be another folder in its place, which keeps its mode.
        if whole || folder.is_as_unpacked(&target) {
            folder.dress(&target, 0)?;
        }
    }
    Ok(())
}

struct Unpacked<'a> {
    into: &'a Dir,
    folders: Vec<Folder>,
}

impl Unpacked<'_> {
    fn one(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<()> {
        let bytes = entry.path_bytes();
        let path = inside(&bytes)?;
        let header = entry.header();
        // Archives of the first kind have no other mark for a folder.
        let is_folder = header.as_ustar().is_none() && bytes.ends_with(b"/");
        let kind = match header.entry_type() {
            EntryType::Regular if is_folder => EntryType::Directory,
            kind => kind,
        };
        let mode = header.mode().map_err(not_whole)? & 0o7777;
        let mtime = header.mtime().map_err(not_whole)?.cast_signed();
        if path.as_os_str().is_empty() {
            if kind == EntryType::Directory {
                self.folders.push(Folder { path, mode, mtime });
            }
            return Ok(());
        }
        match kind {
            EntryType::Directory => self.folder(path, mode, mtime),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let place = self.place(&path)?;
                let error = || io_error(format!("writing {}", path.display()));
                let mut file = place.create(0o600).map_err(error())?;
                copy(entry, &mut file, &path)?;
                fchmod(&file, Mode::from_raw_mode(mode)).map_err(|errno| error()(errno.into()))?;
                let given = file.metadata().map(|meta| std::os::unix::fs::MetadataExt::mode(&meta));
                check_mode(&path, mode, given.map_err(error())?)?;
                futimens(&file, &times(mtime)).map_err(|errno| error()(errno.into()))
            }
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default();
                self.link(&path, &target, kind == EntryType::Link, mtime)
            }
            EntryType::Fifo | EntryType::Char | EntryType::Block => Err(StoreError::Invalid(format!(
                "{} is a pipe or a device, not a file",
                path.display()
            ))),
            // What belongs to the archive itself.
            _ => Ok(()),
        }
    }

    /// A free place. What comes later in an archive counts.
    fn place(&self, path: &Path) -> Result<Place> {
        let place = Place::make(self.into, path)?;
        place.clear(path)?;
        Ok(place)
    }

    fn folder(&mut self, path: PathBuf, mode: u32, mtime: i64) -> Result<()> {
        let place = Place::make(self.into, &path)?;
        let error = || io_error(format!("making {}", path.display()));
        if !place.look().map_err(error())?.is_some_and(|there| there.is_dir()) {
            place.clear(&path)?;
            place.folder.create_dir(&place.name).map_err(error())?;
        }
        self.folders.push(Folder { path, mode, mtime });
        Ok(())
    }

    fn link(&self, path: &Path, target: &[u8], hard: bool, mtime: i64) -> Result<()> {
        let place = self.place(path)?;
        let error = || io_error(format!("linking {}", path.display()));
        if hard {
            let first = Place::find(self.into, &inside(target)?)?;
            return first
                .folder
                .hard_link(&first.name, &place.folder, &place.name)
                .map_err(error());
        }
        // As it is: it is followed only as far as it stays in the folder.
        place
            .folder
            .symlink_contents(OsStr::from_bytes(target), &place.name)
            .map_err(error())?;
        utimensat(&place.folder, &place.name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| error()(errno.into()))
    }
}

/// A folder of an archive.
struct Folder {
    path: PathBuf,
    mode: u32,
    mtime: i64,
}

impl Folder {
    /// Rights of the owner.
    const OPEN: u32 = 0o700;

    fn open(&self, root: &Dir) -> io::Result<Dir> {
        if self.path.as_os_str().is_empty() {
            return root.try_clone();
        }
        match (self.path.parent(), self.path.file_name()) {
            (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => {
                root.open_dir(parent)?.open_dir_nofollow(name)
            }
            _ => root.open_dir_nofollow(&self.path),
        }
    }

    fn is_as_unpacked(&self, root: &Dir) -> bool {
        let meta = self.open(root).and_then(|folder| folder.dir_metadata());
        meta.is_ok_and(|meta| meta.mode() & 0o7777 == self.mode | Self::OPEN && meta.mtime() == self.mtime)
    }

    /// Gives it mode, with `more` rights, and time.
    fn dress(&self, root: &Dir, more: u32) -> Result<()> {
        let error = || io_error(format!("making {}", self.path.display()));
        // A later entry may have replaced it.
        let Ok(folder) = self.open(root) else { return Ok(()) };
        let mode = self.mode | more;
        utimensat(CWD, own_path(&folder), &times(self.mtime), AtFlags::empty())
            .map_err(|errno| error()(errno.into()))?;
        set_mode(&folder, mode).map_err(error())?;
        check_mode(&self.path, mode, folder.dir_metadata().map_err(error())?.mode())
    }
}

/// The system leaves a bit out that it does not let this user give.
fn check_mode(path: &Path, wanted: u32, given: u32) -> Result<()> {
    if given & 0o7777 == wanted {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "{} cannot get the mode {wanted:o} in this worker",
        path.display()
    )))
}

fn times(seconds: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// A path of the archive in normal form; empty = the folder itself.
fn inside(bytes: &[u8]) -> Result<PathBuf> {
    let path = Path::new(OsStr::from_bytes(bytes));
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(StoreError::Invalid(format!(
                    "the path {} in the archive is absolute or leads out of it",
                    path.display()
                )));
            }
        }
    }
    Ok(normal)
}

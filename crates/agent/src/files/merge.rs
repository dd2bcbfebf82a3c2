//! An unpacked archive among what is there.

use std::{ffi::OsStr, io, path::Path};

use cap_fs_ext::DirExt as _;
use cap_std::fs::Dir;
use prt_agent_protocol::UPLOADS;
use rustix::fs::{Access, AtFlags, accessat};

use super::{
    place::{Place, make_folders},
    resolving,
};
use crate::store::{Result, StoreError, io_error};

/// Moves what was unpacked to its places: folders that are new as a whole, all else file by file. What can be known to have no place is found
/// before anything is moved.
pub fn merge(root: &Dir, new: &Dir, path: &Path) -> Result<()> {
    for entry in entries(new, path)? {
        if entry.to_string_lossy().starts_with(UPLOADS) {
            return Err(StoreError::Invalid(format!(
                "{} is a name of an upload on its way",
                entry.to_string_lossy()
            )));
        }
    }
    match look(root, new, path) {
        Err(StoreError::NotFound(_)) => make_folders(root, path)?,
        looked => looked?,
    }
    place(root, new, path)
}

fn entries(dir: &Dir, path: &Path) -> Result<Vec<std::ffi::OsString>> {
    let names = dir.entries().and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()
    });
    names.map_err(io_error(format!("reading {}", path.display())))
}

/// Opens a folder of the target; links in it are followed as far as they stay in the build folder.
fn target(root: &Dir, path: &Path) -> Result<Dir> {
    if path.as_os_str().is_empty() {
        return root.try_clone().map_err(io_error("opening the build folder"));
    }
    root.open_dir(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotADirectory => StoreError::Invalid(format!("{} is not a folder", path.display())),
        _ => resolving(path, error),
    })
}

fn is_folder(dir: &Dir, name: &OsStr, path: &Path) -> Result<bool> {
    dir.symlink_metadata(name)
        .map(|meta| meta.is_dir())
        .map_err(io_error(format!("reading {}", path.display())))
}

fn look(root: &Dir, new: &Dir, path: &Path) -> Result<()> {
    let folder = target(root, path)?;
    let writable = accessat(&folder, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty());
    if let Err(errno @ (rustix::io::Errno::ACCESS | rustix::io::Errno::ROFS)) = writable {
        return Err(io_error(format!("writing to {}", shown(path)))(errno.into()));
    }
    for name in entries(new, path)? {
        let below = path.join(&name);
        let place = Place {
            folder: folder.try_clone().map_err(io_error("opening a folder"))?,
            name,
        };
        let Some(there) = place.look().map_err(io_error(format!("reading {}", below.display())))? else {
            continue;
        };
        if is_folder(new, &place.name, &below)? {
            let inner = open_new(new, &place.name, &below)?;
            match look(root, &inner, &below) {
                Err(StoreError::NotFound(_)) => {
                    return Err(StoreError::Invalid(format!("{} is not a folder", below.display())));
                }
                looked => looked?,
            }
        } else if there.is_dir() {
            return Err(StoreError::Invalid(format!("{} is a folder", below.display())));
        }
    }
    Ok(())
}

fn open_new(new: &Dir, name: &OsStr, path: &Path) -> Result<Dir> {
    new.open_dir_nofollow(name)
        .map_err(io_error(format!("reading {}", path.display())))
}

fn place(root: &Dir, new: &Dir, path: &Path) -> Result<()> {
    let mut place_in = Place {
        folder: target(root, path)?,
        name: std::ffi::OsString::new(),
    };
    for name in entries(new, path)? {
        let below = path.join(&name);
        let error = || io_error(format!("placing {}", below.display()));
        place_in.name.clone_from(&name);
        if !is_folder(new, &name, &below)? {
            place_in.take(new, &name).map_err(error())?;
        } else if !place_in.take_new(new, Path::new(&name)).map_err(error())? {
            place(root, &open_new(new, &name, &below)?, &below)?;
        }
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        "the build folder".into()
    } else {
        path.display().to_string()
    }
}

//! A context as a folder.

use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use prt_types::contexts::{ContextEntryType, ContextManifest};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::{
    Result, Store, io_error,
    objects::{link, time_of},
    stamps::Stamps,
};

/// Makes a checked list, all of whose contents are there, a folder.
pub fn make(store: &Store, manifest: &ContextManifest, stamps: &mut Stamps, root: &Path) -> Result<()> {
    fs::create_dir(root).map_err(io_error("making the folder of the context"))?;
    let mut equal: HashMap<(&str, u32, i64), u32> = HashMap::new();
    for entry in &manifest.entries {
        let to = root.join(&entry.path);
        let error = || io_error(format!("placing {}", entry.path));
        match entry.kind {
            ContextEntryType::Folder => fs::create_dir(&to).map_err(error())?,
            ContextEntryType::Hardlink => fs::hard_link(root.join(&entry.target), &to).map_err(error())?,
            ContextEntryType::Symlink => {
                symlink(&entry.target, &to).map_err(error())?;
                let time = Timespec {
                    tv_sec: entry.mtime,
                    tv_nsec: 0,
                };
                let times = Timestamps {
                    last_access: time,
                    last_modification: time,
                };
                utimensat(CWD, &to, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| error()(errno.into()))?;
            }
            ContextEntryType::File => {
                // BuildKit takes two names of one file for hard links, so files that are only equal must be two.
                let nth = equal.entry((&entry.sha256, entry.mode, entry.mtime)).or_insert(0);
                link(store, entry, *nth, stamps.of(&entry.sha256, entry.size), &to)?;
                *nth += 1;
            }
        }
    }
    // From within: what is put into a folder changes its time, and may need rights that it does not give.
    for entry in manifest.entries.iter().rev() {
        if entry.kind == ContextEntryType::Folder {
            let to = root.join(&entry.path);
            let time = time_of(entry.mtime, 0);
            File::open(&to)
                .and_then(|folder| folder.set_times(fs::FileTimes::new().set_modified(time).set_accessed(time)))
                .and_then(|()| fs::set_permissions(&to, fs::Permissions::from_mode(entry.mode)))
                .map_err(io_error(format!("placing {}", entry.path)))?;
        }
    }
    Ok(())
}

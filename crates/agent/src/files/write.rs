//! A single file.

use std::{io::Read, path::Path};

use cap_std::fs::{Dir, MetadataExt as _};
use rustix::fs::{Mode, fchmod};

use super::{
    copy, file_below, open,
    place::Place,
    scratch::{Scratch, sweep},
};
use crate::store::{Result, StoreError, io_error};

/// The mode of a file that is new.
const NEW: u32 = 0o644;

/// Writes a file. What is in its place stays until all of the new content has come.
pub fn write(folder: &str, path: &str, mode: Option<u32>, mut contents: impl Read) -> Result<()> {
    let path = file_below(path)?;
    let root = open(folder)?;
    sweep(&root);
    // Refused before it comes.
    match Place::find(&root, path) {
        Ok(place) => drop(mode_of(&place, path)?),
        Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    let (scratch, mut file) = Scratch::file(&root)?;
    copy(&mut contents, &mut file, path)?;
    let place = Place::make(&root, path)?;
    let mode = match (mode_of(&place, path)?, mode) {
        (_, Some(given)) => given & 0o7777,
        (old, None) => old.unwrap_or(NEW),
    };
    let error = || io_error(format!("placing {}", path.display()));
    fchmod(&file, Mode::from_raw_mode(mode)).map_err(|errno| error()(errno.into()))?;
    place.take(&root, &scratch.name).map_err(error())
}

/// The mode of the file that is there.
fn mode_of(place: &Place, path: &Path) -> Result<Option<u32>> {
    match place.look().map_err(io_error(format!("reading {}", path.display())))? {
        Some(meta) if meta.is_dir() => Err(StoreError::Invalid("it is a folder".into())),
        Some(meta) if meta.is_file() => Ok(Some(meta.mode() & 0o777)),
        Some(_) | None => Ok(None),
    }
}

/// Writes a new file as its content comes.
pub fn stream(folder: &str, path: &str, mut contents: impl Read) -> Result<()> {
    let path = file_below(path)?;
    let root: Dir = open(folder)?;
    let place = Place::make(&root, path)?;
    place.clear(path)?;
    let mut file = place
        .create(NEW)
        .map_err(io_error(format!("writing {}", path.display())))?;
    copy(&mut contents, &mut file, path)?;
    Ok(())
}

//! An unpacked archive in the place of what was there.

use std::{io, path::Path};

use cap_std::fs::Dir;
use rustix::{
    fs::{RenameFlags, renameat_with},
    io::Errno,
};

use super::{
    place::Place,
    scratch::{Scratch, remove, unlock},
};
use crate::store::{Result, io_error};

/// Somebody else may place something, or take it away, at the same time; not for ever.
const TRIES: usize = 1000;

/// Moves an unpacked folder to its place. What was there has its name then, and goes with it.
pub fn replace(root: &Dir, scratch: &Scratch<'_>, path: &Path) -> Result<()> {
    let place = Place::make(root, path)?;
    let mut tried = Ok(false);
    for _ in 0..TRIES {
        tried = once(root, Path::new(&scratch.name), &place);
        if !matches!(tried, Ok(false)) {
            break;
        }
    }
    match tried {
        Ok(true) => Ok(()),
        Ok(false) => Err(io::ErrorKind::ResourceBusy.into()),
        Err(error) => Err(error),
    }
    .map_err(io_error(format!("placing {}", path.display())))
}

/// `false` = somebody else has changed the place meanwhile.
fn once(root: &Dir, name: &Path, place: &Place) -> io::Result<bool> {
    if place.take_new(root, name)? {
        return Ok(true);
    }
    let exchange = || renameat_with(root, name, &place.folder, &place.name, RenameFlags::EXCHANGE);
    match exchange() {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(Errno::ACCESS) => {
            unlock(place)?;
            exchange()?;
            Ok(true)
        }
        // A file system without this.
        Err(Errno::INVAL) => aside(root, name, place),
        Err(error) => Err(error.into()),
    }
}

/// The same in two steps.
fn aside(root: &Dir, name: &Path, place: &Place) -> io::Result<bool> {
    let mut old = name.as_os_str().to_owned();
    old.push(".old");
    if place.folder.rename(&place.name, root, &old).is_err() {
        unlock(place)?;
        place.folder.rename(&place.name, root, &old)?;
    }
    match place.take_new(root, name) {
        Ok(true) => {
            _ = remove(root, &old);
            Ok(true)
        }
        failed => {
            place.take_new(root, Path::new(&old))?;
            failed
        }
    }
}

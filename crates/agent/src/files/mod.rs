//! The build folder: its files are listed, read and written for people who may reach nothing else of the worker.
//!
//! A path is resolved beneath the folder by the kernel, one whole path at a time, and what is done is then done in the folder that was
//! opened, to a single name, without following a link. So neither a link nor a folder that is moved meanwhile leads out of it.
//!
//! What is being uploaded has a name of its own at the top of the folder until all of it has come: see [`scratch`].

mod list;
mod merge;
mod place;
mod read;
mod replace;
mod scratch;
mod unpack;
mod write;

#[cfg(test)]
mod tests;

use std::{
    io::{self, Read},
    path::{Component, Path},
};

use cap_std::{ambient_authority, fs::Dir};
use rustix::io::Errno;

pub use list::list;
pub use read::read;
pub use unpack::unpack;
pub use write::{stream, write};

use crate::store::{Result, StoreError, io_error};

/// Opens the folder itself.
fn open(folder: &str) -> Result<Dir> {
    Dir::open_ambient_dir(folder, ambient_authority()).map_err(io_error(format!("opening {folder}")))
}

/// A path below the folder, which names nothing else.
fn below(path: &str) -> Result<&Path> {
    let path = Path::new(path);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if path.components().all(plain) {
        Ok(path)
    } else {
        Err(StoreError::Invalid(format!(
            "{} is no path below the build folder.",
            path.display()
        )))
    }
}

/// The same for a file, which needs a name.
fn file_below(path: &str) -> Result<&Path> {
    match below(path)? {
        path if path.as_os_str().is_empty() => Err(StoreError::Invalid("Name a file below the build folder.".into())),
        path => Ok(path),
    }
}

/// What an error of resolving a path beneath the folder means.
fn resolving(path: &Path, error: io::Error) -> StoreError {
    let shown = path.display();
    match Errno::from_io_error(&error) {
        Some(Errno::NOENT) => StoreError::NotFound(format!("There is no {shown}.")),
        Some(Errno::NOTDIR) => StoreError::Invalid(format!("a part of {shown} is not a folder")),
        // The kernel's number for a path that leaves the folder; the library's own error has none.
        Some(Errno::XDEV) | None => StoreError::Outside(format!(
            "{shown} goes through a link that is absolute or leads out of the build folder"
        )),
        Some(Errno::ACCESS | Errno::LOOP | Errno::NAMETOOLONG) => StoreError::Invalid(format!("{shown}: {error}")),
        Some(_) => io_error(shown.to_string())(error),
    }
}

/// Writes what is read; tells which of the two failed.
fn copy(from: &mut dyn Read, to: &mut dyn io::Write, path: &Path) -> Result<u64> {
    let mut part = vec![0; 128 * 1024];
    let mut size = 0;
    loop {
        let count = match from.read(&mut part) {
            Ok(0) => return Ok(size),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(io_error("reading the upload")(error)),
        };
        to.write_all(&part[..count])
            .map_err(io_error(format!("writing {}", path.display())))?;
        size += count as u64;
    }
}

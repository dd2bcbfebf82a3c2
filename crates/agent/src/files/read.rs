//! The content of a file.

use std::io::{self, Read as _};

use cap_std::fs::{OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

use super::{file_below, open, resolving};
use crate::store::{Result, StoreError, io_error};

/// Reads a regular file, also through links that stay in the folder.
pub fn read(folder: &str, path: &str, limit: u64) -> Result<Vec<u8>> {
    let relative = file_below(path)?;
    let mut options = OpenOptions::new();
    // Not blocking: a named pipe may have nobody at its other end.
    options
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    let file = open(folder)?
        .open_with(relative, &options)
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => StoreError::NotFound(format!("There is no {path}.")),
            // A socket.
            _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => not_regular(path),
            _ => resolving(relative, error),
        })?;
    let meta = file.metadata().map_err(io_error(format!("reading {path}")))?;
    if !meta.is_file() {
        return Err(not_regular(path));
    }
    let mut content = vec![];
    if meta.len() <= limit {
        file.take(limit + 1)
            .read_to_end(&mut content)
            .map_err(io_error(format!("reading {path}")))?;
    }
    if meta.len() > limit || content.len() as u64 > limit {
        let mib = limit / 1024 / 1024;
        return Err(StoreError::Invalid(format!("{path} is larger than {mib} MiB.")));
    }
    Ok(content)
}

fn not_regular(path: &str) -> StoreError {
    StoreError::Invalid(format!("{path} is no regular file."))
}

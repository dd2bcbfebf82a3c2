//! The data directory and the key of stored secrets.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::BootError;

fn failed(path: &Path, what: impl Into<String>) -> BootError {
    BootError::DataDir {
        path: path.display().to_string(),
        what: what.into(),
    }
}

/// Makes the folder for the owner only.
pub fn private_folder(path: &Path) -> Result<(), BootError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| failed(path, format!("cannot be made: {error}")))
}

/// The name of the key file in the data directory.
pub const NAME: &str = "secret.key";

/// Reads the key; `None` = there is no file.
pub fn read(path: &Path) -> Result<Option<[u8; 32]>, BootError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let mode = fs::metadata(path)
                .map_err(|error| failed(path, format!("cannot be read: {error}")))?
                .permissions()
                .mode();
            if mode & 0o077 != 0 {
                return Err(failed(
                    path,
                    format!("can be read by others (mode {:o}); run chmod 600 on it", mode & 0o777),
                ));
            }
            let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.map(Some).ok_or_else(|| {
                failed(
                    path,
                    "is no key of 64 hex digits; restore it from a backup, as stored secrets open with it only",
                )
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, format!("cannot be read: {error}"))),
    }
}

/// Makes a key in a new file.
pub fn make(path: &Path) -> Result<[u8; 32], BootError> {
    let key = prt_core::crypto::random::<32>();
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(hex::encode(key).as_bytes())?;
            file.sync_all()
        });
    written.map_err(|error| failed(path, format!("cannot be written: {error}")))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        assert_eq!(read(&path).unwrap(), None);
        let key = make(&path).unwrap();
        assert_eq!(read(&path).unwrap(), Some(key));
        assert!(make(&path).is_err(), "it is never replaced");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "garbage").unwrap();
        assert!(read(&path).is_err());
    }
}

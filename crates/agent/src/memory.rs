//! Files in memory: tokens and secrets.

use std::path::Path;

use prt_agent_protocol::MemoryFile;

use crate::{
    private::write_whole,
    store::{Result, StoreError, io_error},
};

/// Writes them in their order: somebody may wait for the last one.
pub fn write(folder: &str, files: &[MemoryFile]) -> Result<()> {
    for MemoryFile { name, content } in files {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        if !plain {
            return Err(StoreError::Invalid(format!(
                "{name:?} is not the name of a file in memory"
            )));
        }
        write_whole(&Path::new(folder).join(name), content.expose().as_bytes())
            .map_err(io_error(format!("writing {folder}/{name}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn file(name: &str) -> MemoryFile {
        MemoryFile {
            name: name.into(),
            content: "value".into(),
        }
    }

    #[test]
    fn files_are_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        write(folder, &[file("token"), file("secrets.env")]).unwrap();
        for name in ["token", "secrets.env"] {
            let path = dir.path().join(name);
            assert_eq!(fs::read_to_string(&path).unwrap(), "value");
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "../x", "a/b", "/etc/x", ".hidden"] {
            assert!(write(dir.path().to_str().unwrap(), &[file(name)]).is_err(), "{name}");
        }
    }
}

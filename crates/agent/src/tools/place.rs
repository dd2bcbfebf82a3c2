//! Copies an upload to where it belongs. Modes, times and links are kept.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::{MetadataExt as _, symlink},
    path::{Path, PathBuf},
};

use super::at;

pub fn place(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to).map_err(at(to))?;
    folder(from, to, &mut HashMap::new())?;
    super::processes::print(&format!("{}\n", to.canonicalize().map_err(at(to))?.display()))
}

/// `names` are files with several names that were copied, by inode.
fn folder(from: &Path, to: &Path, names: &mut HashMap<u64, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(from).map_err(at(from))? {
        let entry = entry.map_err(at(from))?;
        one(&entry.path(), &to.join(entry.file_name()), names)?;
    }
    Ok(())
}

fn one(from: &Path, to: &Path, names: &mut HashMap<u64, PathBuf>) -> io::Result<()> {
    let meta = fs::symlink_metadata(from).map_err(at(from))?;
    if meta.is_dir() {
        match fs::create_dir(to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && to.is_dir() => {}
            made => made.map_err(at(to))?,
        }
        folder(from, to, names)?;
        fs::set_permissions(to, meta.permissions()).map_err(at(to))?;
        return set_times(to, &meta);
    }
    // A link in its place is replaced, not followed.
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(to)(error)),
        Ok(()) | Err(_) => {}
    }
    if meta.is_symlink() {
        return symlink(fs::read_link(from).map_err(at(from))?, to).map_err(at(to));
    }
    if meta.nlink() > 1
        && let Some(first) = names.get(&meta.ino())
    {
        return fs::hard_link(first, to).map_err(at(to));
    }
    fs::copy(from, to).map_err(at(to))?;
    names.insert(meta.ino(), to.to_owned());
    set_times(to, &meta)
}

fn set_times(path: &Path, meta: &fs::Metadata) -> io::Result<()> {
    let times = fs::FileTimes::new().set_modified(meta.modified()?);
    // Of what may not be read only the content counts.
    _ = fs::File::open(path).and_then(|file| file.set_times(times));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, time::SystemTime};

    use super::*;

    #[test]
    fn everything_is_kept_and_what_is_there_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(from.join("sub/a"), "new").unwrap();
        fs::set_permissions(from.join("sub/a"), fs::Permissions::from_mode(0o750)).unwrap();
        fs::hard_link(from.join("sub/a"), from.join("sub/b")).unwrap();
        symlink("sub/a", from.join("link")).unwrap();
        let times = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
        fs::File::open(from.join("sub/a")).unwrap().set_times(times).unwrap();
        fs::create_dir_all(to.join("sub")).unwrap();
        fs::write(root.path().join("outside"), "stays").unwrap();
        symlink("../../outside", to.join("sub/a")).unwrap();
        place(&from, &to).unwrap();
        let meta = fs::metadata(to.join("sub/a")).unwrap();
        assert_eq!(fs::read_to_string(to.join("link")).unwrap(), "new");
        assert_eq!((meta.mode() & 0o777, meta.nlink(), meta.mtime()), (0o750, 2, 0));
        assert_eq!(fs::read_to_string(root.path().join("outside")).unwrap(), "stays");
    }

    #[test]
    fn an_error_names_the_path() {
        let root = tempfile::tempdir().unwrap();
        let error = place(&root.path().join("none"), root.path()).unwrap_err();
        assert!(error.to_string().contains("/none: No such file"), "{error}");
    }
}

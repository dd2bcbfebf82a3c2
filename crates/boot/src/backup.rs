//! Copies of an installation on SQLite in one tar file: database, key and logs of builds.
//!
//! [`write()`] needs no pause: the database is copied as it is at one moment, the logs after it, so that the rows never name a log that
//! the copy does not have. [`restore`] puts a copy into an empty data directory.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
};

use prt_store::{AnyStore, sqlite_path, sqlite_url};
use tar::{Archive, Builder, EntryType, Header};

use crate::{BootError, Config, DataDirLock, LOGS, key_file};

/// The database in the tar file.
const DATABASE: &str = "console.db";
/// Where the parts of a copy are on their way, so that a copy that breaks off leaves nothing that looks like an installation.
const RESTORING: &str = "restoring";

/// What a copy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Whether the key is in it.
    pub key: bool,
    /// Files of logs.
    pub logs: u64,
}

fn failed(path: &Path, error: impl std::fmt::Display) -> BootError {
    BootError::Backup(format!("{}: {error}", path.display()))
}

fn database(config: &Config) -> Result<PathBuf, BootError> {
    sqlite_path(&config.database_url)?.ok_or_else(|| {
        BootError::Backup(format!(
            "this console's database is on Postgres, which has tools of its own. Copy three things: the database with pg_dump, and {} and \
             {} with any tool. To restore them, stop the console, put the files back and use pg_restore",
            config.data_dir.join(key_file::NAME).display(),
            config.data_dir.join(LOGS).display(),
        ))
    })
}

/// Writes a copy into a new file that only its owner can read. The console may run.
pub async fn write(config: &Config, file: &Path) -> Result<Copied, BootError> {
    let database = database(config)?;
    if !database.exists() {
        return Err(failed(&database, "there is no database to back up"));
    }
    let output = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(|error| failed(file, error))?;
    let written = write_into(config, file, output).await;
    if written.is_err() {
        // Half a copy is worse than none.
        _ = fs::remove_file(file);
    }
    written
}

async fn write_into(config: &Config, file: &Path, output: File) -> Result<Copied, BootError> {
    let beside = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = tempfile::tempdir_in(beside.unwrap_or(Path::new("."))).map_err(|error| failed(file, error))?;
    let copy = folder.path().join(DATABASE);
    let store = AnyStore::connect(&config.database_url).await?;
    let copied = match store.is_new().await {
        Ok(true) => Err(failed(
            Path::new(&config.database_url),
            "there is nothing in this database",
        )),
        Ok(false) => store.copy_into(&copy).await.map_err(BootError::from),
        Err(error) => Err(error.into()),
    };
    store.close().await;
    copied?;
    let mut tar = Builder::new(output);
    let packed = pack(&mut tar, &copy, &config.data_dir).map_err(|error| failed(file, error))?;
    let output = tar.into_inner().map_err(|error| failed(file, error))?;
    output.sync_all().map_err(|error| failed(file, error))?;
    Ok(packed)
}

fn pack(tar: &mut Builder<File>, database: &Path, data_dir: &Path) -> io::Result<Copied> {
    add(tar, database, Path::new(DATABASE))?;
    let key = add(tar, &data_dir.join(key_file::NAME), Path::new(key_file::NAME))?;
    let mut logs = 0;
    let mut folders = vec![PathBuf::from(LOGS)];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(data_dir.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() && add(tar, &entry.path(), &name)? {
                logs += 1;
            }
        }
    }
    Ok(Copied { key, logs })
}

/// Adds a file as long as it is now: a log grows meanwhile. Whether it was there.
fn add(tar: &mut Builder<File>, path: &Path, name: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(length);
    header.set_mode(0o600);
    // A file that became shorter is filled up: the header has its length already.
    tar.append_data(&mut header, name, file.take(length).chain(io::repeat(0)).take(length))?;
    Ok(true)
}

/// Puts a copy into a data directory that has no installation. The console must not run.
pub async fn restore(config: &Config, file: &Path) -> Result<Copied, BootError> {
    let database = database(config)?;
    let input = File::open(file).map_err(|error| failed(file, error))?;
    key_file::private_folder(&config.data_dir)?;
    let _lock = DataDirLock::take(&config.data_dir)?;
    let key = config.data_dir.join(key_file::NAME);
    let logs = config.data_dir.join(LOGS);
    for present in [&database, &key, &logs] {
        if present.exists() {
            return Err(failed(
                present,
                "it is there already, and a backup replaces nothing. Move what is in data_dir to another folder first",
            ));
        }
    }
    let folder = config.data_dir.join(RESTORING);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    }
    key_file::private_folder(&folder)?;
    let copied = unpack(input, &folder).map_err(|error| failed(file, error))?;
    check(&folder.join(DATABASE))
        .await
        .map_err(|error| failed(file, error))?;
    if let Some(parent) = database.parent() {
        key_file::private_folder(parent)?;
    }
    // The database last: without it a console does not start on the rest.
    for (from, to) in [(LOGS, &logs), (key_file::NAME, &key), (DATABASE, &database)] {
        place(&folder.join(from), to)?;
    }
    fs::remove_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    Ok(copied)
}

fn place(from: &Path, to: &Path) -> Result<(), BootError> {
    if !from.exists() {
        return Ok(());
    }
    match fs::rename(from, to) {
        // The database may be on another disk.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices && from.is_file() => {
            fs::copy(from, to).map(drop).map_err(|error| failed(to, error))
        }
        done => done.map_err(|error| failed(to, error)),
    }
}

fn unpack(input: File, folder: &Path) -> io::Result<Copied> {
    let wrong = |name: &Path| {
        let words = format!("this is no backup of prt-console: it has {}", name.display());
        io::Error::new(io::ErrorKind::InvalidData, words)
    };
    let mut copied = Copied { key: false, logs: 0 };
    let mut database = false;
    for entry in Archive::new(input).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let plain = name.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || entry.header().entry_type() != EntryType::Regular {
            return Err(wrong(&name));
        }
        if name == Path::new(DATABASE) {
            database = true;
        } else if name == Path::new(key_file::NAME) {
            copied.key = true;
        } else if name.starts_with(LOGS) {
            copied.logs += 1;
        } else {
            return Err(wrong(&name));
        }
        let path = folder.join(&name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let length = io::copy(&mut entry, &mut file)?;
        if length != entry.header().size()? {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the backup is cut off"));
        }
        file.sync_all()?;
    }
    if database {
        Ok(copied)
    } else {
        let words = "this is no backup of prt-console: it has no database";
        Err(io::Error::new(io::ErrorKind::InvalidData, words))
    }
}

async fn check(database: &Path) -> Result<(), prt_core::store::StoreError> {
    let store = AnyStore::connect(&sqlite_url(database)?).await?;
    let checked = store.check().await;
    store.close().await;
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(entries: &[(&str, EntryType)]) -> Result<Copied, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar");
        let mut tar = Builder::new(File::create(&path).unwrap());
        for (name, kind) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(0);
            // `set_path` refuses what a hostile file may have.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            if *kind == EntryType::Symlink {
                header.set_link_name("/etc").unwrap();
            }
            header.set_cksum();
            tar.append(&header, io::empty()).unwrap();
        }
        drop(tar.into_inner().unwrap());
        let to = folder.path().join("to");
        fs::create_dir(&to).unwrap();
        let copied = unpack(File::open(&path).unwrap(), &to).map_err(|error| error.to_string());
        assert!(!folder.path().join("x").exists(), "out of its folder");
        copied
    }

    #[test]
    fn only_the_parts_of_an_installation_are_unpacked() {
        let database = (DATABASE, EntryType::Regular);
        assert_eq!(
            unpacked(&[
                database,
                (key_file::NAME, EntryType::Regular),
                ("build-logs/a/1", EntryType::Regular)
            ]),
            Ok(Copied { key: true, logs: 1 })
        );
        for wrong in [
            ("../x", EntryType::Regular),
            ("build-logs/../../x", EntryType::Regular),
            ("/etc/x", EntryType::Regular),
            ("x", EntryType::Regular),
            ("build-logs/a", EntryType::Symlink),
        ] {
            let words = unpacked(&[database, wrong]).unwrap_err();
            assert!(words.contains("no backup of prt-console"), "{wrong:?}: {words}");
        }
        let words = unpacked(&[(key_file::NAME, EntryType::Regular)]).unwrap_err();
        assert!(words.contains("no database"), "{words}");
    }
}

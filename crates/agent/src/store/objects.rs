//! Contents of files by their hash.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{self, Read, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use prt_types::contexts::{ContextEntry, ContextEntryType, ContextManifest};
use sha2::{Digest as _, Sha256};

use super::{Result, Store, io_error, read_dir};

/// The name of contents that no file has been made of yet.
const RAW: &str = "raw";

fn folder(store: &Store, hash: &str) -> PathBuf {
    store.at("objects").join(&hash[..2])
}

/// All that the store has of a content.
fn variants(store: &Store, hash: &str) -> Vec<PathBuf> {
    let found = fs::read_dir(folder(store, hash)).into_iter().flatten().flatten();
    found
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(hash))
        .map(|entry| entry.path())
        .collect()
}

/// Contents of a list that are not there, with their bytes. Nothing is stored of empty files.
pub fn missing(store: &Store, manifest: &ContextManifest) -> (Vec<String>, u64) {
    let mut there: HashMap<String, HashMap<String, u64>> = HashMap::new();
    let mut seen = HashSet::new();
    let (mut missing, mut bytes) = (vec![], 0);
    for entry in &manifest.entries {
        if entry.kind != ContextEntryType::File || entry.size == 0 || !seen.insert(&entry.sha256) {
            continue;
        }
        // One look at each folder, however many contents are in it.
        let known = there.entry(entry.sha256[..2].to_owned()).or_insert_with(|| {
            let found = fs::read_dir(folder(store, &entry.sha256))
                .into_iter()
                .flatten()
                .flatten();
            let mut sizes = HashMap::new();
            for file in found {
                let name = file.file_name().to_string_lossy().into_owned();
                if let (Some(hash), Ok(meta)) = (name.get(..64), file.metadata()) {
                    // All that there is of a content has its size.
                    let size = sizes.entry(hash.to_owned()).or_insert(meta.len());
                    if *size != meta.len() {
                        *size = u64::MAX;
                    }
                }
            }
            sizes
        });
        // After a power cut a file can be there without its content.
        if known.get(&entry.sha256) != Some(&entry.size) {
            if known.contains_key(&entry.sha256) {
                for broken in variants(store, &entry.sha256) {
                    _ = fs::remove_file(broken);
                }
            }
            missing.push(entry.sha256.clone());
            bytes += entry.size;
        }
    }
    (missing, bytes)
}

/// Takes a content in: returns its hash and size. Equal contents are kept once.
pub fn put(store: &Store, mut content: impl Read) -> Result<(String, u64)> {
    let new = store.scratch();
    let mut file = File::create(&new.0).map_err(io_error("writing a file of the context"))?;
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut part = vec![0; 128 * 1024];
    loop {
        let count = match content.read(&mut part) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(io_error("reading a file of the context")(error)),
        };
        hash.update(&part[..count]);
        file.write_all(&part[..count])
            .map_err(io_error("writing a file of the context"))?;
        size += count as u64;
    }
    let hash = hex::encode(hash.finalize());
    if size == 0 {
        return Ok((hash, size));
    }
    if let Some(known) = variants(store, &hash).first() {
        // As if it had come just now: what is young is not removed.
        let renewed = fs::metadata(known).and_then(|meta| fs::set_permissions(known, meta.permissions()));
        renewed.map_err(io_error("keeping a file of the context"))?;
    } else {
        let folder = folder(store, &hash);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::rename(&new.0, folder.join(format!("{hash}.{RAW}"))))
            .map_err(io_error("placing a file of the context"))?;
    }
    Ok((hash, size))
}

/// Gives a file its place in a context. `nth` tells it from equal files of the same context; `nanos` are those of its content.
pub fn link(store: &Store, entry: &ContextEntry, nth: u32, nanos: u32, to: &Path) -> Result<()> {
    let error = || io_error(format!("placing {}", entry.path));
    let time = time_of(entry.mtime, nanos);
    if entry.size == 0 {
        let file = File::create(to).map_err(error())?;
        return dress(&file, entry.mode, time).map_err(error());
    }
    let hash = &entry.sha256;
    let folder = folder(store, hash);
    let wanted = folder.join(format!("{hash}.{:o}.{}.{nth}", entry.mode, entry.mtime));
    if !wanted.exists() {
        let raw = folder.join(format!("{hash}.{RAW}"));
        let Some(source) = variants(store, hash).into_iter().next() else {
            return Err(error()(io::ErrorKind::NotFound.into()));
        };
        let new = store.scratch();
        if raw.exists() {
            // Nobody else has it under another name.
            fs::rename(&raw, &new.0).map_err(error())?;
        } else {
            fs::copy(&source, &new.0).map_err(error())?;
        }
        let file = File::options().read(true).open(&new.0).map_err(error())?;
        dress(&file, entry.mode, time).map_err(error())?;
        fs::rename(&new.0, &wanted).map_err(error())?;
    }
    match fs::hard_link(&wanted, to) {
        // As many names as the file system allows.
        Err(problem) if problem.raw_os_error() == Some(rustix::io::Errno::MLINK.raw_os_error()) => {
            fs::copy(&wanted, to).map_err(error())?;
            let file = File::options().read(true).open(to).map_err(error())?;
            dress(&file, entry.mode, time).map_err(error())
        }
        other => other.map_err(error()),
    }
}

/// Mode and time, the mode first: changing it later would change no time, but a file that cannot be opened gets neither.
fn dress(file: &File, mode: u32, time: SystemTime) -> io::Result<()> {
    file.set_times(fs::FileTimes::new().set_modified(time).set_accessed(time))?;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

pub fn time_of(seconds: i64, nanos: u32) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    second.unwrap_or(SystemTime::UNIX_EPOCH) + Duration::from_nanos(nanos.into())
}

/// Removes contents that no list has, but those that have just come: an upload may be under way.
pub fn sweep(store: &Store, listed: &HashSet<String>) -> Result<()> {
    const YOUNG: Duration = Duration::from_hours(1);
    for folder in read_dir(&store.at("objects"))? {
        for object in read_dir(&folder.path())? {
            let Ok(meta) = object.metadata() else { continue };
            let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(meta.ctime().unsigned_abs());
            let young = changed.elapsed().is_ok_and(|age| age < YOUNG);
            let name = object.file_name().to_string_lossy().into_owned();
            let wanted = name.get(..64).is_some_and(|hash| listed.contains(hash));
            if meta.nlink() == 1 && !young && !wanted {
                _ = fs::remove_file(object.path());
            }
        }
    }
    Ok(())
}

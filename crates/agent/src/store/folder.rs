//! A folder that belongs to a user, as a list. Contents are taken in on the way.
//!
//! Each folder is opened from the one above and each file without following links, so nothing outside is read, whatever is moved or linked
//! meanwhile.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Read as _},
    path::Path,
};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::{
    ambient_authority,
    fs::{Dir, File, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _},
};
use prt_agent_protocol::UPLOADS;
use prt_context::{Dockerignore, Identity, KnownHashes, Matched};
use prt_types::contexts::{ContextEntry, ContextEntryType, ContextManifest};

use super::{Result, Store, StoreError, io_error, objects};

/// An ignore file beyond this is a mistake.
const LONGEST_IGNORE: u64 = 1024 * 1024;
/// Hashes that are remembered.
const MOST_KNOWN: usize = 400_000;

/// A folder to be read.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    /// The build folder.
    pub base: &'a str,
    /// Below it; empty = itself.
    pub path: &'a str,
    /// The Dockerfile within, for the ignore file that is beside it.
    pub dockerfile: &'a str,
}

/// What lies at the top of the build folder and belongs to the console.
fn is_ours(path: &str) -> bool {
    path == "build.log" || path.starts_with(UPLOADS)
}

/// Opens a folder beneath another one.
pub fn open(base: &str, path: &str) -> Result<Dir> {
    let dir = Dir::open_ambient_dir(base, ambient_authority()).map_err(io_error(format!("opening {base}")))?;
    if path.is_empty() {
        return Ok(dir);
    }
    dir.open_dir(path).map_err(|error| beneath(base, path, error))
}

/// What an error of opening something beneath a folder means.
pub fn beneath(base: &str, path: &str, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            StoreError::NotFound(format!("There is no folder {base}/{path}."))
        }
        // The library's own word for a path that leaves the folder, and the kernel's; what may just not be read has a number.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
            StoreError::Outside(format!("{base}/{path} leads out of the build folder."))
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::XDEV.raw_os_error()) => {
            StoreError::Outside(format!("{base}/{path} leads out of the build folder."))
        }
        _ => io_error(format!("opening {base}/{path}"))(error),
    }
}

/// Opens a regular file of a folder, without following a link.
pub fn open_file(dir: &Dir, name: impl AsRef<Path>) -> io::Result<File> {
    open_regular(dir, name.as_ref(), FollowSymlinks::No)
}

/// The same, also through links that stay in the folder.
pub fn open_beneath(dir: &Dir, path: impl AsRef<Path>) -> io::Result<File> {
    open_regular(dir, path.as_ref(), FollowSymlinks::Yes)
}

fn open_regular(dir: &Dir, name: &Path, follow: FollowSymlinks) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Not blocking: a named pipe could have taken the place of the file.
    options
        .read(true)
        .follow(follow)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let file = dir.open_with(name, &options)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// Reads the folder: its list, and the text of its ignore file.
pub fn read(store: &Store, folder: &Folder<'_>) -> Result<(ContextManifest, Option<String>)> {
    let root = open(folder.base, folder.path)?;
    let found = ignore_text(&root, folder.dockerfile)?;
    let ignore = match &found {
        Some((name, text)) => Dockerignore::parse(text)
            .map_err(|error| StoreError::Invalid(format!("{name}, {error}. Correct the pattern.")))?,
        None => Dockerignore::default(),
    };
    let mut walk = Walk {
        store,
        ignore: &ignore,
        whole: folder.path.is_empty(),
        known: known(store),
        seen: HashMap::new(),
        entries: vec![],
    };
    walk.folder(&root, "", &ignore.root(), &mut vec![])?;
    let mut known = walk.known;
    let manifest = ContextManifest { entries: walk.entries };
    // Hashes may be known of contents that are not kept any more.
    let (missing, _) = objects::missing(store, &manifest);
    let mut missing: HashSet<String> = missing.into_iter().collect();
    let mut again = false;
    for entry in &manifest.entries {
        if entry.kind == ContextEntryType::File && missing.remove(&entry.sha256) {
            let file = open_beneath(&root, &entry.path).map_err(io_error(format!("reading {}", entry.path)))?;
            again |= objects::put(store, file)?.0 != entry.sha256;
        }
    }
    if again {
        // It changed in between: what is known of it is wrong by now.
        known.clear();
        remember(&known, store);
        return read(store, folder);
    }
    remember(&known, store);
    Ok((manifest, found.map(|(_, text)| text)))
}

/// Name and text of the ignore file that counts: the Dockerfile's own goes before the context's.
pub fn ignore_text(root: &Dir, dockerfile: &str) -> Result<Option<(String, String)>> {
    for name in [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()] {
        let unread = || io_error(format!("reading {name}"));
        let file = match open_beneath(root, &name) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => continue,
            // Without it files would get into the image that should not.
            Err(error) => return Err(unread()(error)),
        };
        let mut text = vec![];
        file.take(LONGEST_IGNORE + 1).read_to_end(&mut text).map_err(unread())?;
        if text.len() as u64 > LONGEST_IGNORE {
            return Err(StoreError::Invalid(format!("{name} is larger than 1 MiB.")));
        }
        return Ok(Some((name, String::from_utf8_lossy(&text).into_owned())));
    }
    Ok(None)
}

struct Walk<'a> {
    store: &'a Store,
    ignore: &'a Dockerignore,
    /// The build folder itself is read.
    whole: bool,
    known: KnownHashes,
    /// Files with several names, by device and inode.
    seen: HashMap<(u64, u64), String>,
    entries: Vec<ContextEntry>,
}

impl Walk<'_> {
    /// `pending` are ignored folders above that are part of the context only if something in them is.
    fn folder(&mut self, dir: &Dir, folder: &str, above: &Matched, pending: &mut Vec<ContextEntry>) -> Result<()> {
        let shown = if folder.is_empty() { "the context" } else { folder };
        let mut names = vec![];
        for entry in dir.entries().map_err(io_error(format!("reading {shown}")))? {
            let entry = entry.map_err(io_error(format!("reading {shown}")))?;
            match entry.file_name().into_string() {
                Ok(name) => names.push(name),
                Err(name) => {
                    return Err(StoreError::Invalid(format!(
                        "The name of {} in {shown} is not UTF-8. Rename it.",
                        name.to_string_lossy()
                    )));
                }
            }
        }
        names.sort();
        for name in names {
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            if !(self.whole && is_ours(&path)) {
                self.one(dir, &name, &path, above, pending)?;
            }
        }
        Ok(())
    }

    fn one(
        &mut self,
        dir: &Dir,
        name: &str,
        path: &str,
        above: &Matched,
        pending: &mut Vec<ContextEntry>,
    ) -> Result<()> {
        let (ignored, matched) = self.ignore.check(path, above);
        if ignored && !self.ignore.has_exception_below(path) {
            return Ok(());
        }
        let error = || io_error(format!("reading {path}"));
        let meta = match dir.symlink_metadata(name) {
            Ok(meta) => meta,
            // It was there a moment ago.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(other) => return Err(error()(other)),
        };
        if ignored && !meta.is_dir() {
            return Ok(());
        }
        let mut entry = ContextEntry {
            path: path.to_owned(),
            kind: ContextEntryType::Folder,
            mode: meta.mode() & 0o7777,
            mtime: meta.mtime(),
            size: 0,
            sha256: String::new(),
            target: String::new(),
        };
        if meta.is_symlink() {
            entry.kind = ContextEntryType::Symlink;
            entry.mode = 0o777;
            let target = dir.read_link_contents(name).map_err(error())?;
            entry.target = target.into_os_string().into_string().map_err(|target| {
                let target = target.to_string_lossy().into_owned();
                StoreError::Invalid(format!(
                    "{path} is a link to {target}, which is not UTF-8. Change the link."
                ))
            })?;
        } else if meta.is_file() {
            self.file(dir, name, &meta, &mut entry)?;
        } else if !meta.is_dir() {
            // Sockets, pipes and devices are no input of a build.
            return Ok(());
        }
        let waiting = pending.len();
        if ignored {
            pending.push(entry);
        } else {
            self.entries.append(pending);
            self.entries.push(entry);
        }
        if meta.is_dir() {
            let below = dir.open_dir_nofollow(name).map_err(error())?;
            self.folder(&below, path, &matched, pending)?;
            pending.truncate(waiting);
        }
        Ok(())
    }

    fn file(&mut self, dir: &Dir, name: &str, meta: &Metadata, entry: &mut ContextEntry) -> Result<()> {
        let inode = (meta.dev(), meta.ino());
        if meta.nlink() > 1
            && let Some(first) = self.seen.get(&inode)
        {
            entry.kind = ContextEntryType::Hardlink;
            entry.target.clone_from(first);
            return Ok(());
        }
        entry.kind = ContextEntryType::File;
        if let Some(hash) = self.known.get(&identity(meta)) {
            (entry.sha256, entry.size) = (hash.to_owned(), meta.len());
        } else {
            let error = || io_error(format!("reading {}", entry.path));
            let file = open_file(dir, name).map_err(error())?;
            // Before its content: what changes while it is read has a later time then.
            let meta = file.metadata().map_err(error())?;
            let (hash, size) = objects::put(self.store, file)?;
            if size == meta.len() {
                self.known.note(&identity(&meta), &hash);
            }
            (entry.sha256, entry.size) = (hash, size);
        }
        if meta.nlink() > 1 {
            self.seen.insert(inode, entry.path.clone());
        }
        Ok(())
    }
}

/// Hashes that are known of files in the store's place.
fn known(store: &Store) -> KnownHashes {
    KnownHashes::read(&store.at("known"))
}

/// Without them all files are read again, so an error is none.
fn remember(known: &KnownHashes, store: &Store) {
    _ = known.write(&store.scratch().0, &store.at("known"), MOST_KNOWN);
}

fn identity(meta: &Metadata) -> Identity {
    Identity {
        dev: meta.dev(),
        ino: meta.ino(),
        size: meta.len(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        ctime: (meta.ctime(), meta.ctime_nsec()),
    }
}

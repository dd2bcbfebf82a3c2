//! Contexts in a builder, so that an image holds exactly the files of its context.
//!
//! | in the store | what |
//! |---|---|
//! | `objects/ab/SHA256.MODE.MTIME.N` | contents of files; `N` tells files of one context apart that are equal and not hard links |
//! | `trees/ID` | contexts as folders; their files are hard links to objects |
//! | `lists/ID` | the lists that they were made of; the time of the file is that of the last use |
//! | `stamps` | which hash has which nanoseconds |
//! | `known` | hashes of files of the build folder, by inode and times |
//! | `new` | what is being made |
//!
//! BuildKit takes a file as unchanged when path, size and time of change are those of the last context that it got. So here each content
//! has nanoseconds of its own among all contents of its size: where size and time are equal, the content is. In an image only the whole
//! seconds are seen.

pub mod archive;
pub mod folder;
mod list;
mod objects;
mod stamps;
mod tree;

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use prt_types::contexts::{ContextEntryType, ContextManifest, ContextView};

use crate::{confined, process::Process};
use stamps::Stamps;

/// Contexts that stay for the next build, beside those of builds that run.
const TREES: usize = 16;

/// Why a context cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What was sent makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It is not there.
    #[error("{0}")]
    NotFound(String),
    /// It leads out of the folder that it has to be in.
    #[error("{0}")]
    Outside(String),
    /// The stream ended early.
    #[error("The upload was cut.")]
    Cut,
    /// The file system.
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl StoreError {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if crate::request::is_full(source))
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// Adds what was done to an error of the file system.
pub fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> StoreError {
    |source| match source.kind() {
        io::ErrorKind::UnexpectedEof => StoreError::Cut,
        _ => StoreError::Io {
            what: what.into(),
            source,
        },
    }
}

/// The contexts of a builder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Begins the names of what this process makes.
    own: String,
}

/// Held while something of the store is made or removed; the process' end lets it go.
struct Lock {
    _file: File,
}

impl Store {
    /// Opens a store, makes it if need be.
    pub fn open(root: &str) -> Result<Self> {
        let own = Process::of(std::process::id()).map(Process::name);
        let store = Self {
            root: root.into(),
            own: own.unwrap_or_default(),
        };
        for name in ["objects", "trees", "lists", "new"] {
            fs::create_dir_all(store.at(name)).map_err(io_error(format!("making {root}/{name}")))?;
        }
        Ok(store)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn tree_path(&self, id: &str) -> PathBuf {
        self.at("trees").join(id)
    }

    fn list_path(&self, id: &str) -> PathBuf {
        self.at("lists").join(id)
    }

    fn lock(&self) -> Result<Lock> {
        let path = self.at("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io_error("opening the lock of the contexts"))?;
        file.lock().map_err(io_error("locking the contexts"))?;
        Ok(Lock { _file: file })
    }

    /// A name for something that is being made. It goes with the value.
    fn scratch(&self) -> Scratch {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let own = &self.own;
        Scratch(
            self.at("new")
                .join(format!("{own}-{}", NEXT.fetch_add(1, Ordering::Relaxed))),
        )
    }

    /// Makes the context of a list from contents that are there, or says what is missing.
    pub fn offer(&self, manifest: &ContextManifest) -> Result<ContextView> {
        list::check(manifest)?;
        let lock = self.lock()?;
        self.add(&lock, manifest)
    }

    /// Takes contents that an offer missed.
    pub fn fill(&self, id: &str, contents: impl Read) -> Result<ContextView> {
        if !list::is_hash(id) {
            return Err(StoreError::Invalid(format!("{id:?} is not the id of a context.")));
        }
        let manifest = self.list_read(id)?;
        archive::contents(self, &manifest, contents)?;
        let lock = self.lock()?;
        self.add(&lock, &manifest)
    }

    /// Takes a whole context.
    pub fn archive(&self, contents: impl Read) -> Result<ContextView> {
        let manifest = archive::whole(self, contents)?;
        list::check(&manifest)?;
        let lock = self.lock()?;
        self.add(&lock, &manifest)
    }

    /// A context that was sent. `in_use` writes down that a build reads it, before anything can be removed.
    pub fn stored(&self, id: &str, in_use: &dyn Fn(&Path) -> io::Result<()>) -> Result<Staged> {
        let _lock = self.lock()?;
        let tree = self.tree(id)?;
        in_use(&tree).map_err(io_error("noting the context of the build"))?;
        Ok(Staged { tree, ignore: None })
    }

    /// The folder of a context that was sent.
    pub fn tree(&self, id: &str) -> Result<PathBuf> {
        let path = self.tree_path(id);
        if list::is_hash(id) && path.is_dir() {
            self.touch(id);
            return Ok(path);
        }
        Err(StoreError::NotFound(
            "The builder does not have this context any more. Send it again.".into(),
        ))
    }

    /// Files of a context whose setuid or setgid bits BuildKit will drop.
    pub fn setuid_files(&self, tree: &Path) -> Vec<String> {
        let Ok(below) = tree.strip_prefix(self.at("trees")) else {
            return vec![];
        };
        let id = below.components().next().map(|id| id.as_os_str().to_string_lossy());
        let manifest = id.and_then(|id| self.list_read(&id).ok()).unwrap_or_default();
        let entries = manifest.entries.into_iter();
        entries
            .filter(|entry| entry.kind == ContextEntryType::File && entry.mode & 0o6000 != 0)
            .map(|entry| entry.path)
            .collect()
    }

    /// A folder of the build folder as a context: as it is now, without what its ignore file names.
    pub fn of_folder(&self, folder: &folder::Folder<'_>, in_use: &dyn Fn(&Path) -> io::Result<()>) -> Result<Staged> {
        let lock = self.lock()?;
        // Credentials of the build are in memory by now, as this process' user.
        let reached = [folder.base, &self.root.to_string_lossy()];
        let (manifest, ignore) = confined::to(&reached, || folder::read(self, folder))?;
        let view = self.add(&lock, &manifest)?;
        let tree = self.tree(&view.id)?;
        in_use(&tree).map_err(io_error("noting the context of the build"))?;
        Ok(Staged { tree, ignore })
    }

    /// Adds a list and makes its tree if all contents are there.
    fn add(&self, lock: &Lock, manifest: &ContextManifest) -> Result<ContextView> {
        let id = list::id(manifest);
        if self.touch(&id) && self.tree_path(&id).is_dir() {
            return Ok(ContextView {
                id,
                missing: vec![],
                missing_bytes: 0,
            });
        }
        // Before anything is removed: what it names stays.
        self.list_write(&id, manifest)?;
        self.clean(TREES, &id)?;
        self.make(lock, &id, manifest)
    }

    /// Removes everything that no running build reads: the disk is full.
    pub fn make_room(&self) -> Result<()> {
        let _lock = self.lock()?;
        self.clean(0, "")
    }

    /// Makes the tree if all contents are there.
    fn make(&self, _lock: &Lock, id: &str, manifest: &ContextManifest) -> Result<ContextView> {
        let (missing, missing_bytes) = objects::missing(self, manifest);
        if missing.is_empty() && !self.tree_path(id).is_dir() {
            let mut stamps = Stamps::read(self)?;
            let new = self.scratch();
            tree::make(self, manifest, &mut stamps, &new.0)?;
            // Before the folder has its name: what BuildKit reads must be known.
            stamps.save()?;
            fs::rename(&new.0, self.tree_path(id)).map_err(io_error("placing the context"))?;
        }
        Ok(ContextView {
            id: id.to_owned(),
            missing,
            missing_bytes,
        })
    }

    fn list_write(&self, id: &str, manifest: &ContextManifest) -> Result<()> {
        let new = self.scratch();
        let json = serde_json::to_vec(manifest)
            .map_err(|error| StoreError::Invalid(format!("The list of the context cannot be written: {error}.")))?;
        fs::write(&new.0, json)
            .and_then(|()| fs::rename(&new.0, self.list_path(id)))
            .map_err(io_error("writing the list of the context"))
    }

    fn list_read(&self, id: &str) -> Result<ContextManifest> {
        let gone = || StoreError::NotFound("There is no such context here. Send its list again.".into());
        let json = fs::read(self.list_path(id)).map_err(|_| gone())?;
        serde_json::from_slice(&json).map_err(|_| gone())
    }

    /// Notes a use; `false` = there is no such list.
    #[expect(clippy::disallowed_methods, reason = "it orders uses; nothing else depends on it")]
    fn touch(&self, id: &str) -> bool {
        let now = fs::FileTimes::new().set_modified(std::time::SystemTime::now());
        File::options()
            .append(true)
            .open(self.list_path(id))
            .and_then(|list| list.set_times(now))
            .is_ok()
    }

    /// Removes contexts that have not been used for longest beyond `most`, but `wanted` and those of builds that run, contents that no
    /// context has, and what processes left that were killed.
    fn clean(&self, most: usize, wanted: &str) -> Result<()> {
        for left in read_dir(&self.at("new"))? {
            if !Process::of_name_runs(&left.file_name().to_string_lossy()) {
                drop(Scratch(left.path()));
            }
        }
        let used = |entry: &fs::DirEntry| entry.metadata().and_then(|meta| meta.modified()).ok();
        let mut lists: Vec<_> = read_dir(&self.at("lists"))?
            .into_iter()
            .map(|entry| (used(&entry), entry.file_name().to_string_lossy().into_owned()))
            .collect();
        if lists.len() <= most {
            return Ok(());
        }
        lists.sort();
        let in_use = crate::launch::contexts_in_use();
        let mut listed = HashSet::new();
        let spare = lists.len() - most;
        for (at, (_, id)) in lists.iter().enumerate() {
            let tree = self.tree_path(id);
            if at >= spare || id == wanted || in_use.iter().any(|used| used.starts_with(&tree)) {
                let manifest = self.list_read(id).unwrap_or_default();
                listed.extend(manifest.entries.into_iter().map(|entry| entry.sha256));
                continue;
            }
            // Under its name a tree is whole or not there.
            let gone = self.scratch();
            _ = fs::rename(&tree, &gone.0);
            _ = fs::remove_file(self.list_path(id));
        }
        objects::sweep(self, &listed)
    }
}

/// A context that a build reads.
#[derive(Debug)]
pub struct Staged {
    /// Its folder.
    pub tree: PathBuf,
    /// The text of its ignore file.
    pub ignore: Option<String>,
}

/// A path that is removed with the value, whatever is there.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.0.is_dir() {
            remove_tree(&self.0);
        } else {
            _ = fs::remove_file(&self.0);
        }
    }
}

fn read_dir(path: &Path) -> Result<Vec<fs::DirEntry>> {
    fs::read_dir(path)
        .and_then(Iterator::collect)
        .map_err(io_error(format!("reading {}", path.display())))
}

/// Removes a tree, also one with folders that are read-only.
fn remove_tree(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    if fs::remove_dir_all(path).is_ok() {
        return;
    }
    fn unlock(path: &Path) {
        _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                unlock(&entry.path());
            }
        }
    }
    unlock(path);
    _ = fs::remove_dir_all(path);
}

#[cfg(test)]
mod tests;

//! What of a folder is sent: a list of all that is in it, and the contents that the builder misses.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    fs, io,
    path::{Path, PathBuf},
};

use prt_context::{Dockerignore, Matched};
use prt_types::contexts::{ContextEntry, ContextEntryType, ContextManifest};

use super::hashes::Hashes;
use crate::error::{CliError, Result};

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Folder,
    File {
        size: u64,
    },
    Link {
        target: PathBuf,
    },
    /// Another name of a file that comes before it.
    HardLink {
        target: PathBuf,
    },
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the context.
    pub path: PathBuf,
    pub kind: Kind,
    pub mode: u32,
    pub mtime: i64,
}

/// A context that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub root: PathBuf,
    /// Folders before what is in them; names in order.
    pub entries: Vec<Entry>,
    /// Pipes, sockets and devices, which are not sent.
    pub left_out: Vec<PathBuf>,
}

impl Scan {
    /// Reads a context folder; `dockerfile` is relative to it.
    pub fn of(root: &Path, dockerfile: &str) -> Result<Self> {
        let (ignore, file) = dockerignore(root, dockerfile)?;
        let mut walk = Walk {
            root,
            ignore: &ignore,
            // The builder reads these itself, also when a pattern keeps them out of the image.
            always: [Some(dockerfile.to_owned()), file].into_iter().flatten().collect(),
            entries: Vec::new(),
            left_out: Vec::new(),
            names: HashMap::new(),
        };
        walk.folder("", &ignore.root(), &mut Vec::new())?;
        Ok(Self {
            root: root.to_owned(),
            entries: walk.entries,
            left_out: walk.left_out,
        })
    }

    pub fn files(&self) -> usize {
        self.entries.iter().filter(|entry| entry.kind != Kind::Folder).count()
    }

    /// The list of the context, with the hashes of its files.
    pub fn manifest(&self, hashes: &mut Hashes) -> Result<ContextManifest> {
        let slashed = |path: &Path| path.to_string_lossy().into_owned();
        let entries = self.entries.iter().map(|entry| {
            let mut listed = ContextEntry {
                path: slashed(&entry.path),
                kind: ContextEntryType::Folder,
                mode: entry.mode,
                mtime: entry.mtime,
                size: 0,
                sha256: String::new(),
                target: String::new(),
            };
            match &entry.kind {
                Kind::Folder => {}
                Kind::Link { target } => {
                    listed.kind = ContextEntryType::Symlink;
                    listed.mode = 0o777;
                    listed.target = slashed(target);
                }
                Kind::HardLink { target } => {
                    listed.kind = ContextEntryType::Hardlink;
                    listed.target = slashed(target);
                }
                Kind::File { .. } => {
                    let full = self.root.join(&entry.path);
                    listed.kind = ContextEntryType::File;
                    (listed.sha256, listed.size) = hashes.of(&full).map_err(|source| CliError::Io {
                        what: format!("cannot read {}", full.display()),
                        source,
                    })?;
                }
            }
            Ok(listed)
        });
        Ok(ContextManifest {
            entries: entries.collect::<Result<_>>()?,
        })
    }
}

/// The ignore file that counts: the Dockerfile's own (`<Dockerfile>.dockerignore`) goes before the context's.
fn dockerignore(root: &Path, dockerfile: &str) -> Result<(Dockerignore, Option<String>)> {
    for name in [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()] {
        let path = root.join(&name);
        match fs::read(&path) {
            Ok(text) => {
                let ignore = Dockerignore::parse(&String::from_utf8_lossy(&text))
                    .map_err(|error| CliError::usage(format!("{}, {error}", path.display())))?;
                return Ok((ignore, Some(name)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(CliError::Io {
                    what: format!("cannot read {}", path.display()),
                    source,
                });
            }
        }
    }
    Ok((Dockerignore::default(), None))
}

struct Walk<'a> {
    root: &'a Path,
    ignore: &'a Dockerignore,
    always: Vec<String>,
    entries: Vec<Entry>,
    left_out: Vec<PathBuf>,
    /// Files with several names, by device and inode.
    names: HashMap<(u64, u64), PathBuf>,
}

impl Walk<'_> {
    /// Goes through a folder. `pending` are folders above that are sent only if something in them is.
    fn folder(&mut self, folder: &str, above: &Matched, pending: &mut Vec<Entry>) -> Result<()> {
        let at = self.root.join(folder);
        let error = |source| CliError::Io {
            what: format!("cannot read the folder {}", at.display()),
            source,
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&at).map_err(error)? {
            names.push(entry.map_err(error)?.file_name());
        }
        names.sort();
        for name in names {
            let Some(name) = name.to_str() else {
                let path = at.join(&name);
                return Err(CliError::usage(format!("the name of {} is not UTF-8", path.display())));
            };
            let path = if folder.is_empty() {
                name.to_owned()
            } else {
                format!("{folder}/{name}")
            };
            self.one(&path, above, pending)?;
        }
        Ok(())
    }

    fn one(&mut self, path: &str, above: &Matched, pending: &mut Vec<Entry>) -> Result<()> {
        let (ignored, matched) = self.ignore.check(path, above);
        let ignored = ignored && !self.always.iter().any(|always| always == path);
        let holds_always = self
            .always
            .iter()
            .any(|always| always.strip_prefix(path).is_some_and(|below| below.starts_with('/')));
        if ignored && !holds_always && !self.ignore.has_exception_below(path) {
            return Ok(());
        }
        // Only what may be sent is looked at: what is ignored may also be unreadable.
        let Some(entry) = self.entry(path, ignored)? else {
            return Ok(());
        };
        let is_folder = entry.kind == Kind::Folder;
        let waiting = pending.len();
        if ignored {
            if !is_folder {
                return Ok(());
            }
            pending.push(entry);
        } else {
            self.entries.append(pending);
            self.entries.push(entry);
        }
        if is_folder {
            self.folder(path, &matched, pending)?;
            pending.truncate(waiting);
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, ignored: bool) -> Result<Option<Entry>> {
        let full = self.root.join(path);
        let error = |source| CliError::Io {
            what: format!("cannot read {}", full.display()),
            source,
        };
        let meta = fs::symlink_metadata(&full).map_err(error)?;
        let kind = if meta.is_dir() {
            Kind::Folder
        } else if meta.is_file() {
            match hard_linked(&meta).map(|inode| self.names.entry(inode)) {
                Some(Slot::Occupied(first)) => Kind::HardLink {
                    target: first.get().clone(),
                },
                // What is not sent is no file to link to.
                Some(Slot::Vacant(first)) if !ignored => {
                    first.insert(path.into());
                    Kind::File { size: meta.len() }
                }
                Some(Slot::Vacant(_)) | None => Kind::File { size: meta.len() },
            }
        } else if meta.is_symlink() {
            Kind::Link {
                target: fs::read_link(&full).map_err(error)?,
            }
        } else {
            // Sockets, pipes and devices are no input of a build.
            self.left_out.push(path.into());
            return Ok(None);
        };
        let mtime = meta
            .modified()
            .map_or(0, |at| match at.duration_since(std::time::UNIX_EPOCH) {
                Ok(since) => since.as_secs().cast_signed(),
                // A time before 1970.
                Err(before) => -before.duration().as_secs().cast_signed(),
            });
        Ok(Some(Entry {
            path: path.into(),
            mode: mode(&meta),
            kind,
            mtime,
        }))
    }
}

/// Device and inode of a file that has several names.
#[cfg(unix)]
fn hard_linked(meta: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;

    (meta.nlink() > 1).then(|| (meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn hard_linked(_meta: &fs::Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(unix)]
fn mode(meta: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o7777
}

#[cfg(not(unix))]
fn mode(meta: &fs::Metadata) -> u32 {
    if meta.is_dir() { 0o755 } else { 0o644 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn paths(root: &Path, dockerfile: &str) -> Vec<String> {
        let scan = Scan::of(root, dockerfile).unwrap();
        scan.entries
            .iter()
            .map(|entry| entry.path.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let root = tree(&[("Dockerfile", "FROM scratch"), ("b/c/d", "x"), ("a.txt", "")]);
        fs::create_dir(root.path().join("empty")).unwrap();
        assert_eq!(
            paths(root.path(), "Dockerfile"),
            ["Dockerfile", "a.txt", "b", "b/c", "b/c/d", "empty"]
        );
        let scan = Scan::of(root.path(), "Dockerfile").unwrap();
        assert_eq!(scan.files(), 3);
    }

    #[test]
    fn what_is_ignored_is_not_sent_and_its_folder_only_when_needed() {
        let root = tree(&[
            (".dockerignore", "*\n!src/keep\n!other/none"),
            ("docker/Dockerfile", "FROM scratch"),
            ("src/drop", ""),
            ("src/keep/x", ""),
            ("other/y", ""),
        ]);
        assert_eq!(
            paths(root.path(), "docker/Dockerfile"),
            [
                ".dockerignore",
                "docker",
                "docker/Dockerfile",
                "src",
                "src/keep",
                "src/keep/x"
            ]
        );
    }

    #[test]
    fn a_dockerfiles_own_ignore_file_goes_first() {
        let root = tree(&[
            (".dockerignore", "a"),
            ("dev", ""),
            ("dev.dockerignore", "b\n*.dockerignore"),
            ("a", ""),
            ("b", ""),
        ]);
        assert_eq!(
            paths(root.path(), "dev"),
            [".dockerignore", "a", "dev", "dev.dockerignore"].map(String::from)[1..]
        );
    }

    #[test]
    fn a_bad_ignore_file_is_wrong_use() {
        let root = tree(&[(".dockerignore", "ok\n[")]);
        let error = Scan::of(root.path(), "Dockerfile").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.text().contains(".dockerignore, line 2: `[`"), "{}", error.text());
    }

    #[cfg(unix)]
    #[test]
    fn the_list_says_what_each_entry_is() {
        use std::os::unix::fs::PermissionsExt as _;

        let root = tree(&[("a", "x"), ("b/empty", "")]);
        std::os::unix::fs::symlink("a", root.path().join("c")).unwrap();
        fs::hard_link(root.path().join("a"), root.path().join("d")).unwrap();
        fs::set_permissions(root.path().join("a"), fs::Permissions::from_mode(0o4750)).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(root.path().join("e")).unwrap();
        let scan = Scan::of(root.path(), "Dockerfile").unwrap();
        drop(socket);
        assert_eq!(scan.left_out, [PathBuf::from("e")]);
        let list = scan.manifest(&mut Hashes::default()).unwrap().entries;
        let brief: Vec<_> = list
            .iter()
            .map(|entry| (entry.path.as_str(), entry.kind, entry.size, entry.target.as_str()))
            .collect();
        assert_eq!(
            brief,
            [
                ("a", ContextEntryType::File, 1, ""),
                ("b", ContextEntryType::Folder, 0, ""),
                ("b/empty", ContextEntryType::File, 0, ""),
                ("c", ContextEntryType::Symlink, 0, "a"),
                ("d", ContextEntryType::Hardlink, 0, "a"),
            ]
        );
        assert_eq!(list[0].mode, 0o4750);
        assert_eq!(
            list[0].sha256,
            "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        );
    }
}

//! What of a folder is sent.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use prt_context::{Dockerignore, Matched};

use crate::error::{CliError, Result};

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Folder,
    File { size: u64 },
    Link { target: PathBuf },
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the context.
    pub path: PathBuf,
    pub kind: Kind,
    pub mode: u32,
    pub mtime: u64,
}

/// A context that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub root: PathBuf,
    /// Folders before what is in them; names in order.
    pub entries: Vec<Entry>,
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
        };
        walk.folder("", &ignore.root(), &mut Vec::new())?;
        Ok(Self {
            root: root.to_owned(),
            entries: walk.entries,
        })
    }

    pub fn files(&self) -> usize {
        self.entries.iter().filter(|entry| entry.kind != Kind::Folder).count()
    }

    /// Bytes of the tar stream, as good as they can be known before it is made.
    pub fn tar_bytes(&self) -> u64 {
        let contents: u64 = self
            .entries
            .iter()
            .map(|entry| match entry.kind {
                Kind::File { size } => 512 + size.next_multiple_of(512),
                Kind::Folder | Kind::Link { .. } => 512,
            })
            .sum();
        contents + 1024
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
        let Some(entry) = self.entry(path)? else {
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

    fn entry(&self, path: &str) -> Result<Option<Entry>> {
        let full = self.root.join(path);
        let error = |source| CliError::Io {
            what: format!("cannot read {}", full.display()),
            source,
        };
        let meta = fs::symlink_metadata(&full).map_err(error)?;
        let kind = if meta.is_dir() {
            Kind::Folder
        } else if meta.is_file() {
            Kind::File { size: meta.len() }
        } else if meta.is_symlink() {
            Kind::Link {
                target: fs::read_link(&full).map_err(error)?,
            }
        } else {
            // Sockets, pipes and devices are no input of a build.
            return Ok(None);
        };
        let mtime = meta
            .modified()
            .ok()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_secs());
        Ok(Some(Entry {
            path: path.into(),
            mode: mode(&meta),
            kind,
            mtime,
        }))
    }
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
        assert_eq!((scan.files(), scan.tar_bytes()), (3, 6 * 512 + 2 * 512 + 1024));
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
    fn links_are_sent_as_links() {
        let root = tree(&[("a", "x")]);
        std::os::unix::fs::symlink("a", root.path().join("link")).unwrap();
        let scan = Scan::of(root.path(), "Dockerfile").unwrap();
        assert_eq!(scan.entries[1].kind, Kind::Link { target: "a".into() });
    }
}

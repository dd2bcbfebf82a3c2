//! Tar streams: missing contents, and whole contexts.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Read},
};

use prt_types::contexts::{ContextEntry, ContextEntryType, ContextManifest};
use tar::{Archive, EntryType};

use super::{Result, Store, StoreError, io_error, objects};

const NOT_WHOLE: &str = "The upload is not a complete tar archive: its end is missing, or something comes after it.";
/// Two blocks of zeros end an archive.
const END: u64 = 1024;

/// Counts the zeros at the end of what was read.
pub struct Watched<R> {
    from: R,
    zeros: u64,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        match buffer[..count].iter().rposition(|byte| *byte != 0) {
            Some(last) => self.zeros = (count - 1 - last) as u64,
            None => self.zeros += count as u64,
        }
        Ok(count)
    }
}

pub fn not_whole(error: io::Error) -> StoreError {
    match error.kind() {
        // The stream's own end, and what the library says of an archive that stops within a file.
        io::ErrorKind::UnexpectedEof => StoreError::Cut,
        io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            StoreError::Invalid(format!("{NOT_WHOLE} ({error})"))
        }
        _ => io_error("reading the upload")(error),
    }
}

/// Goes through an archive to its very end.
pub fn each(
    contents: impl Read,
    mut take: impl FnMut(&mut tar::Entry<'_, Watched<Box<dyn Read + '_>>>) -> Result<()>,
) -> Result<()> {
    let boxed: Box<dyn Read + '_> = Box::new(contents);
    let mut archive = Archive::new(Watched { from: boxed, zeros: 0 });
    for entry in archive.entries().map_err(not_whole)? {
        take(&mut entry.map_err(not_whole)?)?;
    }
    let mut rest = archive.into_inner();
    let before = rest.zeros;
    let after = io::copy(&mut rest, &mut io::sink()).map_err(not_whole)?;
    // All that came after the end is part of the zeros.
    if rest.zeros < END || rest.zeros != before + after {
        return Err(StoreError::Invalid(NOT_WHOLE.into()));
    }
    Ok(())
}

/// Takes contents in that a list names.
pub fn contents(store: &Store, manifest: &ContextManifest, contents: impl Read) -> Result<()> {
    let wanted: HashSet<&str> = manifest.entries.iter().map(|entry| entry.sha256.as_str()).collect();
    each(contents, |entry| {
        let name = path_of(entry)?;
        if name.len() != 64 || !wanted.contains(name.as_str()) {
            return Err(StoreError::Invalid(format!(
                "{name:?} is not the name of a content of this context."
            )));
        }
        let (hash, _) = objects::put(store, entry)?;
        if hash != name {
            return Err(StoreError::Invalid(
                "A file changed while it was sent. Start the build again.".into(),
            ));
        }
        Ok(())
    })
}

fn path_of<R: Read>(entry: &tar::Entry<'_, R>) -> Result<String> {
    let bytes = entry.path_bytes();
    std::str::from_utf8(&bytes)
        .map(str::to_owned)
        .map_err(|_| StoreError::Invalid(format!("The name {} is not UTF-8.", String::from_utf8_lossy(&bytes))))
}

/// A path in normal form; empty = the context itself.
fn normal(path: &str) -> Result<String> {
    let mut parts = vec![];
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                return Err(StoreError::Invalid(format!(
                    "The path {path:?} leads out of the context."
                )));
            }
            part => parts.push(part),
        }
    }
    if path.starts_with('/') {
        return Err(StoreError::Invalid(format!("The path {path:?} is absolute.")));
    }
    Ok(parts.join("/"))
}

/// Takes a whole context in.
pub fn whole(store: &Store, contents: impl Read) -> Result<ContextManifest> {
    let mut list = List::default();
    each(contents, |entry| {
        let path = normal(&path_of(entry)?)?;
        let header = entry.header();
        let kind = header.entry_type();
        let mut new = ContextEntry {
            path,
            kind: ContextEntryType::File,
            mode: header.mode().map_err(not_whole)? & 0o7777,
            mtime: header.mtime().map_err(not_whole)?.cast_signed(),
            size: 0,
            sha256: String::new(),
            target: String::new(),
        };
        if new.path.is_empty() {
            return Ok(());
        }
        match kind {
            EntryType::Directory => new.kind = ContextEntryType::Folder,
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default();
                let target = String::from_utf8(target.into_owned())
                    .map_err(|_| StoreError::Invalid(format!("{} is a link to a name that is not UTF-8.", new.path)))?;
                if kind == EntryType::Link {
                    new.kind = ContextEntryType::Hardlink;
                    new.target = normal(&target)?;
                } else {
                    new.kind = ContextEntryType::Symlink;
                    new.mode = 0o777;
                    new.target = target;
                }
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                (new.sha256, new.size) = objects::put(store, entry)?;
            }
            // Pipes, devices and what belongs to the archive itself are no input of a build.
            _ => return Ok(()),
        }
        list.add(new);
        Ok(())
    })?;
    Ok(list.finish())
}

/// The entries of an archive, in which folders may be missing and paths come twice.
#[derive(Default)]
struct List {
    at: HashMap<String, usize>,
    entries: Vec<ContextEntry>,
}

impl List {
    fn add(&mut self, entry: ContextEntry) {
        for (end, _) in entry.path.match_indices('/') {
            let folder = &entry.path[..end];
            if !self.at.contains_key(folder) {
                self.put(ContextEntry {
                    path: folder.to_owned(),
                    kind: ContextEntryType::Folder,
                    mode: 0o755,
                    mtime: entry.mtime,
                    size: 0,
                    sha256: String::new(),
                    target: String::new(),
                });
            }
        }
        self.put(entry);
    }

    /// What comes later counts.
    fn put(&mut self, entry: ContextEntry) {
        if let Some(at) = self.at.get(&entry.path) {
            self.entries[*at] = entry;
        } else {
            self.at.insert(entry.path.clone(), self.entries.len());
            self.entries.push(entry);
        }
    }

    /// Sorted, so that the same files in any order are the same context; a hard link may then come before its file.
    fn finish(mut self) -> ContextManifest {
        self.entries.sort_by(|a, b| a.path.cmp(&b.path));
        let places: HashMap<String, usize> = self
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.path.clone(), at))
            .collect();
        for at in 0..self.entries.len() {
            if self.entries[at].kind != ContextEntryType::Hardlink {
                continue;
            }
            let Some(&target) = places.get(&self.entries[at].target) else {
                continue;
            };
            if target > at && self.entries[target].kind == ContextEntryType::File {
                let (path, other) = (self.entries[at].path.clone(), self.entries[target].path.clone());
                let file = self.entries[target].clone();
                self.entries[at] = ContextEntry {
                    path: path.clone(),
                    ..file.clone()
                };
                self.entries[target] = ContextEntry {
                    path: other.clone(),
                    kind: ContextEntryType::Hardlink,
                    size: 0,
                    sha256: String::new(),
                    target: path.clone(),
                    ..file
                };
                for entry in &mut self.entries {
                    if entry.kind == ContextEntryType::Hardlink && entry.target == other {
                        entry.target.clone_from(&path);
                    }
                }
            }
        }
        ContextManifest { entries: self.entries }
    }
}

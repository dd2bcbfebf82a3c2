//! The list of a context: checked, and the id that is made of it.

use std::collections::HashMap;

use prt_types::contexts::{ContextEntry, ContextEntryType, ContextManifest};
use sha2::{Digest as _, Sha256};

use super::{Result, StoreError};

/// More is no context but a mistake.
const MOST_ENTRIES: usize = 500_000;
/// The kernel's limit of a path.
const LONGEST_PATH: usize = 4095;
/// The kernel's limit of a name.
const LONGEST_NAME: usize = 255;

pub fn check(manifest: &ContextManifest) -> Result<()> {
    let invalid = |message: String| Err(StoreError::Invalid(message));
    if manifest.entries.len() > MOST_ENTRIES {
        return invalid(format!(
            "The context has {} entries; {MOST_ENTRIES} is the most. Name what is not needed in .dockerignore.",
            manifest.entries.len()
        ));
    }
    let mut seen: HashMap<&str, &ContextEntry> = HashMap::with_capacity(manifest.entries.len());
    for entry in &manifest.entries {
        let path = entry.path.as_str();
        if let Some(why) = wrong_path(path) {
            return invalid(format!("{path:?} is no path in a context: {why}."));
        }
        if let Some((parent, _)) = path.rsplit_once('/')
            && seen
                .get(parent)
                .is_none_or(|parent| parent.kind != ContextEntryType::Folder)
        {
            return invalid(format!("The folder of {path} does not come before it."));
        }
        let wrong = match entry.kind {
            ContextEntryType::File if !is_hash(&entry.sha256) => Some("has no SHA-256 in 64 lower-case digits"),
            ContextEntryType::Symlink if entry.target.is_empty() || entry.target.contains('\0') => {
                Some("has no target")
            }
            ContextEntryType::Hardlink
                if seen
                    .get(entry.target.as_str())
                    .is_none_or(|target| target.kind != ContextEntryType::File) =>
            {
                Some("is a hard link, and its file does not come before it")
            }
            _ if entry.mode > 0o7777 => Some("has a mode that is more than permission bits"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return invalid(format!("{path} {wrong}."));
        }
        if seen.insert(path, entry).is_some() {
            return invalid(format!("{path} is there twice."));
        }
    }
    Ok(())
}

fn wrong_path(path: &str) -> Option<&'static str> {
    if path.len() > LONGEST_PATH || path.split('/').any(|name| name.len() > LONGEST_NAME) {
        return Some("it is too long");
    }
    if path.contains('\0') {
        return Some("it contains a NUL");
    }
    path.split('/')
        .any(|name| matches!(name, "" | "." | ".."))
        .then_some("it is not relative, or has . or .. in it")
}

pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The id of a context: equal for equal lists, in whatever order they are written.
pub fn id(manifest: &ContextManifest) -> String {
    let mut entries: Vec<&ContextEntry> = manifest.entries.iter().collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut hash = Sha256::new();
    for entry in entries {
        let kind = match entry.kind {
            ContextEntryType::Folder => 'd',
            ContextEntryType::File => 'f',
            ContextEntryType::Symlink => 'l',
            ContextEntryType::Hardlink => 'h',
        };
        // A NUL is in no path and no target, so no two lists give the same text.
        let text = format!(
            "{}\0{kind}\0{:o}\0{}\0{}\0{}\0{}\0",
            entry.path, entry.mode, entry.mtime, entry.size, entry.sha256, entry.target
        );
        hash.update(text.as_bytes());
    }
    hex::encode(hash.finalize())
}

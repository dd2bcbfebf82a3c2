//! Build contexts that are sent to a builder worker: a list of everything in the folder first, then the contents that the builder does not
//! have yet.
//!
//! A context lies apart from `~/build`, is never part of another one, and is never changed. Its id is made of its list, so the same folder
//! has the same id in every worker.

use serde::{Deserialize, Serialize};

/// What an entry of a context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ContextEntryType {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// Another name of a file of the same context.
    Hardlink,
}

/// One entry of a context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContextEntry {
    /// Relative to the context, with `/`, without `.` and `..`.
    pub path: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ContextEntryType,
    /// Permission bits with setuid, setgid and sticky, e.g. 420 for `rw-r--r--`.
    #[serde(default)]
    pub mode: u32,
    /// Time of the last change, seconds since 1970.
    #[serde(default)]
    pub mtime: i64,
    /// Bytes of a file.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub size: u64,
    /// SHA-256 of a file's content, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Where a symbolic link points, as it is written; the path of the other name for a hard link.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
}

fn is_zero(size: &u64) -> bool {
    *size == 0
}

/// Everything in a context: folders before what is in them, a file before its hard links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContextManifest {
    /// The entries.
    pub entries: Vec<ContextEntry>,
}

/// A context in a builder worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContextView {
    /// Names it in a build request.
    pub id: String,
    /// SHA-256 of contents that the builder does not have yet; none = a build can use the context.
    pub missing: Vec<String>,
    /// Their bytes together.
    pub missing_bytes: u64,
}

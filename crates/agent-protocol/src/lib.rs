//! What the console and its agent in a container say to each other.
//!
//! The console starts `prt-agent` as a command in a container. Everything goes in and out as frames: four bytes with the length of what
//! follows, most significant first, then that many bytes. The first frame is a [`Request`] in JSON. Where a request comes with contents,
//! they follow as frames of at most [`LARGEST_PART`] bytes, and an empty frame says that all of them have come: a stream that ends without
//! it was cut. The answer is one frame with a [`Reply`] in JSON.
//!
//! A build is different, because its output can be of any length and is read again from any place: see [`Launch`].

mod files;
pub mod frame;
mod launch;

use prt_types::contexts::{ContextManifest, ContextView};
use serde::{Deserialize, Serialize};

pub use files::{BuildFile, LIST_MAX, UPLOADS};
pub use launch::{ContextSource, EXIT, Exit, LONGEST_DOCKERFILE, Launch, LaunchInput, MemoryFile, SECRETS, SPOOL};

/// Where the engine puts the agent in a container.
pub const AGENT: &str = "/.prt/agent";

/// Where it puts the agent if the container's root is read-only: in the home, which is a volume.
pub const AGENT_IN_HOME: &str = "/home/ubuntu/.prt-agent";

/// Most bytes of one frame with contents.
pub const LARGEST_PART: usize = 256 * 1024;

/// Most bytes of a request, which may hold the list of a context.
pub const LARGEST_REQUEST: usize = 64 * 1024 * 1024;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Makes the context of this list from what is there, or says what is missing. Answered by [`Reply::Context`].
    ContextOffer {
        /// Folder of the contexts.
        store: String,
        /// The list.
        manifest: ContextManifest,
    },
    /// Takes missing contents as a tar stream with a file for each, named by its SHA-256. Answered by [`Reply::Context`].
    ContextFill {
        /// Folder of the contexts.
        store: String,
        /// Of an offer that was made before.
        id: String,
    },
    /// Takes a whole context as a tar stream. Answered by [`Reply::Context`].
    ContextArchive {
        /// Folder of the contexts.
        store: String,
    },
    /// Lists the regular files of a folder. Answered by [`Reply::Files`].
    FileList {
        /// The folder; nothing outside of it is opened, whatever links are in it. The same holds for all that follow.
        folder: String,
    },
    /// Reads a regular file. Answered by [`Reply::File`] with its content.
    FileRead {
        /// The folder.
        folder: String,
        /// The file below it.
        path: String,
        /// A file with more bytes is refused.
        limit: u64,
    },
    /// Writes a file, for which the content follows, and makes the folders above it. Its place has the old content or the whole new one.
    /// Answered by [`Reply::Done`].
    FileWrite {
        /// The folder.
        folder: String,
        /// The file below it. A link in its place is replaced, not followed; a folder is refused.
        path: String,
        /// Its mode; unset = that of the file that it replaces, or else 644.
        mode: Option<u32>,
    },
    /// Writes a new file piece by piece, as its content comes, after what was in its place is removed. A process that has the former file
    /// open keeps it. What came of a stream that is cut stays. Answered by [`Reply::Done`].
    FileStream {
        /// The folder.
        folder: String,
        /// The file below it. A link in its place is removed, not followed; a folder is refused.
        path: String,
    },
    /// Unpacks a tar stream. Modes, times, links and hard links are kept; owners are not. Nothing is written through a link that leads out of
    /// the archive's own folders. Answered by [`Reply::Done`].
    FolderUnpack {
        /// The folder.
        folder: String,
        /// A folder below it; empty = itself.
        path: String,
        /// Whether the archive takes the place of what is there as a whole; if not, its files come among those that are there: all of them,
        /// or none where one of them is found to have no place.
        replace: bool,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// A context.
    Context(ContextView),
    /// Files.
    Files {
        /// At most [`LIST_MAX`], in the order of their paths.
        files: Vec<BuildFile>,
    },
    /// A file. Its content follows as frames of at most [`LARGEST_PART`] bytes and the empty frame.
    File,
    /// It was done.
    Done,
    /// It cannot be done.
    Refused(Refusal),
}

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind.
    pub kind: RefusalKind,
    /// For people.
    pub message: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// What was asked for makes no sense.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// The stream with the contents was cut.
    Cut,
    /// The container's disk is full.
    DiskFull,
    /// Anything else.
    Failed,
}

//! What the console and its agent in a container say to each other.
//!
//! The console starts `prt-agent` as a command in a container. Everything goes in and out as frames: four bytes with the length of what
//! follows, most significant first, then that many bytes. The first frame is a [`Request`] in JSON. Where a request comes with contents,
//! they follow as frames of at most [`LARGEST_PART`] bytes, and an empty frame says that all of them have come: a stream that ends without
//! it was cut. The answer is one frame with a [`Reply`] in JSON.
//!
//! A build is different, because its output can be of any length and is read again from any place: see [`Launch`]. So is a terminal: see
//! [`terminal`].
//!
//! The agent is also a container's main process: see [`main_process`].

mod builder;
mod files;
pub mod frame;
mod launch;
pub mod main_process;
mod primary;
pub mod terminal;
pub mod tools;

use prt_types::contexts::{ContextManifest, ContextView};
use serde::{Deserialize, Serialize};

pub use builder::{BuildkitdChange, HostFinding};
pub use files::{BuildFile, LIST_MAX, UPLOADS};
pub use launch::{ContextSource, EXIT, Exit, LONGEST_DOCKERFILE, Launch, LaunchInput, MemoryFile, SECRETS, SPOOL};
pub use primary::{DiskFigures, Facts, Figures, StartupEnd};

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
    /// Writes files into a folder in memory, readable for the container's user only: tokens and secrets. Each is there whole or not at all,
    /// in this order. Answered by [`Reply::Facts`].
    MemoryFiles {
        /// The folder.
        folder: String,
        /// The files, by a name in it.
        files: Vec<MemoryFile>,
    },
    /// What the container is. Answered by [`Reply::Facts`].
    Facts {
        /// Folder in memory with the end of the startup script.
        folder: String,
    },
    /// What the container uses. Answered by [`Reply::Figures`].
    Figures {
        /// Folders whose file systems are looked at.
        folders: Vec<String>,
    },
    /// Waits until BuildKit answers. Answered by [`Reply::Done`]; refused as [`RefusalKind::NotFound`] if the image has no `buildctl`, and as
    /// [`RefusalKind::Failed`] if BuildKit does not answer in time.
    BuildkitReady {
        /// Milliseconds to wait.
        wait_ms: u64,
    },
    /// Tries a configuration of BuildKit beside the one in use, then puts it in place and restarts BuildKit. On failure the previous one is
    /// in place again. Continues after the console disconnects. Answered by [`Reply::Buildkitd`].
    BuildkitdChange {
        /// Text of buildkitd.toml.
        text: String,
        /// Milliseconds that BuildKit may take to answer.
        wait_ms: u64,
    },
    /// Waits for the end of a change. Answered by [`Reply::BuildkitdText`].
    BuildkitdRead,
    /// Which of these the builder does not have. A host that could not be looked up in time is not among them. Answered by
    /// [`Reply::Missing`].
    Missing {
        /// Files and, with a slash at their end, folders; absolute paths.
        files: Vec<String>,
        /// Host names.
        hosts: Vec<String>,
    },
    /// Checks what rootless BuildKit needs of the host. Answered by [`Reply::Host`].
    HostCheck {
        /// BuildKit's folder.
        state: String,
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
    /// What the container is.
    Facts(Facts),
    /// What it uses.
    Figures(Figures),
    /// What became of a change of BuildKit's configuration.
    Buildkitd(BuildkitdChange),
    /// The configuration in place; unset = this container's main process is not [`main_process::BUILDER`].
    BuildkitdText {
        /// Text of buildkitd.toml.
        text: Option<String>,
    },
    /// What is missing.
    Missing {
        /// As they were named in the request.
        names: Vec<String>,
    },
    /// What the host was found to have.
    Host {
        /// In the order in which it was checked.
        findings: Vec<HostFinding>,
    },
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

//! A build in the builder.
//!
//! `prt-agent launch` reads a frame with a [`Launch`]. It prints the Dockerfile as it is now and a NUL, if that is asked for, and waits for
//! a frame with the [`LaunchInput`]; a stream that ends before that leaves everything as it was. Then the build runs in a session of its
//! own, and the command prints its progress, byte by byte what `buildctl` writes, until the build has ended. On standard error it says
//! `metadata {…}` and `exit N`, or `lost`; or, with one of the exit codes below, `words "…"` as a string in JSON.
//!
//! `prt-agent follow SPOOL BUILD OFFSET` prints the same from byte OFFSET on, `cancel SPOOL BUILD term|kill` ends a build, also one that is
//! only just being started, and `remove SPOOL BUILD` removes what it left.

use prt_types::Secret;
use serde::{Deserialize, Serialize};

/// A build to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Folder with a folder for each build.
    pub spool: String,
    /// The build's id.
    pub build: String,
    /// Folder of the contexts.
    pub store: String,
    /// What is built.
    pub source: ContextSource,
    /// Path of the Dockerfile within the context.
    pub dockerfile: String,
    /// `buildctl` with its arguments. It runs in the context's folder.
    pub command: Vec<String>,
    /// Whether the Dockerfile is printed first.
    pub read: bool,
}

/// What is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum ContextSource {
    /// A folder below the build folder, as it is when the build starts.
    Folder {
        /// The build folder.
        folder: String,
        /// Below it; empty = itself.
        path: String,
    },
    /// A context that was sent.
    Stored {
        /// Its id.
        id: String,
        /// Folder in it; empty = itself.
        path: String,
    },
}

/// What a build waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchInput {
    /// The Dockerfile that was checked.
    pub dockerfile: String,
    /// Files that are in memory for as long as the build runs: credentials and secrets.
    pub files: Vec<MemoryFile>,
}

/// A file in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryFile {
    /// Relative to a folder that `buildctl` knows as `DOCKER_CONFIG`.
    pub name: String,
    /// Its content.
    pub content: Secret,
}

/// Folder of the memory files that `buildctl` gets as `--secret`, each by its name.
pub const SECRETS: &str = "secrets";

/// Exit codes of `launch` and `follow`.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// The context is not there.
    pub no_context: i64,
    /// Context or Dockerfile lead out of the build folder.
    pub outside: i64,
    /// The Dockerfile is not there.
    pub no_dockerfile: i64,
    /// The builder has no such command.
    pub no_command: i64,
    /// The build was started or canceled before.
    pub exists: i64,
    /// There is no such build.
    pub not_started: i64,
    /// The context cannot be used; the words are on standard error.
    pub bad_context: i64,
    /// The builder's disk or memory is full.
    pub disk: i64,
}

/// The exit codes.
pub const EXIT: Exit = Exit {
    no_context: 3,
    outside: 4,
    no_dockerfile: 5,
    no_command: 90,
    exists: 91,
    not_started: 92,
    bad_context: 93,
    disk: 94,
};

/// Folder in the builder with a folder for each build.
pub const SPOOL: &str = "/tmp/prt-builds";

/// A Dockerfile beyond this is refused; one byte more is printed at most.
pub const LONGEST_DOCKERFILE: usize = 512 * 1024;

//! What a container is and uses.

use serde::{Deserialize, Serialize};

/// What a container is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// User id of the agent, which is that of the container.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    /// Its name in /etc/passwd.
    pub user: Option<String>,
    /// Its home there.
    pub home: Option<String>,
    /// The processor's architecture as image platforms name it, e.g. `amd64`.
    pub architecture: String,
    /// Whether there is a shell at /bin/sh.
    pub shell: bool,
    /// Whether a Jupyter program is in the PATH, or a process runs that is one or may come to start one.
    pub jupyter: bool,
    /// How the startup script ended; unset = there is none, or it has not ended.
    pub startup: Option<StartupEnd>,
    /// Names of the files in memory that are there.
    pub memory_files: Vec<String>,
}

/// How a startup script ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartupEnd {
    /// Exit code: 128 and the signal's number after a signal, 127 if it could not be started.
    pub exit_code: i32,
    /// Why it could not be started.
    pub error: Option<String>,
}

/// What a container uses, from its control group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Processor time since the start, in microseconds.
    pub cpu_usec: Option<u64>,
    /// Memory in use without the page cache that can be dropped, in bytes.
    pub memory_bytes: Option<u64>,
    /// The limit of that; unset = none.
    pub memory_limit_bytes: Option<u64>,
    /// Times that a process was killed for memory.
    pub oom_kills: Option<u64>,
    /// The folders' file systems, those that are there.
    pub disks: Vec<DiskFigures>,
}

/// A folder's file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFigures {
    /// The folder.
    pub folder: String,
    /// Bytes free for users.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

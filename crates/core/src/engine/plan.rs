//! Everything an engine needs to start a worker.

use std::collections::BTreeMap;

use prt_types::{ids::WorkerId, worker_sizes::Limits};

/// A worker to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerPlan {
    /// Its id, in labels and object names.
    pub worker_id: WorkerId,
    /// `Worker-12`, for people who look at the engine.
    pub worker_name: String,
    /// Login name of the owner, as a label.
    pub owner: String,
    /// The user's container.
    pub primary: ContainerPlan,
    /// The BuildKit container.
    pub builder: Option<ContainerPlan>,
    /// `name:address` pairs for `/etc/hosts` of both.
    pub extra_hosts: Vec<String>,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPlan {
    /// Image id or reference; already present.
    pub image: String,
    /// Replaces the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Environment; nothing secret.
    pub env: BTreeMap<String, String>,
    /// Limits. They are enforced, and read back by `observe`.
    pub limits: Limits,
    /// Rights.
    pub security: SecuritySettings,
    /// Volumes that live and end with the worker.
    pub mounts: Vec<Mount>,
    /// Folders in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// Files that are there before the start.
    pub files: Vec<FileInContainer>,
}

/// A volume of the worker, mounted. The same `volume` name in both containers is the same volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Name within the worker, e.g. `build`.
    pub volume: String,
    /// Absolute path in the container.
    pub path: String,
    /// Read-only.
    pub read_only: bool,
    /// uid and gid that own the volume's top folder.
    pub owner: (u32, u32),
}

/// A folder in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// Absolute path.
    pub path: String,
    /// Size in mebibytes.
    pub size_mib: i64,
    /// Mode, e.g. `0o700`.
    pub mode: u32,
    /// uid and gid.
    pub owner: (u32, u32),
}

/// A small file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInContainer {
    /// Absolute path; parent folders are made.
    pub path: String,
    /// Content; nothing secret, as it lies on the engine's disk.
    pub content: Vec<u8>,
    /// Mode.
    pub mode: u32,
    /// uid and gid.
    pub owner: (u32, u32),
}

/// System call filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seccomp {
    /// The runtime's own profile ("RuntimeDefault").
    RuntimeDefault,
    /// None.
    Unconfined,
}

/// A container's rights, in the words of a Kubernetes securityContext. Made by `security_contexts`, the one place that decides them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecuritySettings {
    /// All devices and capabilities.
    pub privileged: bool,
    /// uid and gid of the main process; unset = the image's.
    pub run_as: Option<(u32, u32)>,
    /// Whether a process may gain rights that its parent lacks (setuid).
    pub allow_privilege_escalation: bool,
    /// Capabilities taken away; `ALL` = all.
    pub drop_capabilities: Vec<String>,
    /// Capabilities given.
    pub add_capabilities: Vec<String>,
    /// System call filter.
    pub seccomp: Seccomp,
    /// Whether `/proc` and `/sys` paths stay hidden; BuildKit's own sandbox needs them.
    pub mask_proc: bool,
    /// Root file system read-only.
    pub read_only_root: bool,
}

//! BuildKit in a builder.

use serde::{Deserialize, Serialize};

/// What became of a change of BuildKit's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BuildkitdChange {
    /// BuildKit runs with it.
    Applied,
    /// BuildKit refused it when it was tried; nothing has changed.
    Refused {
        /// BuildKit's words.
        words: String,
    },
    /// BuildKit did not start with it; the previous configuration is in place again.
    RolledBack,
    /// BuildKit does not start any more, not even with the previous configuration.
    Down,
    /// Another change is not finished.
    Busy,
    /// The container's main process is not [`crate::main_process::BUILDER`].
    Unsupported,
}

/// One thing that the host was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFinding {
    /// Which, e.g. `max_user_namespaces`.
    pub name: String,
    /// Whether it was found, or worked.
    pub ok: bool,
    /// A value, or what a program said; one line.
    pub words: String,
}

//! What of a folder is a build's context: `.dockerignore` as BuildKit reads it, and hashes that are remembered. Shared by `prtcli`, which
//! leaves out what is not sent, and by the agent, which does the same in a worker.

mod dockerignore;
mod known;
mod pattern;

pub use dockerignore::{BadLine, Dockerignore, Matched};
pub use known::{Identity, KnownHashes};

//! What of a folder is a build's context: `.dockerignore` as BuildKit reads it. Shared by `prtcli`, which leaves out what is not sent, and
//! by the agent, which does the same in a worker.

mod dockerignore;
mod pattern;

pub use dockerignore::{BadLine, Dockerignore, Matched};

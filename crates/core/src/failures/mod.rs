//! What went wrong between a builder or the container engine and a registry: one reading for worker starts, builds and the check before
//! a build, so that the same fault has the same reason and the same words everywhere.
//!
//! | file | what |
//! |---|---|
//! | `answer.rs` | what a registry itself says: its status, its code and its own words |
//! | `registry.rs` | reads the text of a failed pull or push |
//! | `unreachable.rs` | why no connection came about |
//! | `words.rs` | reason, sentence and advice |
//!
//! The texts come from programs that wrap errors in a fixed order: what was tried, the address, the status, and last what the registry
//! said. Each part is read at its place. What a registry says can be anything, so it is quoted and never searched.

mod answer;
mod registry;
mod unreachable;
mod words;

pub use self::registry::{Fault, RegistryFailure};
pub(crate) use self::{
    answer::Answer,
    words::{Asked, Direction},
};

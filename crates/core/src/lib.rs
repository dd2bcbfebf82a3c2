//! All behaviour of prt-console, without a web framework, a database or a container engine.
//!
//! [`Orchestrator`] is the one way in: server functions and REST handlers call its methods with an [`OpContext`] that says who asks.
//! What lies outside is behind two ports: [`store::Store`] and [`engine::Engine`].
//!
//! # How to add an operation
//! A method on [`Orchestrator`] in the file of its resource, named noun_verb. Its first lines authorize and validate; a change and
//! its audit row are saved in one transaction. Then call it from a REST handler and from a server function.

#![warn(missing_docs)]

pub mod access;
mod agent;
pub mod audit;
pub mod authz;
pub mod builders;
pub mod buildkit;
pub mod builds;
pub mod certificates;
pub mod clock;
pub mod container_images;
pub mod crypto;
pub mod engine;
pub mod error;
pub mod failures;
pub mod idempotency;
pub mod images;
pub mod key_check;
pub mod logs;
pub mod named_secrets;
mod names;
pub mod notebooks;
pub mod op_context;
pub mod orchestrator;
mod recorded;
pub mod registry;
pub mod registry_credentials;
pub mod retention;
pub mod security_contexts;
pub mod settings;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod throttle;
mod token_scope;
pub mod tokens;
pub mod worker_sizes;
pub mod workers;

pub use error::{Error, Result};
pub use op_context::{Actor, OpContext};
pub use orchestrator::Orchestrator;
pub use settings::Settings;

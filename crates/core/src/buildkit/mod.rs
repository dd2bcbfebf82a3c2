//! BuildKit: pure code around its command line, its progress and its configuration.
//!
//! Nothing here talks to an engine. `builds` puts the parts together.

pub mod command;
pub mod config;
pub mod frontend;
pub mod launcher;
pub mod mask;
pub mod rawjson;
mod session;

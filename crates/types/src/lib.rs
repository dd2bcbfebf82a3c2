//! What the doors say to each other: ids, requests, views, build events and the one error shape.
//!
//! Compiles for wasm and for the server, and knows neither. Every request body refuses unknown fields, so that a
//! misspelt key is an error and no request can set what it should not.
//!
//! # How to add a resource
//! One file with its `…Input` (what a client may send) and its `…View` (what it gets), both with the
//! `openapi` schema derive, then a line below.

#![warn(missing_docs)]

pub mod access;
pub mod audit;
mod build_args;
pub mod build_config;
pub mod build_events;
pub mod builders;
pub mod builds;
pub mod certificates;
pub mod container_images;
pub mod contexts;
pub mod error;
pub mod exit_code;
pub mod ids;
pub mod named_secrets;
pub mod plain;
pub mod registry_credentials;
pub mod retention;
pub mod secret;
pub mod security_contexts;
pub mod unknown_workers;
pub mod worker_sizes;
pub mod workers;

pub use error::{ApiError, ErrorCode, FieldError};
pub use secret::Secret;

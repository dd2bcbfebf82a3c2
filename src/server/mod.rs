//! Everything that exists on the server only: the router, who asks, errors on the wire, REST.

pub mod build_upload;
pub mod draft;
pub mod extract;
pub mod functions;
pub mod idempotency;
pub mod input;
pub mod linger;
pub mod metrics;
pub mod notebook;
pub mod openapi;
pub mod problem;
#[cfg(test)]
mod reference;
pub mod rest;
pub mod router;
pub mod security;
pub mod serve;
pub mod session;
pub mod standing;
pub mod state;

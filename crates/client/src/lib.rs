//! Typed client of the console's REST API `/api/v1`.
//!
//! [`Client`] has one method per endpoint, grouped in files as the server groups them; [`ClientError`] tells an answer of the
//! console ([`ClientError::Api`]) from a connection that failed and from an answer that makes no sense. [`Client::follow`]
//! turns a build's event stream into records without gap or repeat, whatever happens to the connection.
//!
//! # How to add an endpoint
//! A method in the file of its resource, made of `Client::get`, `Client::send` and the like, which add the token, the door
//! and the error handling. Types come from `prt-types`; there are none here that the server would have to know too.

#![warn(missing_docs)]

mod access;
mod build_config;
mod builders;
mod builds;
mod certificates;
mod error;
mod follow;
mod images;
mod named_secrets;
mod registry_credentials;
mod request;
mod retention;
mod retry;
mod server;
mod sse;
mod unknown_workers;
mod worker_sizes;
mod workers;

pub use bytes::Bytes;
pub use error::{ClientError, Result};
pub use follow::{FollowOptions, Followed, Follower};
pub use prt_types::access::Door;
pub use request::Client;
pub use retry::Patience;
pub use server::ServerInfo;
pub use workers::ContextBody;

//! A local folder on its way to a worker: what of it is sent ([`scan`], [`hashes`]) and how ([`stream`]).

pub mod hashes;
pub mod local;
pub mod scan;
pub mod stream;

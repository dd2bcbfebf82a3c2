//! A local folder on its way to a worker: what of it is sent ([`scan`]) and how ([`stream`]).

pub mod local;
pub mod scan;
pub mod stream;

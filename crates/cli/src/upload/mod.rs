//! A local folder on its way into a worker's build folder: what of it is sent ([`dockerignore`], [`scan`]) and how ([`stream`]).

pub mod dockerignore;
pub mod local;
mod pattern;
pub mod scan;
pub mod stream;

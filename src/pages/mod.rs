//! The pages, in the order of the navigation. Each folder holds its server functions in `server_fns.rs`.

pub mod access;
pub mod builds;
pub mod docs;
pub mod infrastructure;
pub mod login;
pub mod not_found;
pub mod session;
pub mod workers;

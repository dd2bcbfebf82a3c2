//! Access: who may do what, and with what.

pub mod tokens;

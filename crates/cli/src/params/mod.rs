//! Values as people write them on a command line: `-p key=value`, Python and JSON literals, `K=V`, registry logins, references.

pub mod build_container_image;
pub mod credentials;
pub mod dockerfile;
pub mod key_value;
pub mod literal;
pub mod merge;
mod py_literal;
pub mod reference;
pub mod secrets;

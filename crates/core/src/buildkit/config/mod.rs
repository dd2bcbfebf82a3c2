//! BuildKit's configuration file, `buildkitd.toml`: made from the installation's settings, or looked at when a user writes it.
//!
//! | file | what |
//! |---|---|
//! | `render.rs` | the installation's registries as a file |
//! | `schema.rs` | the keys that BuildKit knows, and which of them a worker cannot have |
//! | `lint.rs` | a user's text against the schema, with places |
//! | `registries.rs` | the same for `[registry."…"]` |
//! | `translate.rs` | what is meant, in the words that BuildKit takes |

mod lint;
mod registries;
mod render;
mod schema;
mod translate;

pub use lint::{FileKind, Linted, NamedFile, NamedHost, lint};
pub use registries::{docker_hub, registry_host};
pub use render::buildkitd_toml;

#[cfg(test)]
mod tests;

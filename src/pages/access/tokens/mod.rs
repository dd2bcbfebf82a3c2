//! Access / API tokens: one's own tokens, for scripts and pipelines.

pub mod form;
mod list;
mod new;
mod server_fns;

pub use list::TokensPage;
pub use new::TokenNewPage;

/// The list's address.
const LIST: &str = "/access/tokens";

//! Infrastructure / Security Contexts: what workers may do, and what the engine is told.

mod editor;
pub mod form;
mod list;
mod server_fns;
mod shown;

pub use editor::{SecurityContextNewPage, SecurityContextPage};
pub use list::SecurityContextsPage;

/// The list's address, which is also where the editor's addresses begin.
const LIST: &str = "/infrastructure/security-contexts";

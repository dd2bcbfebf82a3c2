//! Docs: the tutorial, references and files to copy. Their text is the server's; the browser gets HTML.

mod article;
mod index;
mod server_fns;

pub use article::DocPage;
pub use index::DocsPage;

/// The index' address, which is also where the pages' addresses begin.
const INDEX: &str = "/docs";

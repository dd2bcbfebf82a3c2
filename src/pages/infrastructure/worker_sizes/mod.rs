//! Infrastructure / Worker Sizes: what a worker gets, and who may take it.

mod editor;
mod fields;
pub mod form;
mod list;
mod server_fns;

pub use editor::{WorkerSizeNewPage, WorkerSizePage};
pub use list::WorkerSizesPage;

/// The list's address, which is also where the editor's addresses begin.
const LIST: &str = "/infrastructure/worker-sizes";

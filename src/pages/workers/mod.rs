//! Workers: the list, the form that starts one, and one of them.

mod build_config;
mod builder_field;
mod cache;
mod containers;
mod detail;
pub mod form;
mod image_field;
pub mod limits;
mod list;
mod log_panel;
mod new;
mod secrets_field;
mod server_fns;
mod size_field;
mod unknown;

pub use build_config::BuildConfigPage;
pub use detail::WorkerPage;
pub use form::{field, refusal};
pub use list::WorkersPage;
pub use new::WorkerNewPage;
pub use unknown::UnknownWorkersPage;

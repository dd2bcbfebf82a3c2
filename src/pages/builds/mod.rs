//! Builds: the list, the form that starts one, and one of them with its log.

mod credentials;
mod detail;
mod facts;
mod failure;
mod file_picker;
pub mod form;
pub mod key_values;
mod list;
mod log_part;
mod new;
mod new_form;
pub mod option_form;
mod options;
mod pin;
mod rerun;
mod server_fns;
mod table;

pub use detail::BuildPage;
pub use form::BuildForm;
pub use list::BuildsPage;
pub use new::BuildNewPage;
pub use server_fns::{Folder, FolderFile};
pub use table::BuildTable;

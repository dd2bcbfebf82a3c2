//! Infrastructure / Container Images: which images exist for whom.

mod access;
mod editor;
mod fields;
pub mod form;
mod kind;
mod list;
mod server_fns;
mod try_it;

pub use access::AccessLists;
pub use editor::{ContainerImageNewPage, ContainerImagePage};
pub use fields::service_choices;
pub use list::{Access, ContainerImagesPage};
#[cfg(feature = "ssr")]
pub use server_fns::candidates;
pub use server_fns::{Person, Team};

/// The list's address, which is also where the editor's addresses begin.
const LIST: &str = "/infrastructure/container-images";

//! What belongs to the viewer and to no page: who it is, the theme, the way out.

mod server_fns;

pub use server_fns::load_viewer;

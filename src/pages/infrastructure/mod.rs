//! What admins set up.

pub mod container_images;
pub mod registries;

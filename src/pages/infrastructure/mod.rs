//! What admins set up.

pub mod builders;
pub mod certificates;
pub mod container_images;
pub mod registries;

//! An image that exists in the engine alone: what a user may have made, suitable or not.

use std::fs;

use super::{docker, own_registry::busybox_layer};

/// Gone with the value.
pub struct LocalImage {
    pub name: String,
}

impl LocalImage {
    /// Busybox as shell and common commands, its `/bin/sh` replaced if `shell` is given, and a start command as Docker's JSON.
    pub fn new(shell: Option<&[u8]>, command: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("image.tar");
        fs::write(&file, busybox_layer(shell)).expect("the image can be written");
        let name = format!("localhost/unsuitable/i{}:1", uuid::Uuid::now_v7().simple());
        let change = format!("CMD {command}");
        docker(&["import", "--change", &change, &file.display().to_string(), &name]);
        Self { name }
    }
}

impl Drop for LocalImage {
    fn drop(&mut self) {
        docker(&["rmi", "-f", &self.name]);
    }
}

//! An image that exists in the engine alone: what a user may have made, suitable or not.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{docker, own_registry::busybox_layer, remove_image};

/// The platform's worker image, as the engine has it.
pub const WORKER_IMAGE: &str = "ghcr.io/practicusai/practicus-minimal:25.5.3";

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

    /// The platform's worker image with a program more.
    pub fn with_program(path: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("program");
        fs::write(&file, text).expect("the program can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("the program can be run");
        let name = format!("localhost/changed/i{}:1", uuid::Uuid::now_v7().simple());
        let container = docker(&["create", WORKER_IMAGE]);
        docker(&["cp", &file.display().to_string(), &format!("{container}:{path}")]);
        docker(&["commit", &container, &name]);
        docker(&["rm", &container]);
        Self { name }
    }
}

impl Drop for LocalImage {
    fn drop(&mut self) {
        remove_image(&self.name);
    }
}

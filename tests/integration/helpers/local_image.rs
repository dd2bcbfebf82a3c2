//! An image that exists in the engine alone: what a user may have made, suitable or not.

use std::{fs, os::unix::fs::PermissionsExt as _};

use prt_types::{
    container_images::PullPolicy,
    workers::{ImageConfig, WorkerConfig},
};

use super::{
    docker,
    own_registry::{busybox_layer, web_server_layer},
    plain_worker, remove_image,
};

/// The platform's worker image, as the engine has it.
pub const WORKER_IMAGE: &str = "ghcr.io/practicusai/practicus-minimal:25.5.3";
/// The platform's builder image, as the engine has it.
pub const BUILDER_IMAGE: &str = "ghcr.io/practicusai/practicus-builder:25.5.3";

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

    /// Nothing but one program that answers as a notebook does.
    pub fn without_shell() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("image.tar");
        fs::write(&file, web_server_layer()).expect("the image can be written");
        let name = format!("localhost/unsuitable/i{}:1", uuid::Uuid::now_v7().simple());
        let change = r#"CMD ["/httpd", "-f", "-p", "8888", "-h", "/www"]"#;
        docker(&["import", "--change", change, &file.display().to_string(), &name]);
        Self { name }
    }

    /// An image with another file, which can be run.
    pub fn with_file(base: &str, path: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("file");
        fs::write(&file, content).expect("the file can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("the file can be run");
        let file = file.display().to_string();
        Self::changed(base, &[], |container| {
            docker(&["cp", &file, &format!("{container}:{path}")]);
        })
    }

    /// An image with another instruction of a Dockerfile.
    pub fn with_instruction(base: &str, instruction: &str) -> Self {
        Self::changed(base, &["--change", instruction], |_| ())
    }

    fn changed(base: &str, options: &[&str], change: impl FnOnce(&str)) -> Self {
        let name = format!("localhost/changed/i{}:1", uuid::Uuid::now_v7().simple());
        let container = docker(&["create", base]);
        change(&container);
        docker(&[&["commit"], options, &[&container, &name]].concat());
        docker(&["rm", "-v", &container]);
        Self { name }
    }

    /// The smallest worker on it; no registry is asked for it.
    pub fn worker(&self) -> WorkerConfig {
        WorkerConfig {
            worker_image: self.name.clone(),
            image_config: ImageConfig {
                pull_policy: Some(PullPolicy::Never),
                ..ImageConfig::default()
            },
            ..plain_worker("X-Small")
        }
    }
}

impl Drop for LocalImage {
    fn drop(&mut self) {
        remove_image(&self.name);
    }
}

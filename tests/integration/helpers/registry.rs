//! The two test registries of `scripts/setup/registries.sh`.

use std::{env, fs};

use prt_types::builds::RegistryCredential;

/// A running registry.
pub struct Registry {
    pub host: String,
    pub username: String,
    pub password: String,
    pub ca_file: String,
    pub access_log: String,
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run scripts/setup/registries.sh and load the registries.env that it writes (make test does)")
    })
}

/// The one with TLS from a private authority and logins.
pub fn registry() -> Registry {
    let password = fs::read_to_string(var("PRT_REGISTRY_PASSWORD_FILE")).expect("the registry's password can be read");
    Registry {
        host: var("PRT_REGISTRY"),
        username: var("PRT_REGISTRY_USER"),
        password: password.trim().to_owned(),
        ca_file: var("PRT_REGISTRY_CA"),
        access_log: var("PRT_REGISTRY_ACCESS_LOG"),
    }
}

/// The one that speaks only HTTP: its host.
pub fn http_registry() -> String {
    var("PRT_HTTP_REGISTRY")
}

/// Base image for `FROM`: the platform image in the test registry.
pub fn base_image() -> String {
    format!("{}/practicusai/practicus-minimal:25.5.3", registry().host)
}

/// Base image for `FROM` where a shell is enough: a builder has it at once.
pub fn shell_image() -> String {
    format!("{}/tests/shell:1", registry().host)
}

impl Registry {
    pub fn login(&self) -> RegistryCredential {
        RegistryCredential {
            host: self.host.clone(),
            username: self.username.clone(),
            password: self.password.as_str().into(),
            only: None,
        }
    }

    /// Requests that the registry has answered.
    pub fn requests(&self) -> String {
        fs::read_to_string(&self.access_log).unwrap_or_default()
    }
}

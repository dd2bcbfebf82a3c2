//! What an installation decides for the whole system. `boot` fills it from file, environment and flags.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use prt_types::container_images::PullPolicy;

use crate::retention::RetentionSettings;

/// How to reach a registry that is not plain public HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Plain HTTP.
    pub http: bool,
    /// TLS without verification.
    pub insecure: bool,
    /// PEM file of the authority that signed its certificate.
    pub ca_file: Option<PathBuf>,
}

/// Settings of the installation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Names this installation in labels of engine objects; another console on the same engine has another one.
    pub instance: String,
    /// Database, key file and logs live below.
    pub data_dir: PathBuf,
    /// Where browsers reach the console.
    pub public_url: String,
    /// Below this host, with its port, each worker has one of its own for its notebook.
    pub notebook_host: String,
    /// Where workers reach the console; unset = they do not.
    pub worker_url: Option<String>,
    /// Version of the platform's own images.
    pub platform_version: String,
    /// Where short image names live.
    pub default_registry: String,
    /// When no rule and no request says otherwise.
    pub pull_policy: PullPolicy,
    /// Image of the restricted builder.
    pub builder_image: String,
    /// Image of the privileged builder.
    pub privileged_builder_image: String,
    /// Registries that need more than public HTTPS, by `host[:port]`. Being listed also allows the console to connect to a
    /// private or loopback address.
    pub registries: BTreeMap<String, RegistrySettings>,
    /// `name:address` pairs for `/etc/hosts` of workers and builders.
    pub extra_hosts: Vec<String>,
    /// Images, `host/repository`, that a Dockerfile may name as its frontend besides the builder's own: a frontend sees what the build
    /// sees, also the passwords that its builder uses.
    pub allowed_frontends: Vec<String>,
    /// How long a worker may take from its start until it answers.
    pub ready_timeout: Duration,
    /// How long a build may take.
    pub build_timeout: Duration,
    /// How long things are stored.
    pub retention: RetentionSettings,
    /// The program that is put into containers: `prt-agent`.
    pub agent: bytes::Bytes,
}

impl Settings {
    /// What browsers reach the console by, and workers through it: `https` or `http`.
    pub fn protocol(&self) -> &'static str {
        let tls = self
            .public_url
            .split("://")
            .next()
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        if tls { "https" } else { "http" }
    }

    /// Whether cookies are for encrypted connections only.
    pub fn is_https(&self) -> bool {
        self.protocol() == "https"
    }
}

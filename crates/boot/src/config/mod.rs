//! Configuration: defaults < file (TOML) < `PRT_*` environment < flags. A wrong value names its key and where it came from.

mod keys;
mod read;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches};
use prt_core::{retention::RetentionSettings, settings::RegistrySettings};
use prt_types::{Secret, container_images::PullPolicy};

pub use keys::{KEYS, Key};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Where browsers reach the console.
    pub public_url: String,
    /// Below this host each worker's notebook has a host name of its own.
    pub notebook_host: String,
    /// Where workers reach the console.
    pub worker_url: Option<String>,
    /// Folder of database, key file and logs.
    pub data_dir: PathBuf,
    /// `sqlite:…` or `postgres:…`.
    pub database_url: String,
    /// Password of the first admin.
    pub admin_password: Option<Secret>,
    /// Key for stored secrets, instead of the key file.
    pub secret_key: Option<[u8; 32]>,
    /// Name of this installation in the engine's labels, instead of a made one.
    pub instance: Option<String>,
    /// Address of the container engine; unset = the machine's own.
    pub docker_host: Option<String>,
    /// Version of the platform's images.
    pub platform_version: String,
    /// Where short image names live.
    pub default_registry: String,
    /// When nothing else says so.
    pub pull_policy: PullPolicy,
    /// Image of the restricted builder.
    pub builder_image: String,
    /// Image of the privileged builder.
    pub privileged_builder_image: String,
    /// `name:address` pairs for workers and builders.
    pub extra_hosts: Vec<String>,
    /// Images that may be a Dockerfile's frontend, without tags.
    pub allowed_frontends: Vec<String>,
    /// How long a worker may take until it answers.
    pub ready_timeout_s: u64,
    /// How long a build may take.
    pub build_timeout_s: u64,
    /// How long things are stored.
    pub retention: RetentionSettings,
    /// Folder of the web files.
    pub site_root: PathBuf,
    /// The program that is put into containers.
    pub agent: PathBuf,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// How.
    pub log_format: LogFormat,
    /// OpenTelemetry collector for traces.
    pub otlp_endpoint: Option<String>,
    /// Registries that need more than public HTTPS; only in the file.
    pub registries: BTreeMap<String, RegistrySettings>,
    /// Begins with an empty database although there was another one; only a flag.
    pub accept_new_database: bool,
    /// Gives up what was stored with another key; only a flag.
    pub accept_new_key: bool,
}

/// A wrong setting.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value.
    #[error("{key} (from {source_name}): {message}")]
    Value {
        /// The key as in the file.
        key: String,
        /// Flag, variable, file or default.
        source_name: String,
        /// What is wrong.
        message: String,
    },
    /// The file itself.
    #[error("{path}: {message}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// Where the file is looked for when none is named.
const DEFAULT_FILE: &str = "/etc/prt-console.toml";
/// Names the file in flags and environment.
const FILE_KEY: &str = "config";

/// Flags for one start: in a file they would take the check away for good.
const ACCEPT_NEW_DATABASE: &str = "accept-new-database";
const ACCEPT_NEW_KEY: &str = "accept-new-key";

/// The flags, for the program's command.
pub fn args() -> Vec<Arg> {
    let file = Arg::new(FILE_KEY).long(FILE_KEY).value_name("FILE").env("PRT_CONFIG").global(true).help(format!(
        "Configuration file (TOML) with the keys below and [registries.\"host:port\"] tables [default: {DEFAULT_FILE}, if it is there]"
    ));
    let keys = KEYS.iter().map(|key| {
        let default = if key.default.is_empty() {
            String::new()
        } else {
            format!(" [default: {}]", key.default)
        };
        Arg::new(key.name)
            .long(key.flag())
            .value_name(key.value)
            .global(true)
            .hide_short_help(false)
            .help(format!("{}{default} [env: {}]", key.help, key.env()))
    });
    let accept = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .global(true)
            .help(help)
    };
    let once = [
        accept(
            ACCEPT_NEW_DATABASE,
            "For one start: begin with an empty database although data_dir has the key or the logs of an installation",
        ),
        accept(
            ACCEPT_NEW_KEY,
            "For one start: take the present key, or make one, although stored secrets need another; they must be entered again",
        ),
    ];
    std::iter::once(file).chain(keys).chain(once).collect()
}

/// Reads the configuration with the process' environment.
pub fn load(matches: &ArgMatches) -> Result<Config, ConfigError> {
    read::read(matches, |name| std::env::var(name).ok())
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    fn config(file: &str, env: &[(&str, &str)], flags: &[&str]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, file).unwrap();
        let path = path.to_str().unwrap();
        let line = ["prt-console", "--config", path]
            .into_iter()
            .chain(flags.iter().copied());
        let matches = Command::new("prt-console")
            .args(args())
            .try_get_matches_from(line)
            .map_err(|error| error.to_string())?;
        read::read(&matches, |name| {
            env.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
        .map_err(|error| error.to_string().replace(path, "c.toml"))
    }

    #[test]
    fn later_sources_win() {
        let file = "platform_version = \"1.0.0\"\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\nready_timeout_s = 7";
        let read = config(file, &[("PRT_PLATFORM_VERSION", "2.0.0")], &[]).unwrap();
        assert_eq!(
            (read.platform_version.as_str(), read.listen.len(), read.ready_timeout_s),
            ("2.0.0", 2, 7)
        );
        assert!(read.builder_image.ends_with(":2.0.0"), "{}", read.builder_image);
        let read = config(
            file,
            &[("PRT_PLATFORM_VERSION", "2.0.0")],
            &["--platform-version", "3.0.0"],
        )
        .unwrap();
        assert_eq!(read.platform_version, "3.0.0");
        assert_eq!(
            config("", &[("PRT_LISTEN", "127.0.0.1:1, 127.0.0.1:2")], &[])
                .unwrap()
                .listen
                .len(),
            2
        );
    }

    #[test]
    fn a_wrong_value_names_its_key_and_source() {
        for (file, env, flags, words) in [
            (
                "listen = \"nonsense\"",
                vec![],
                vec![],
                vec!["listen", "c.toml", "nonsense"],
            ),
            ("", vec![("PRT_LISTEN", "x")], vec![], vec!["listen", "PRT_LISTEN"]),
            (
                "",
                vec![],
                vec!["--build-timeout-s", "soon"],
                vec!["build_timeout_s", "--build-timeout-s", "soon"],
            ),
            (
                "pull_policy = \"Sometimes\"",
                vec![],
                vec![],
                vec!["pull_policy", "Always"],
            ),
            (
                "lisen = \"127.0.0.1:1\"",
                vec![],
                vec![],
                vec!["lisen", "c.toml", "listen"],
            ),
            (
                "[registries.\"h:5000\"]\nhtpp = true",
                vec![],
                vec![],
                vec!["registries", "htpp"],
            ),
            (
                "database_url = \"mysql://x\"",
                vec![],
                vec![],
                vec!["database_url", "postgres"],
            ),
            ("listen = [", vec![], vec![], vec!["c.toml"]),
            (
                "notebook_host = \"http://h\"",
                vec![],
                vec![],
                vec!["notebook_host", "host name"],
            ),
            (
                "notebook_host = \"10.0.0.1\"",
                vec![],
                vec![],
                vec!["notebook_host", "host name"],
            ),
            (
                "notebook_host = \"example.com\"\npublic_url = \"https://console.example.com\"",
                vec![],
                vec![],
                vec!["notebook_host", "console.example.com", "out of reach"],
            ),
            (
                "notebook_host = \"Console.Example.com:443\"\npublic_url = \"https://console.example.com\"",
                vec![],
                vec![],
                vec!["notebook_host", "out of reach"],
            ),
            ("secret_key = \"short\"", vec![], vec![], vec!["secret_key", "64"]),
            (
                "extra_hosts = \"nowhere\"",
                vec![],
                vec![],
                vec!["extra_hosts", "name:address"],
            ),
            (
                "platform_version = \"not valid!\"",
                vec![],
                vec![],
                vec!["platform_version", "not valid!"],
            ),
            ("platform_version = \"1@2\"", vec![], vec![], vec!["platform_version"]),
            (
                "default_registry = \"UPPER/x\"",
                vec![],
                vec![],
                vec!["default_registry", "UPPER/x"],
            ),
            (
                "default_registry = \"http://x\"",
                vec![],
                vec![],
                vec!["default_registry", "http://x"],
            ),
            (
                "allowed_frontends = \"docker/dockerfile:1\"",
                vec![],
                vec![],
                vec!["allowed_frontends", "docker/dockerfile:1", "tag"],
            ),
            ("builder_image = \"A B\"", vec![], vec![], vec!["builder_image", "A B"]),
            (
                "privileged_builder_image = \"A B\"",
                vec![],
                vec![],
                vec!["privileged_builder_image", "A B"],
            ),
            (
                "[registries.\"http://h/x\"]\nhttp = true",
                vec![],
                vec![],
                vec!["registries", "http://h/x"],
            ),
            (
                "[registries.\"H:5000\"]\nhttp = true",
                vec![],
                vec![],
                vec!["registries", "H:5000"],
            ),
            (
                "build_timeout_s = 99999999999999",
                vec![],
                vec![],
                vec!["build_timeout_s", "99999999999999"],
            ),
            (
                "retention_builds_days = -1",
                vec![],
                vec![],
                vec!["retention_builds_days", "-1", "whole number"],
            ),
            (
                "[retention]\nbuilds_days = \"soon\"",
                vec![],
                vec![],
                vec!["retention_builds_days", "soon"],
            ),
            (
                "[retention]\nbuild_days = 1",
                vec![],
                vec![],
                vec!["retention_build_days", "no such key"],
            ),
            ("retention = 7", vec![], vec![], vec!["retention", "[retention]"]),
            (
                "ready_timeout_s = 99999999999999",
                vec![],
                vec![],
                vec!["ready_timeout_s", "99999999999999"],
            ),
            (
                "",
                vec![],
                vec!["--site-root", "/nope"],
                vec!["site_root", "--site-root", "/nope"],
            ),
            (
                "admin_password = \"pw-canary\"",
                vec![],
                vec![],
                vec!["admin_password", "10 characters"],
            ),
        ] {
            let error = config(file, &env, &flags).expect_err(&format!("{file} {env:?} {flags:?}"));
            for word in words {
                assert!(error.contains(word), "{error:?} does not say {word:?}");
            }
            assert!(!error.contains("pw-canary"), "a password is shown: {error:?}");
        }
    }

    #[test]
    fn notebooks_have_a_host_of_their_own() {
        for (file, host) in [
            ("", "workers.localhost:8080"),
            ("public_url = \"http://localhost:8081\"", "workers.localhost:8081"),
            ("public_url = \"http://[::1]:1\"", "workers.localhost:1"),
            (
                "public_url = \"https://console.example.com\"",
                "workers.console.example.com",
            ),
            (
                "public_url = \"https://example.com\"\nnotebook_host = \"Notebooks.example.com:8443\"",
                "notebooks.example.com:8443",
            ),
            (
                "public_url = \"https://console.com\"\nnotebook_host = \"sole.com\"",
                "sole.com",
            ),
        ] {
            assert_eq!(config(file, &[], &[]).unwrap().notebook_host, host, "{file}");
        }
    }

    #[test]
    fn retention_has_defaults_and_a_table() {
        assert_eq!(config("", &[], &[]).unwrap().retention, RetentionSettings::default());
        let read = config(
            "[retention]\nbuilds_days = 7\nlogs_days = 0\nbuilds_count = 5",
            &[("PRT_RETENTION_AUDIT_DAYS", "1")],
            &["--retention-builds-days", "8"],
        )
        .unwrap();
        assert_eq!(
            read.retention,
            RetentionSettings {
                builds_days: Some(8),
                builds_count: Some(5),
                logs_days: None,
                audit_days: Some(1),
                ..RetentionSettings::default()
            }
        );
    }

    #[test]
    fn registries_come_from_the_file() {
        let read = config(
            "[registries.\"h:5000\"]\nhttp = true\n[registries.\"t:5443\"]\nca_file = \"/ca.crt\"",
            &[],
            &[],
        )
        .unwrap();
        assert!(read.registries["h:5000"].http);
        for host in ["localhost", "docker.io", "127.0.0.1:5000", "registry.my-company.com"] {
            config(&format!("[registries.\"{host}\"]\nhttp = true"), &[], &[]).unwrap();
        }
        assert_eq!(
            read.registries["t:5443"].ca_file.as_deref(),
            Some(std::path::Path::new("/ca.crt"))
        );
    }
}

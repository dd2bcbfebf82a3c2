//! The keys, in the order of `--help` and of the README's table.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As in the file.
    pub name: &'static str,
    /// What a value looks like.
    pub value: &'static str,
    /// Empty = none, or worked out from other settings as `help` says.
    pub default: &'static str,
    /// One sentence.
    pub help: &'static str,
}

impl Key {
    /// `PRT_DATA_DIR`.
    pub fn env(&self) -> String {
        format!("PRT_{}", self.name.to_uppercase())
    }

    /// `data-dir`.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

const fn key(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        value,
        default,
        help,
    }
}

/// All of them.
pub const KEYS: &[Key] = &[
    key(
        "listen",
        "ADDRESSES",
        "127.0.0.1:8080",
        "Addresses to listen on, separated by commas",
    ),
    key(
        "public_url",
        "URL",
        "",
        "Where browsers reach the console; http://<first listen address> if unset",
    ),
    key(
        "notebook_host",
        "HOST",
        "",
        "Below this host, with its port, each worker's notebook has a host name of its own; workers.<host of public_url> if unset, and \
         workers.localhost if that is an address",
    ),
    key(
        "worker_url",
        "URL",
        "",
        "Where workers reach the console; unset = prtcli inside workers has no login",
    ),
    key(
        "data_dir",
        "FOLDER",
        "",
        "Folder of database, key file and logs; /var/lib/prt-console for root, else ~/.local/share/prt-console",
    ),
    key(
        "database_url",
        "URL",
        "",
        "sqlite:FILE or postgres://…; a SQLite file in data_dir if unset",
    ),
    key(
        "admin_password",
        "PASSWORD",
        "",
        "Password of the first admin; generated and printed once if unset. Better in the environment than in flags",
    ),
    key(
        "secret_key",
        "HEX",
        "",
        "Key for stored secrets, 64 hex digits, instead of data_dir/secret.key. Better in the environment than in flags",
    ),
    key(
        "instance",
        "NAME",
        "",
        "Name of this installation in the engine's labels; made at the first start if unset",
    ),
    key(
        "docker_host",
        "URL",
        "",
        "Address of the container engine; the machine's own if unset",
    ),
    key(
        "platform_version",
        "VERSION",
        "25.5.3",
        "Version of the platform's images, taken where an image has no tag",
    ),
    key(
        "default_registry",
        "HOST/PATH",
        "ghcr.io/practicusai",
        "Where short image names live",
    ),
    key(
        "pull_policy",
        "POLICY",
        "IfNotPresent",
        "Always, IfNotPresent or Never, where nothing else says so",
    ),
    key(
        "builder_image",
        "IMAGE",
        "",
        "Restricted builder; <default_registry>/practicus-builder:<platform_version> if unset",
    ),
    key(
        "privileged_builder_image",
        "IMAGE",
        "",
        "Privileged builder; <default_registry>/practicus-builder-privileged:<platform_version> if unset",
    ),
    key(
        "extra_hosts",
        "PAIRS",
        "",
        "name:address pairs for /etc/hosts of workers and builders, separated by commas",
    ),
    key(
        "allowed_frontends",
        "IMAGES",
        "docker/dockerfile",
        "Frontend images that a Dockerfile may name with # syntax=, without tags, separated by commas; an empty value allows only the builder's own",
    ),
    key(
        "ready_timeout_s",
        "SECONDS",
        "120",
        "How long a worker may take from its start until it answers",
    ),
    key("build_timeout_s", "SECONDS", "7200", "How long a build may take"),
    key(
        "retention_builds_days",
        "DAYS",
        "180",
        "Days after its end for which a build and its log are stored, unless it is pinned; 0 = for ever",
    ),
    key(
        "retention_builds_count",
        "NUMBER",
        "10000",
        "Builds that are stored at most, the newest; pinned ones do not count; 0 = no limit",
    ),
    key(
        "retention_logs_days",
        "DAYS",
        "90",
        "Days after the end of a build for which its log is stored, unless it is pinned; 0 = as long as the build",
    ),
    key(
        "retention_workers_days",
        "DAYS",
        "180",
        "Days after its end for which the record of a worker is stored, and as long as a build of it is; 0 = for ever",
    ),
    key(
        "retention_events_days",
        "DAYS",
        "90",
        "Days after the end of a worker for which its events are stored; 0 = as long as the worker",
    ),
    key(
        "retention_audit_days",
        "DAYS",
        "365",
        "Days for which entries of the audit log are stored; 0 = for ever",
    ),
    key(
        "retention_tokens_days",
        "DAYS",
        "30",
        "Days for which an API token is listed after it has expired; 0 = for ever",
    ),
    key(
        "site_root",
        "FOLDER",
        "",
        "Folder of the web files; the one that the build made if unset",
    ),
    key(
        "agent",
        "FILE",
        "",
        "The program that the console puts into containers; prt-agent beside the console's own if unset",
    ),
    key(
        "log",
        "FILTER",
        "info,tower_sessions=warn",
        "What is logged, e.g. info,prt_core=debug",
    ),
    key("log_format", "FORMAT", "text", "text or json"),
    key(
        "otlp_endpoint",
        "URL",
        "",
        "OpenTelemetry collector that gets traces by OTLP over HTTP, e.g. http://127.0.0.1:4318; unset = none",
    ),
];

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::KEYS;

    #[test]
    fn the_reference_is_what_the_code_gives() {
        let mut page = String::from(
            "# Configuration\n\nThe settings of the console, made from the program by `scripts/docs.sh`. Later ones win: defaults, the \
             file (`--config FILE`, `PRT_CONFIG` or `/etc/prt-console.toml`), the environment, flags. A key `data_dir` is `PRT_DATA_DIR` in the \
             environment and `--data-dir` as a flag.\n\n\
             | key in the file | what | default |\n|---|---|---|\n",
        );
        for key in KEYS {
            let default = if key.default.is_empty() {
                String::new()
            } else {
                format!("`{}`", key.default)
            };
            // A bar would end the cell.
            let help = key.help.replace('|', "\\|").replace('<', "\\<");
            _ = writeln!(page, "| `{}` | {help} | {default} |", key.name);
        }
        page.push_str(
            "\nThe keys `retention_…` may also be written without that word in a table `[retention]`.\n\nOnly in the file: `[registries.\"host:port\"]` with `http = true`, `insecure = true` or `ca_file = \"…\"` says how a registry is \
             reached; a listed one may also be at a private address.\n",
        );
        prt_docs::generated::check("configuration", &page);
    }
}

//! Reading and checking.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{ArgMatches, parser::ValueSource};
use prt_core::{
    access::PASSWORD_MIN, buildkit::frontend, images::ImageRef, retention::RetentionSettings,
    settings::RegistrySettings,
};
use prt_types::{Secret, container_images::PullPolicy};
use serde::Deserialize;

use super::{ACCEPT_NEW_DATABASE, ACCEPT_NEW_KEY, Config, ConfigError, DEFAULT_FILE, FILE_KEY, KEYS, LogFormat};

/// The web files' folder beside the program, as `scripts/build.sh` and packages lay it out.
const SITE_BESIDE_PROGRAM: &str = "site";

/// Thirty days: whoever writes more has lost count of the zeros.
const LONGEST_S: u64 = 30 * 24 * 60 * 60;

/// A value with the place it came from.
struct Found {
    key: &'static str,
    text: String,
    source: String,
}

impl Found {
    fn wrong(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            key: self.key.to_owned(),
            source_name: self.source.clone(),
            message: message.into(),
        }
    }

    fn list(&self) -> impl Iterator<Item = &str> {
        self.text.split(',').map(str::trim).filter(|part| !part.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryTable {
    #[serde(default)]
    http: bool,
    #[serde(default)]
    insecure: bool,
    ca_file: Option<PathBuf>,
}

pub(super) fn read(matches: &ArgMatches, env: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    let (file_path, mut file) = file(matches)?;
    let registries = registries(&file_path, file.remove("registries"))?;
    retention_table(&file_path, &mut file)?;
    if let Some(unknown) = file.keys().find(|name| !KEYS.iter().any(|key| key.name == *name)) {
        let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        return Err(ConfigError::Value {
            key: unknown.clone(),
            source_name: file_path.display().to_string(),
            message: format!("there is no such key; the keys are {}, registries", known.join(", ")),
        });
    }
    let find = |name: &str| -> Result<Option<Found>, ConfigError> {
        let key = KEYS
            .iter()
            .find(|key| key.name == name)
            .unwrap_or_else(|| unreachable!("{name} is a key"));
        let found = |text: String, source: String| Found {
            key: key.name,
            text,
            source,
        };
        if matches.value_source(key.name) == Some(ValueSource::CommandLine) {
            let text = matches.get_one::<String>(key.name).cloned().unwrap_or_default();
            return Ok(Some(found(text, format!("--{}", key.flag()))));
        }
        if let Some(text) = env(&key.env()) {
            return Ok(Some(found(text, key.env())));
        }
        if let Some(value) = file.get(key.name) {
            let place = found(String::new(), file_path.display().to_string());
            return Ok(Some(Found {
                text: plain(value).map_err(|message| place.wrong(message))?,
                ..place
            }));
        }
        Ok((!key.default.is_empty()).then(|| found(key.default.to_owned(), "the default".to_owned())))
    };
    let text = |name: &str| Ok::<_, ConfigError>(find(name)?.map(|found| found.text).filter(|text| !text.is_empty()));
    let limit =
        |name: &str| Ok::<_, ConfigError>(parse(find(name)?, |found| whole(&found))?.filter(|value| *value > 0));
    let or_empty = |name: &str| Ok::<_, ConfigError>(text(name)?.unwrap_or_default());

    let listen = parse(find("listen")?, |found| {
        let addresses: Result<Vec<SocketAddr>, _> = found.list().map(str::parse).collect();
        match addresses {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            _ => Err(found.wrong(format!(
                "{:?} is no list of addresses such as 127.0.0.1:8080",
                found.text
            ))),
        }
    })?
    .unwrap_or_default();
    let data_dir = text("data_dir")?.map_or_else(|| default_data_dir(&env), PathBuf::from);
    let platform_version = parse(find("platform_version")?, |found| version(&found))?.unwrap_or_default();
    let default_registry = parse(find("default_registry")?, |found| registry_path(&found))?.unwrap_or_default();
    let own_image = |name: &str| format!("{default_registry}/{name}:{platform_version}");
    let builder = |key: &str, name: &str| {
        let image = parse(find(key)?, |found| image(&found))?;
        Ok::<_, ConfigError>(image.unwrap_or_else(|| own_image(name)))
    };
    let public_url =
        parse(find("public_url")?, |found| http_url(&found))?.unwrap_or_else(|| format!("http://{}", listen[0]));
    Ok(Config {
        notebook_host: parse(find("notebook_host")?, |found| own_host(&found, &public_url))?
            .unwrap_or_else(|| notebook_host(&public_url)),
        public_url,
        worker_url: parse(find("worker_url")?, |found| http_url(&found))?,
        database_url: parse(find("database_url")?, |found| {
            let known = ["sqlite:", "postgres:", "postgresql:"]
                .iter()
                .any(|scheme| found.text.starts_with(scheme));
            if known {
                Ok(found.text)
            } else {
                Err(found.wrong("an address starts with sqlite: or postgres:"))
            }
        })?
        .unwrap_or_else(|| format!("sqlite:{}", data_dir.join("console.db").display())),
        admin_password: parse(find("admin_password")?, |found| admin_password(&found))?,
        secret_key: parse(find("secret_key")?, |found| {
            let bytes = hex::decode(&found.text)
                .ok()
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            bytes.ok_or_else(|| found.wrong("a key is 64 hex digits"))
        })?,
        instance: parse(find("instance")?, |found| instance(&found))?,
        docker_host: text("docker_host")?,
        pull_policy: parse(find("pull_policy")?, |found| match found.text.as_str() {
            "Always" => Ok(PullPolicy::Always),
            "IfNotPresent" => Ok(PullPolicy::IfNotPresent),
            "Never" => Ok(PullPolicy::Never),
            other => Err(found.wrong(format!("{other:?} is none of Always, IfNotPresent, Never"))),
        })?
        .unwrap_or(PullPolicy::IfNotPresent),
        builder_image: builder("builder_image", "practicus-builder")?,
        privileged_builder_image: builder("privileged_builder_image", "practicus-builder-privileged")?,
        extra_hosts: parse(find("extra_hosts")?, |found| extra_hosts(&found))?.unwrap_or_default(),
        allowed_frontends: parse(find("allowed_frontends")?, |found| frontends(&found))?.unwrap_or_default(),
        ready_timeout_s: parse(find("ready_timeout_s")?, |found| seconds(&found))?.unwrap_or_default(),
        build_timeout_s: parse(find("build_timeout_s")?, |found| seconds(&found))?.unwrap_or_default(),
        retention: RetentionSettings {
            builds_days: limit("retention_builds_days")?,
            builds_count: limit("retention_builds_count")?,
            logs_days: limit("retention_logs_days")?,
            workers_days: limit("retention_workers_days")?,
            events_days: limit("retention_events_days")?,
            audit_days: limit("retention_audit_days")?,
            tokens_days: limit("retention_tokens_days")?,
        },
        site_root: parse(find("site_root")?, |found| folder(&found))?.unwrap_or_else(default_site_root),
        agent: text("agent")?.map_or_else(|| beside_program("prt-agent"), PathBuf::from),
        log: or_empty("log")?,
        log_format: parse(find("log_format")?, |found| match found.text.as_str() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(found.wrong(format!("{other:?} is neither text nor json"))),
        })?
        .unwrap_or(LogFormat::Text),
        otlp_endpoint: parse(find("otlp_endpoint")?, |found| http_url(&found))?,
        listen,
        data_dir,
        platform_version,
        default_registry,
        registries,
        accept_new_database: matches.get_flag(ACCEPT_NEW_DATABASE),
        accept_new_key: matches.get_flag(ACCEPT_NEW_KEY),
    })
}

/// `[retention] builds_days` is `retention_builds_days`.
fn retention_table(file_path: &Path, file: &mut toml::Table) -> Result<(), ConfigError> {
    let Some(value) = file.remove("retention") else {
        return Ok(());
    };
    let toml::Value::Table(table) = value else {
        return Err(ConfigError::Value {
            key: "retention".into(),
            source_name: file_path.display().to_string(),
            message: "write a table [retention]".into(),
        });
    };
    file.extend(
        table
            .into_iter()
            .map(|(name, value)| (format!("retention_{name}"), value)),
    );
    Ok(())
}

/// A whole number, from 0 to a million.
fn whole(found: &Found) -> Result<i64, ConfigError> {
    const MOST: i64 = 1_000_000;
    match found.text.parse() {
        Ok(value) if (0..=MOST).contains(&value) => Ok(value),
        _ => Err(found.wrong(format!("{:?} is no whole number from 0 to {MOST}", found.text))),
    }
}

fn parse<T>(
    found: Option<Found>,
    read: impl FnOnce(Found) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    found.filter(|found| !found.text.is_empty()).map(read).transpose()
}

fn file(matches: &ArgMatches) -> Result<(PathBuf, toml::Table), ConfigError> {
    let named = matches.get_one::<String>(FILE_KEY);
    let path = PathBuf::from(named.map_or(DEFAULT_FILE, String::as_str));
    if named.is_none() && !path.exists() {
        return Ok((path, toml::Table::new()));
    }
    let wrong = |message: String| ConfigError::File {
        path: path.clone(),
        message,
    };
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong(error.to_string().trim_end().to_owned()))?;
    Ok((path, table))
}

/// A value of the file as the other sources would give it.
fn plain(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Array(items) => {
            let items: Result<Vec<String>, String> = items.iter().map(plain).collect();
            Ok(items?.join(","))
        }
        other => Err(format!("a {} is not expected here", other.type_str())),
    }
}

fn registries(file: &Path, value: Option<toml::Value>) -> Result<BTreeMap<String, RegistrySettings>, ConfigError> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let wrong = |key: &str, message: String| ConfigError::Value {
        key: key.to_owned(),
        source_name: file.display().to_string(),
        message,
    };
    let toml::Value::Table(tables) = value else {
        return Err(wrong("registries", "write [registries.\"host:port\"] tables".into()));
    };
    tables
        .into_iter()
        .map(|(host, table)| {
            let key = format!("registries.{host:?}");
            let table: RegistryTable = table
                .try_into()
                .map_err(|error: toml::de::Error| wrong(&key, error.message().to_owned()))?;
            // As images name it: with a scheme, a path or capital letters no image would ever match.
            let named = ImageRef::resolve(&format!("{host}/image"), "", "tag");
            if host.chars().any(char::is_uppercase) || !named.is_ok_and(|image| image.registry == host) {
                return Err(wrong(
                    &key,
                    format!("{host:?} is no registry; write its host name, with :port if it has one, and nothing else"),
                ));
            }
            if table.http && table.ca_file.is_some() {
                return Err(wrong(&key, "http = true needs no ca_file".into()));
            }
            Ok((
                host,
                RegistrySettings {
                    http: table.http,
                    insecure: table.insecure,
                    ca_file: table.ca_file,
                },
            ))
        })
        .collect()
}

fn http_url(found: &Found) -> Result<String, ConfigError> {
    match url::Url::parse(&found.text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(found.text.trim_end_matches('/').to_owned())
        }
        _ => Err(found.wrong(format!("{:?} is no http or https address", found.text))),
    }
}

/// `host` or `host:port`, as a browser writes it in an address. All below it is notebooks, so the console must not be there.
fn own_host(found: &Found, public_url: &str) -> Result<String, ConfigError> {
    let text = found.text.to_ascii_lowercase();
    let url = url::Url::parse(&format!("http://{text}/")).ok();
    let plain = !text.contains(['/', '@', '?', '#', '*']);
    let host = url.as_ref().and_then(url::Url::host);
    let Some(url::Host::Domain(host)) = host.filter(|_| plain) else {
        return Err(found.wrong(format!("{:?} is no host name, with or without a port", found.text)));
    };
    let console = url::Url::parse(public_url).ok();
    let console = console.as_ref().and_then(url::Url::host_str).unwrap_or_default();
    if console
        .strip_suffix(host)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    {
        return Err(found.wrong(format!(
            "{host:?} has the console itself ({console}) at or below it, which would be out of reach; take a name beside or below it"
        )));
    }
    Ok(text)
}

/// A host name below the console's own. An IP address has none, but every machine has those below `localhost`.
fn notebook_host(public_url: &str) -> String {
    let url = url::Url::parse(public_url).ok();
    let host = match url.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(host)) => host.to_owned(),
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) | None => "localhost".to_owned(),
    };
    let port = url
        .and_then(|url| url.port())
        .map_or_else(String::new, |port| format!(":{port}"));
    format!("workers.{host}{port}")
}

fn seconds(found: &Found) -> Result<u64, ConfigError> {
    match found.text.parse() {
        Ok(seconds) if (1..=LONGEST_S).contains(&seconds) => Ok(seconds),
        _ => Err(found.wrong(format!(
            "{:?} is no whole number of seconds from 1 to {LONGEST_S}",
            found.text
        ))),
    }
}

fn version(found: &Found) -> Result<String, ConfigError> {
    let named = ImageRef::resolve("host.example/image", "", &found.text);
    // `resolve` takes the default tag as it is; whether it is one shows when it is written out.
    match named.and_then(|image| ImageRef::resolve(&image.to_string(), "", "")) {
        Ok(image) if image.tag.as_deref() == Some(&found.text) => Ok(found.text.clone()),
        _ => Err(found.wrong(format!(
            "{:?} cannot be the tag of an image, such as 25.5.3",
            found.text
        ))),
    }
}

fn registry_path(found: &Found) -> Result<String, ConfigError> {
    let path = found.text.trim_end_matches('/');
    match ImageRef::resolve(&format!("{path}/image"), "", "tag") {
        // Engines take a host in capitals for another one than its own spelling in rules and logins.
        Ok(_) if !path.chars().any(char::is_uppercase) => Ok(path.to_owned()),
        _ => Err(found.wrong(format!(
            "{:?} is no host or host/path in lower case without a scheme, such as ghcr.io/practicusai",
            found.text
        ))),
    }
}

fn image(found: &Found) -> Result<String, ConfigError> {
    match ImageRef::resolve(&found.text, "docker.io/library", "latest") {
        Ok(_) => Ok(found.text.clone()),
        Err(error) => Err(found.wrong(error.to_string())),
    }
}

/// The words leave the password out: they go to a terminal or a log.
fn admin_password(found: &Found) -> Result<Secret, ConfigError> {
    if found.text.chars().count() < PASSWORD_MIN {
        return Err(found.wrong(format!("a password has at least {PASSWORD_MIN} characters")));
    }
    Ok(Secret::new(found.text.clone()))
}

fn folder(found: &Found) -> Result<PathBuf, ConfigError> {
    let path = PathBuf::from(&found.text);
    if path.is_dir() {
        Ok(path)
    } else {
        Err(found.wrong(format!("{:?} is no folder that can be read", found.text)))
    }
}

/// As Docker names networks and labels; the adapter makes names of it.
fn instance(found: &Found) -> Result<String, ConfigError> {
    let right = found.text.len() <= 40
        && found
            .text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if right {
        Ok(found.text.clone())
    } else {
        Err(found.wrong("a name has up to 40 lower-case letters, digits and '-'"))
    }
}

fn extra_hosts(found: &Found) -> Result<Vec<String>, ConfigError> {
    found
        .list()
        .map(|pair| {
            let right = pair.split_once(':').is_some_and(|(name, address)| {
                !name.is_empty() && (address == "host-gateway" || address.parse::<IpAddr>().is_ok())
            });
            if right {
                Ok(pair.to_owned())
            } else {
                Err(found.wrong(format!("{pair:?} is no name:address pair")))
            }
        })
        .collect()
}

fn frontends(found: &Found) -> Result<Vec<String>, ConfigError> {
    found
        .list()
        .map(|image| frontend::setting(image).map_err(|message| found.wrong(message)))
        .collect()
}

fn default_data_dir(env: &impl Fn(&str) -> Option<String>) -> PathBuf {
    match env("HOME") {
        Some(home) if home != "/root" => Path::new(&home).join(".local/share/prt-console"),
        _ => PathBuf::from("/var/lib/prt-console"),
    }
}

fn default_site_root() -> PathBuf {
    beside_program(SITE_BESIDE_PROGRAM)
}

fn beside_program(name: &str) -> PathBuf {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.join(name)));
    beside.unwrap_or_else(|| PathBuf::from(name))
}

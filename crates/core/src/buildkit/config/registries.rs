//! The registries of a configuration, where the seed's words and BuildKit's differ.

use std::net::Ipv4Addr;

use prt_types::build_config::{Finding, Severity};
use toml_edit::{Item, TableLike};

use super::{
    lint::{FileKind, Look, NamedFile, NamedHost, join, start, tables, texts},
    schema::REGISTRY,
    translate::Edit,
};
use crate::registry::login::is_host;

/// Docker Hub is looked up under this name.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_ALIASES: [&str; 2] = ["registry-1.docker.io", "index.docker.io"];

/// The name under which BuildKit looks a registry up.
pub fn docker_hub(host: &str) -> &str {
    if DOCKER_HUB_ALIASES.contains(&host) {
        DOCKER_HUB
    } else {
        host
    }
}

/// A registry's host as it is meant, or what is wrong with it.
pub fn registry_host(text: &str) -> Result<String, String> {
    let host = text.trim().to_ascii_lowercase();
    if let Some((scheme, rest)) = host.split_once("://") {
        return Err(format!(
            "{text:?} is an address: write the host alone, {rest:?}, without {scheme}://."
        ));
    }
    if let Some((name, _)) = host.split_once('/') {
        return Err(format!("{text:?} has a path: write the host alone, {name:?}."));
    }
    if is_host(&host) {
        Ok(host)
    } else {
        Err(format!("{text:?} is no host name; write host or host:port."))
    }
}

pub(super) fn look(look: &mut Look<'_>, registries: &dyn TableLike) {
    let hosts: Vec<&str> = registries.iter().map(|(host, _)| host).collect();
    for (host, item) in registries.iter() {
        let at = registries.get_key_value(host).and_then(|(key, item)| start(key, item));
        let path = join("registry", host);
        let Some(table) = item.as_table_like() else {
            look.wrong(at, &path, "a table", item);
            continue;
        };
        if let Some(inner) = unquoted(table) {
            let whole = format!("{host}.{inner}");
            look.add(
                Severity::Error,
                at,
                &path,
                format!("A host name with dots is written in quotation marks: [registry.{whole:?}]."),
            );
            continue;
        }
        match registry_host(host) {
            // With mirrors BuildKit need not reach the registry itself.
            Ok(_) if table.contains_key("mirrors") => {}
            Ok(asked) => asks(look, &asked, at, &path),
            Err(why) => look.add(Severity::Error, at, &path, why),
        }
        if docker_hub(host) != host {
            if hosts.contains(&DOCKER_HUB) || look.edits.contains(&Edit::renamed(host)) {
                look.add(
                    Severity::Error,
                    at,
                    &path,
                    format!("{host} and {DOCKER_HUB} are the same registry: write it once, as {DOCKER_HUB}."),
                );
            } else if look.edits.iter().any(|edit| matches!(edit, Edit::Rename { .. })) {
                look.add(
                    Severity::Error,
                    at,
                    &path,
                    format!("Docker Hub is there twice: write it once, as {DOCKER_HUB}."),
                );
            } else {
                look.add(
                    Severity::Notice,
                    at,
                    &path,
                    format!("BuildKit looks Docker Hub up as {DOCKER_HUB}: {host} is taken as that."),
                );
                look.edits.push(Edit::renamed(host));
            }
        }
        registry(look, host, table, &path, registries);
    }
}

/// `[registry.my-company.com]` is a table in a table: the inner name, if that is what happened.
fn unquoted(table: &dyn TableLike) -> Option<String> {
    let (name, item) = table.iter().next()?;
    let inner = item.as_table_like()?;
    if REGISTRY.contains(&name) {
        return None;
    }
    Some(match unquoted(inner) {
        Some(rest) => format!("{name}.{rest}"),
        None => name.to_owned(),
    })
}

fn registry(look: &mut Look<'_>, host: &str, table: &dyn TableLike, path: &str, registries: &dyn TableLike) {
    let (mut http, mut insecure) = (None, None);
    for (name, item) in table.iter() {
        let key = table.get_key_value(name).and_then(|(key, item)| start(key, item));
        let at = item.span().map(|span| span.start).or(key);
        let path = join(path, name);
        match name.to_ascii_lowercase().as_str() {
            "http" => {
                look.must(item.is_bool(), at, &path, "true or false", item);
                http = item.as_bool();
            }
            "insecure" => {
                look.must(item.is_bool(), at, &path, "true or false", item);
                insecure = item.as_bool().map(|value| (value, key));
            }
            "mirrors" => mirrors(look, item, at, &path, registries),
            "ca" => files(look, host, item, at, &path, FileKind::File),
            "tlsconfigdir" => files(look, host, item, at, &path, FileKind::Folder),
            "keypair" => keypairs(look, host, item, at, &path),
            "client" => client(look, host, item, key, &path, table),
            _ => look.unknown(key, &path, name, REGISTRY),
        }
    }
    if let (Some((true, at)), None | Some(false)) = (insecure, http) {
        look.add(
            Severity::Notice,
            at,
            &join(path, "insecure"),
            format!("insecure = true alone is TLS without verification. If {host} speaks plain HTTP, add http = true."),
        );
    }
}

fn mirrors(look: &mut Look<'_>, item: &Item, at: Option<usize>, path: &str, registries: &dyn TableLike) {
    let Some(mirrors) = texts(item) else {
        look.wrong(at, path, "an array of texts", item);
        return;
    };
    for (mirror, at) in mirrors {
        let (scheme, rest) = match mirror.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, mirror),
        };
        let host = rest.split('/').next().unwrap_or_default();
        if !is_host(&host.to_ascii_lowercase()) {
            look.add(
                Severity::Error,
                at,
                path,
                format!("{mirror:?} is no mirror; write host, host:port or host/path."),
            );
            continue;
        }
        asks(look, host, at, path);
        match scheme {
            None | Some("https") => {}
            Some("http") => {
                let known = registries.get(host).and_then(Item::as_table_like);
                if known.is_some_and(|table| table.contains_key("http") || table.contains_key("insecure")) {
                    continue;
                }
                look.add(
                    Severity::Notice,
                    at,
                    path,
                    format!("BuildKit ignores the http:// of a mirror: [registry.{host:?}] http = true is added."),
                );
                look.edits.push(Edit::PlainHttp { host: host.to_owned() });
            }
            Some(other) => look.add(
                Severity::Error,
                at,
                path,
                format!("{mirror:?}: a mirror is reached by https or http, not by {other}."),
            ),
        }
    }
}

fn asks(look: &mut Look<'_>, host: &str, at: Option<usize>, path: &str) {
    let place = look.place(Severity::Warning, at, path, String::new());
    look.hosts.extend(NamedHost::of(host, place));
}

impl NamedHost {
    /// What has to be known to reach a registry, if it is a name at all.
    pub fn of(registry: &str, place: Finding) -> Option<Self> {
        let name = match docker_hub(registry) {
            DOCKER_HUB => DOCKER_HUB_ALIASES[0],
            host => host.split_once(':').map_or(host, |(name, _)| name),
        };
        // An address; one of IPv6 begins with a bracket.
        let name = (!name.starts_with('[') && name.parse::<Ipv4Addr>().is_err()).then(|| name.to_owned())?;
        Some(Self { name, place })
    }
}

fn files(look: &mut Look<'_>, host: &str, item: &Item, at: Option<usize>, path: &str, kind: FileKind) {
    if let Some(files) = texts(item) {
        for (file, at) in files {
            named(look, host, file, at, path, kind);
        }
    } else {
        let expected = format!("an array of texts, as in [{:?}]", kind.example());
        look.wrong(at, path, &expected, item);
    }
}

fn named(look: &mut Look<'_>, host: &str, file: &str, at: Option<usize>, path: &str, kind: FileKind) {
    if !file.starts_with('/') || file.contains('\0') || file.contains('\n') {
        look.add(
            Severity::Error,
            at,
            path,
            format!("{file:?} is no path from the root, such as {:?}.", kind.example()),
        );
        return;
    }
    let place = look.place(Severity::Warning, at, path, String::new());
    look.files.push(NamedFile {
        file: file.to_owned(),
        kind,
        place,
        host: host.to_owned(),
    });
}

fn keypairs(look: &mut Look<'_>, host: &str, item: &Item, at: Option<usize>, path: &str) {
    let Some(pairs) = tables(item) else {
        look.wrong(at, path, "an array of tables with key and cert", item);
        return;
    };
    for pair in pairs {
        for (name, item) in pair.iter() {
            let key = pair.get_key_value(name).and_then(|(key, item)| start(key, item));
            let path = join(path, name);
            match (name.to_ascii_lowercase().as_str(), item.as_str()) {
                ("key" | "cert", Some(file)) => named(
                    look,
                    host,
                    file,
                    item.span().map(|span| span.start),
                    &path,
                    FileKind::File,
                ),
                ("key" | "cert", None) => look.wrong(key, &path, "a text", item),
                _ => look.unknown(key, &path, name, &["key", "cert"]),
            }
        }
        for needed in ["cert", "key"] {
            if !pair.contains_key(needed) {
                look.add(
                    Severity::Error,
                    at,
                    path,
                    format!("{path} has no {needed}: a pair has both."),
                );
            }
        }
    }
}

fn client(look: &mut Look<'_>, host: &str, item: &Item, key: Option<usize>, path: &str, table: &dyn TableLike) {
    let pair = texts(item).unwrap_or_default();
    let &[(cert, cert_at), (private, private_at)] = pair.as_slice() else {
        look.wrong(key, path, "an array of two texts, the certificate and its key", item);
        return;
    };
    if table.contains_key("keypair") {
        look.add(
            Severity::Error,
            key,
            path,
            format!("{host} has client and keypair: write the pair once, as keypair."),
        );
        return;
    }
    named(look, host, cert, cert_at, path, FileKind::File);
    named(look, host, private, private_at, path, FileKind::File);
    look.add(
        Severity::Notice,
        key,
        path,
        format!("BuildKit has no key client: it is taken as [[registry.{host:?}.keypair]] with cert and key."),
    );
    look.edits.push(Edit::Keypair {
        host: host.to_owned(),
        cert: cert.to_owned(),
        key: private.to_owned(),
    });
}

//! What can be said about the parts of a login without asking the registry.

use prt_types::Secret;

/// Longer ones would make trouble for whoever has to hold them, and nobody's password is as long.
pub(crate) const LONGEST_PASSWORD: usize = 8192;
const LONGEST_USERNAME: usize = 256;

/// A registry's user name; the colon ends it on the wire.
pub(crate) fn check_username(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("The user name is missing.".into());
    }
    if name.contains(':') || name.chars().any(char::is_control) || name.len() > LONGEST_USERNAME {
        return Err(format!(
            "A user name has no colon and no line break, and at most {LONGEST_USERNAME} bytes."
        ));
    }
    Ok(())
}

/// A registry's password or token.
pub(crate) fn check_password(password: &Secret) -> Result<(), String> {
    let password = password.expose();
    if password.is_empty() {
        return Err("The password is missing.".into());
    }
    if password.chars().any(char::is_control) {
        return Err("The password contains a line break or another control character.".into());
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(format!("The password is longer than {LONGEST_PASSWORD} bytes."));
    }
    Ok(())
}

/// `host` or `host:port`, `[v6]:port` included, in lower case.
pub(crate) fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port_fits = port.is_none_or(|port| !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0));
    let name_fits = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.len() <= 253 && name.split('.').all(label),
    };
    port_fits && name_fits
}

fn label(label: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

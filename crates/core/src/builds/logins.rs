//! The logins of a request: checked, and how kept ones are named.

use std::collections::BTreeSet;

use prt_types::{
    Secret,
    builds::{CredentialUse, RegistryCredential},
};

use crate::{
    error::Fields,
    registry::{
        login::{LONGEST_PASSWORD, is_host},
        scope::place,
    },
};

const FIELD: &str = "registry_credentials";
const LONGEST_PATH: usize = 200;

/// Where a login is for, in words.
pub(super) fn purpose(host: &str, only: Option<CredentialUse>) -> String {
    match only {
        None => host.to_owned(),
        Some(CredentialUse::Pull) => format!("pulls from {host}"),
        Some(CredentialUse::Push) => format!("the push to {host}"),
    }
}

/// The checked logins. All that is wrong is told at once.
pub(super) fn check(credentials: Vec<RegistryCredential>, wrong: &mut Fields) -> Vec<RegistryCredential> {
    let mut purposes = BTreeSet::new();
    let mut checked = vec![];
    for login in credentials {
        let host = match normal(&login.host) {
            Ok(host) => host,
            Err(message) => {
                wrong.add(FIELD, message);
                continue;
            }
        };
        if !purposes.insert((host.clone(), login.only.map(CredentialUse::name))) {
            let message = match login.only {
                None => format!(
                    "There are two logins for {host}. Say what each is for, pull or push, or name the repositories, e.g. {}/team-a.",
                    place(&host).0
                ),
                Some(_) => format!(
                    "There are two logins for {}; one is enough.",
                    purpose(&host, login.only)
                ),
            };
            wrong.add(FIELD, message);
        }
        let bad_name =
            login.username.is_empty() || login.username.contains(':') || login.username.chars().any(char::is_control);
        if bad_name || login.username.len() > 256 {
            wrong.add(
                FIELD,
                format!("The login for {host} needs a user name, without colon and line breaks."),
            );
        }
        check_password(&host, &login.password, wrong);
        checked.push(RegistryCredential { host, ..login });
    }
    checked
}

fn check_password(host: &str, password: &Secret, wrong: &mut Fields) {
    let password = password.expose();
    if password.is_empty() {
        wrong.add(FIELD, format!("The login for {host} needs a password or token."));
    } else if password.chars().any(char::is_control) {
        wrong.add(
            FIELD,
            format!("The password for {host} contains a line break or another control character."),
        );
    } else if password.len() > LONGEST_PASSWORD {
        wrong.add(
            FIELD,
            format!("The password for {host} is longer than {LONGEST_PASSWORD} bytes."),
        );
    }
}

/// A registry with or without a path, in lower case; or why it is none.
pub(super) fn normal(host: &str) -> Result<String, String> {
    let lower = host.to_ascii_lowercase();
    let (name, path) = match lower.split_once('/') {
        Some((name, path)) => (name, Some(path)),
        None => (lower.as_str(), None),
    };
    let refuse = || {
        Err(format!(
            "{host:?} is no registry; write its host name, with :port if it has one, and behind it /path if the login is for those \
             repositories only."
        ))
    };
    if !is_host(name) {
        return refuse();
    }
    match path {
        None => Ok(lower),
        Some(path) if is_path(path) => Ok(lower),
        Some(_) => refuse(),
    }
}

/// Components of a repository's name.
pub(super) fn is_path(path: &str) -> bool {
    let component = |part: &str| {
        let sign = |c: char| matches!(c, '.' | '_' | '-');
        part.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || sign(c))
            && part.starts_with(|c| !sign(c))
            && part.ends_with(|c| !sign(c))
    };
    path.len() <= LONGEST_PATH && path.split('/').all(component)
}

/// Name, path and use of a kept credential as requests write it: `corp-robot`, `corp-robot/team-a`, `corp-robot:push`.
pub(super) fn kept(written: &str) -> Result<(&str, &str, Option<CredentialUse>), String> {
    let written = written.trim();
    let (rest, only) = match written.split_once(':') {
        None => (written, None),
        Some((rest, word)) => match CredentialUse::from_name(word) {
            Some(only) => (rest, Some(only)),
            None => return Err(format!("{written:?}: after the colon stands pull or push.")),
        },
    };
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    if rest.contains('/') && !is_path(path) {
        return Err(format!(
            "{written:?}: after the slash stands the path of repositories, e.g. {name}/team-a."
        ));
    }
    Ok((name, path, only))
}

/// The same the other way round.
pub(super) fn written(name: &str, host: &str, only: Option<CredentialUse>) -> String {
    let path = place(host).1;
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("/{path}")
    };
    let only = only.map_or(String::new(), |only| format!(":{}", only.name()));
    format!("{name}{path}{only}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PULL: CredentialUse = CredentialUse::Pull;
    const PUSH: CredentialUse = CredentialUse::Push;

    #[test]
    fn places_are_hosts_with_or_without_paths() {
        for (host, wanted) in [
            ("R.io", "r.io"),
            ("r.io:5000/Team-a", "r.io:5000/team-a"),
            ("[::1]:5000/a/b.c", "[::1]:5000/a/b.c"),
        ] {
            assert_eq!(normal(host).as_deref(), Ok(wanted));
        }
        for host in [
            "",
            "https://r.io",
            "r.io/",
            "/a",
            "r.io//a",
            "r.io/a/",
            "r.io/a b",
            "r.io/../a",
            "r.io/a:1",
            "r.io/a@b",
            "r.io/*",
            "r.io/a\n",
        ] {
            assert!(normal(host).is_err(), "{host:?}");
        }
    }

    #[test]
    fn a_kept_one_is_named_with_what_it_is_for() {
        for (text, wanted) in [
            ("corp", ("corp", "", None)),
            (" corp:push ", ("corp", "", Some(PUSH))),
            ("corp/team-a/x", ("corp", "team-a/x", None)),
            ("corp/team-a:pull", ("corp", "team-a", Some(PULL))),
        ] {
            assert_eq!(kept(text), Ok(wanted));
            let (name, path, only) = wanted;
            let host = format!("r.io/{path}");
            assert_eq!(written(name, host.trim_end_matches('/'), only), text.trim());
        }
        for text in ["corp:", "corp:both", "corp/", "corp/A", "corp//x", "corp/a:pull:push"] {
            assert!(kept(text).is_err(), "{text}");
        }
    }
}

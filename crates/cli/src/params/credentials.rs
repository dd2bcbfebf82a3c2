//! `--registry-credential host,user[,pull|,push][,@file]`: a login whose password is never an argument, because others can list those.

use std::io::{self, BufRead as _, IsTerminal as _};

use prt_types::{
    Secret,
    builds::{CredentialUse, RegistryCredential},
};

use crate::error::{CliError, Result};

const SHAPE: &str = "--registry-credential: HOST[/PATH],USER is expected, with ,pull or ,push and ,@FILE behind it where they are needed";

/// A login without its password.
#[derive(Debug, PartialEq, Eq)]
struct Login<'a> {
    host: &'a str,
    username: &'a str,
    only: Option<CredentialUse>,
    source: Source<'a>,
}

/// Where a password comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source<'a> {
    File(&'a str),
    /// The environment, standard input or a prompt.
    Elsewhere,
}

/// Reads the logins with their passwords.
pub fn read(values: &[String]) -> Result<Vec<RegistryCredential>> {
    let parsed = values.iter().map(|value| split(value)).collect::<Result<Vec<_>>>()?;
    if parsed.iter().filter(|login| login.source == Source::Elsewhere).count() > 1 {
        return Err(CliError::usage_hint(
            "--registry-credential: only one password can come from standard input or PRT_REGISTRY_PASSWORD",
            "give the others as HOST,USER,@FILE",
        ));
    }
    let mut credentials = Vec::with_capacity(parsed.len());
    for Login {
        host,
        username,
        only,
        source,
    } in parsed
    {
        let password = match source {
            Source::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| CliError::Io {
                    what: format!("cannot read the password file {path}"),
                    source,
                })?;
                Secret::new(text.trim_end_matches(['\r', '\n']))
            }
            Source::Elsewhere => password_of(username, host)?,
        };
        credentials.push(RegistryCredential {
            host: host.into(),
            username: username.into(),
            password,
            only,
        });
    }
    Ok(credentials)
}

/// The password of a login from the environment, standard input or a prompt.
pub fn password_of(username: &str, host: &str) -> Result<Secret> {
    match std::env::var("PRT_REGISTRY_PASSWORD") {
        Ok(password) if !password.is_empty() => Ok(password.into()),
        _ => password(&format!("Password of {username} at {host}: ")),
    }
}

fn split(value: &str) -> Result<Login<'_>> {
    let mut parts = value.splitn(3, ',');
    let (host, username) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if host.is_empty() || username.is_empty() {
        return Err(CliError::usage(SHAPE));
    }
    let rest = parts.next();
    let (only, file) = match rest.map(|rest| {
        rest.split_once(',')
            .map_or((rest, None), |(word, more)| (word, Some(more)))
    }) {
        Some((word, more)) if CredentialUse::from_name(word).is_some() => (CredentialUse::from_name(word), more),
        _ => (None, rest),
    };
    let source = match file {
        None => Source::Elsewhere,
        Some(file) => match file.strip_prefix('@') {
            Some(path) if !path.is_empty() => Source::File(path),
            _ => {
                return Err(CliError::usage_hint(
                    SHAPE,
                    "a password is no argument, because others can see it: use @FILE, standard input or PRT_REGISTRY_PASSWORD",
                ));
            }
        },
    };
    Ok(Login {
        host,
        username,
        only,
        source,
    })
}

/// A password from a prompt without echo, or the first line of a standard input that is no terminal.
pub fn password(prompt: &str) -> Result<Secret> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt)
            .map(Secret::new)
            .map_err(|source| CliError::Io {
                what: "cannot ask for the password".into(),
                source,
            });
    }
    password_from_stdin()
}

/// The first line of standard input.
pub fn password_from_stdin() -> Result<Secret> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|source| CliError::Io {
        what: "cannot read the password from standard input".into(),
        source,
    })?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(CliError::usage("the password is missing: standard input is empty"));
    }
    Ok(password.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_no_argument() {
        let login = |host, username, only, source| Login {
            host,
            username,
            only,
            source,
        };
        for (text, wanted) in [
            ("h:5000,robot$x", login("h:5000", "robot$x", None, Source::Elsewhere)),
            ("h,u,@/run/pw,x", login("h", "u", None, Source::File("/run/pw,x"))),
            (
                "h/team-a,u,push",
                login("h/team-a", "u", Some(CredentialUse::Push), Source::Elsewhere),
            ),
            (
                "h,u,pull,@p,x",
                login("h", "u", Some(CredentialUse::Pull), Source::File("p,x")),
            ),
        ] {
            assert_eq!(split(text).unwrap(), wanted);
        }
        for wrong in [
            "h",
            "h,",
            ",u",
            "",
            "h,u,canary",
            "h,u,@",
            "h,u,pull,canary",
            "h,u,push,",
            "h,u,pulls",
        ] {
            let error = split(wrong).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
            assert!(!error.text().contains("canary"));
        }
    }

    #[test]
    fn a_password_file_may_end_in_a_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " pass word \r\n").unwrap();
        let credentials = read(&[format!("h,u,@{}", file.path().display())]).unwrap();
        assert_eq!(credentials[0].password.expose(), " pass word ");
        assert_eq!(read(&["h,u".into(), "i,u".into()]).unwrap_err().exit_code(), 2);
    }
}

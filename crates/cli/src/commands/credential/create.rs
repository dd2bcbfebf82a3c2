//! `credential create NAME --registry HOST --username USER`.

use std::path::{Path, PathBuf};

use prt_types::{
    Secret,
    registry_credentials::{CredentialScope, RegistryCredentialInput},
};
use time::{Date, macros::format_description};

use super::{owner::Owner, text};
use crate::{
    error::{CliError, Result},
    params::credentials,
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is picked by, e.g. corp-robot
    name: String,
    /// The registry: HOST or HOST:PORT
    #[arg(long, short, value_name = "HOST")]
    registry: String,
    /// User or robot name
    #[arg(long, short, value_name = "USER")]
    username: String,
    /// File with the password; default: PRT_REGISTRY_PASSWORD, else standard input or a prompt
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    owner: Owner,
    /// The last day on which it may be used, in UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = last_moment)]
    expires: Option<i64>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let password = match &args.password_file {
        Some(path) => password_of_file(path)?,
        None => credentials::password_of(&args.username, &args.registry)?,
    };
    let (scope, owner) = args.owner.named().unwrap_or((CredentialScope::User, String::new()));
    let input = RegistryCredentialInput {
        name: args.name,
        host: args.registry,
        username: args.username,
        password: Some(password),
        scope,
        owner,
        expires_ms: args.expires,
        revision: None,
    };
    let kept = session.client.registry_credential_create(&input).await?;
    session.out.show(&kept, text)
}

/// All of a file but the line end at its end.
pub fn password_of_file(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Io {
        what: format!("cannot read the password file {}", path.display()),
        source,
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

/// The end of a day, in milliseconds since 1970.
pub fn last_moment(text: &str) -> std::result::Result<i64, String> {
    const DAY_MS: i64 = 86_400_000;
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map_err(|_| "a date such as 2027-01-31 is expected".to_owned())?;
    Ok(day.midnight().assume_utc().unix_timestamp() * 1000 + DAY_MS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_last_moment() {
        assert_eq!(last_moment("1970-01-01"), Ok(86_399_999));
        assert!(last_moment("2027-02-30").is_err());
        assert!(last_moment("tomorrow").is_err());
    }
}

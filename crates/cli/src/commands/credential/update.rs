//! `credential update NAME …`.

use std::path::PathBuf;

use prt_types::registry_credentials::RegistryCredentialInput;

use super::{
    create::{last_moment, password_of_file},
    find,
    owner::Owner,
    text,
};
use crate::{error::Result, params::credentials, session::Session};

/// Its end, in milliseconds since 1970; none = never.
#[derive(Clone, Copy, Debug)]
struct End(Option<i64>);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The credential
    name: String,
    /// Give it another name
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// The registry: HOST or HOST:PORT; another one needs the password again
    #[arg(long, short, value_name = "HOST")]
    registry: Option<String>,
    /// User or robot name
    #[arg(long, short, value_name = "USER")]
    username: Option<String>,
    /// A new password, read from standard input or a prompt
    #[arg(long, conflicts_with = "password_file")]
    password_stdin: bool,
    /// File with a new password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    owner: Owner,
    /// The last day on which it may be used, in UTC; --expires= for no end
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end)]
    expires: Option<End>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let before = find(session, &args.name).await?;
    let host = args.registry.unwrap_or(before.host);
    let username = args.username.unwrap_or(before.username);
    let password = match &args.password_file {
        Some(path) => Some(password_of_file(path)?),
        None if args.password_stdin => Some(credentials::password(&format!(
            "New password of {username} at {host}: "
        ))?),
        None => None,
    };
    let (scope, owner) = args.owner.named().unwrap_or((before.scope, before.owner));
    let input = RegistryCredentialInput {
        name: args.rename.unwrap_or(before.name),
        host,
        username,
        password,
        scope,
        owner,
        expires_ms: args.expires.map_or(before.expires_ms, |end| end.0),
        revision: Some(before.revision),
    };
    let kept = session.client.registry_credential_update(before.id, &input).await?;
    session.out.show(&kept, text)
}

fn end(text: &str) -> std::result::Result<End, String> {
    if text.is_empty() {
        return Ok(End(None));
    }
    last_moment(text).map(|ms| End(Some(ms)))
}

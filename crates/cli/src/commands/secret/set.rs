//! `secret set NAME`. The value is never an argument, because others can list those.

use std::{
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};

use prt_types::{Secret, named_secrets::NamedSecretInput};

use super::{find, kind, list::audience, missing};
use crate::{
    error::{CliError, Result},
    params::credentials,
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment variable that workers get, e.g. HF_TOKEN
    name: String,
    /// File with the value; default: standard input or a prompt. A line end at its end is left out
    #[arg(long, value_name = "FILE", conflicts_with = "keep_value")]
    value_file: Option<PathBuf>,
    /// Change the access only
    #[arg(long)]
    keep_value: bool,
    /// A shared secret instead of one of your own (admins only)
    #[arg(long)]
    shared: bool,
    /// A user whose workers may have it; all of them replace those of before
    #[arg(long = "for-user", value_name = "NAME", requires = "shared")]
    users: Vec<String>,
    /// A group whose workers may have it; Everyone is one
    #[arg(long = "for-group", value_name = "NAME", requires = "shared")]
    groups: Vec<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let kind = kind(args.shared);
    let before = find(session, &args.name, kind).await?;
    if args.keep_value && before.is_none() {
        return Err(missing(&args.name, kind));
    }
    let value = if args.keep_value {
        None
    } else {
        Some(read(&args.name, args.value_file.as_deref())?)
    };
    let same_access = args.users.is_empty() && args.groups.is_empty();
    let (users, groups) = match &before {
        Some(before) if same_access => (before.users.clone(), before.groups.clone()),
        _ => (args.users, args.groups),
    };
    let input = NamedSecretInput {
        name: args.name,
        kind,
        value,
        users,
        groups,
        revision: before.as_ref().map(|before| before.revision),
    };
    let kept = match &before {
        Some(before) => session.client.secret_update(before.id, &input).await?,
        None => session.client.secret_create(&input).await?,
    };
    session
        .out
        .show(&kept, |kept| format!("{} is kept for {}", kept.name, audience(kept)))
}

/// All of a file or of standard input: a key has several lines.
fn read(name: &str, file: Option<&Path>) -> Result<Secret> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).map_err(|source| CliError::Io {
            what: format!("cannot read the value's file {}", path.display()),
            source,
        })?,
        None if io::stdin().is_terminal() => return credentials::password(&format!("Value of {name}: ")),
        None => io::read_to_string(io::stdin().lock().take(1 << 20)).map_err(|source| CliError::Io {
            what: "cannot read the value from standard input".into(),
            source,
        })?,
    };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).into())
}

//! `secret …`.

mod delete;
mod list;
mod set;

use clap::Subcommand;
use prt_types::named_secrets::{NamedSecretView, SecretKind};

use crate::{
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List your own, and the shared ones that you may use or manage
    #[command(visible_alias = "ls")]
    List,
    /// Keep a value under a name, or give it another value or access; the value comes from standard input, a prompt or a file
    Set(set::Args),
    /// Remove one; running workers keep what they have
    Delete(delete::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List => list::run(session).await,
        Command::Set(args) => set::run(args, session).await,
        Command::Delete(args) => delete::run(args, session).await,
    }
}

fn kind(shared: bool) -> SecretKind {
    if shared {
        SecretKind::Shared
    } else {
        SecretKind::Personal
    }
}

/// The one of this name and kind.
async fn find(session: &Session, name: &str, kind: SecretKind) -> Result<Option<NamedSecretView>> {
    let all = session.client.secrets().await?;
    Ok(all.into_iter().find(|one| one.name == name && one.kind == kind))
}

fn missing(name: &str, kind: SecretKind) -> CliError {
    CliError::failed_hint(
        format!("there is no {} secret {name}", kind.name()),
        "see `prtcli secret list`",
    )
}

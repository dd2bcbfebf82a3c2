//! `credential …`.

mod create;
mod delete;
mod list;
mod owner;
mod test;
mod update;

use clap::Subcommand;
use prt_types::registry_credentials::{CredentialScope, RegistryCredentialView};

use crate::{
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List those that you may use or manage
    #[command(visible_alias = "ls")]
    List,
    /// Keep a registry login under a name; the password comes from PRT_REGISTRY_PASSWORD, standard input or a file
    Create(create::Args),
    /// Change what is named of one and leave the rest, the password too
    Update(update::Args),
    /// Remove one
    Delete(delete::Args),
    /// Ask its registry whether it works
    Test(test::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List => list::run(session).await,
        Command::Create(args) => create::run(args, session).await,
        Command::Update(args) => update::run(args, session).await,
        Command::Delete(args) => delete::run(args, session).await,
        Command::Test(args) => test::run(args, session).await,
    }
}

/// The one of this name.
async fn find(session: &Session, name: &str) -> Result<RegistryCredentialView> {
    let all = session.client.registry_credentials().await?;
    all.into_iter().find(|one| one.name == name).ok_or_else(|| {
        CliError::failed_hint(
            format!("there is no registry credential {name}"),
            "see `prtcli credential list`",
        )
    })
}

/// Who may use it.
fn audience(credential: &RegistryCredentialView) -> String {
    match credential.scope {
        CredentialScope::User => credential.owner.clone(),
        CredentialScope::Group => format!("group {}", credential.owner),
        CredentialScope::Everyone => "everyone".into(),
    }
}

/// What `create` and `update` say in the end.
fn text(kept: &RegistryCredentialView) -> String {
    format!(
        "{} is kept for {}, for the registry {}",
        kept.name,
        audience(kept),
        kept.host
    )
}

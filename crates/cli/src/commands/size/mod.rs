//! `size …`.

mod clone;
mod create;
mod delete;
mod fields;
mod list;
mod show;
mod update;

use clap::Subcommand;
use prt_types::worker_sizes::WorkerSizeDetail;

use crate::{
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the sizes that you may use
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Show a size with who may use it (admins only)
    Show(show::Args),
    /// Make a size (admins only)
    Create(Box<create::Args>),
    /// Change what is named of a size and leave the rest; running workers keep what they have (admins only)
    Update(Box<update::Args>),
    /// Make a copy of a size that nobody has access to at first (admins only)
    Clone(clone::Args),
    /// Remove a size that no worker runs on (admins only)
    Delete(delete::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List(args) => list::run(args, session).await,
        Command::Show(args) => show::run(args, session).await,
        Command::Create(args) => create::run(*args, session).await,
        Command::Update(args) => update::run(*args, session).await,
        Command::Clone(args) => clone::run(args, session).await,
        Command::Delete(args) => delete::run(args, session).await,
    }
}

/// The one of this name.
async fn find(session: &Session, name: &str) -> Result<WorkerSizeDetail> {
    let all = session.client.worker_sizes_all().await?;
    all.into_iter().find(|one| one.size.name == name).ok_or_else(|| {
        CliError::failed_hint(
            format!("there is no worker size {name}"),
            "see `prtcli size list --all`",
        )
    })
}

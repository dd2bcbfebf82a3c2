//! `worker unknown …`.

mod adopt;
mod list;
mod remove;

use clap::Subcommand;
use prt_types::unknown_workers::UnknownWorkerView;

use crate::{
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them
    #[command(visible_alias = "ls")]
    List,
    /// Make a record for a worker again, so that it can be used
    Adopt(adopt::Args),
    /// Remove the containers and volumes of a worker
    #[command(visible_alias = "rm")]
    Remove(remove::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List => list::run(session).await,
        Command::Adopt(args) => adopt::run(args, session).await,
        Command::Remove(args) => remove::run(&args, session).await,
    }
}

/// The one with this id, or with this name in its labels.
async fn find(session: &Session, named: &str) -> Result<UnknownWorkerView> {
    let found = session.client.unknown_workers().await?.into_iter();
    let mut found = found.filter(|worker| worker.name == named || worker.id.to_string() == named);
    match (found.next(), found.next()) {
        (Some(worker), None) => Ok(worker),
        (None, _) => Err(CliError::failed_hint(
            format!("there is no unknown worker {named}"),
            "see `prtcli worker unknown list`",
        )),
        (Some(_), Some(_)) => Err(CliError::usage_hint(
            format!("several unknown workers are called {named}"),
            "give the id; see `prtcli worker unknown list`",
        )),
    }
}

/// What to call it.
fn name(worker: &UnknownWorkerView) -> String {
    if worker.name.is_empty() {
        worker.id.to_string()
    } else {
        worker.name.clone()
    }
}

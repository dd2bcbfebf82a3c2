//! `security-context …`.

mod delete;
mod fields;
mod list;
mod save;
mod show;

use clap::Subcommand;

use crate::{error::Result, session::Session};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them with the Pod Security level that each meets
    #[command(visible_alias = "ls")]
    List,
    /// Show what the engine gets, the Pod Security level and who could use it
    Show(show::Args),
    /// Make one
    Create(Box<save::CreateArgs>),
    /// Change what is named of one and leave the rest, e.g. --privileged=false; running workers keep what they have
    Update(Box<save::UpdateArgs>),
    /// Remove one that no worker size names
    Delete(delete::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List => list::run(session).await,
        Command::Show(args) => show::run(args, session).await,
        Command::Create(args) => save::create(*args, session).await,
        Command::Update(args) => save::update(*args, session).await,
        Command::Delete(args) => delete::run(args, session).await,
    }
}

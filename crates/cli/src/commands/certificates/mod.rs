//! `certificates …`.

mod inject;
mod remove;
mod set;
mod show;

use clap::Subcommand;

use crate::{error::Result, session::Session};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is in the bundle, and whether builders get it
    Show(show::Args),
    /// Put certificates into the bundle, in place of those that are there
    Set(set::Args),
    /// Turn private certificate injection on or off
    Inject(inject::Args),
    /// Remove the bundle, which also turns injection off
    Remove,
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::Show(args) => show::run(&args, session).await,
        Command::Set(args) => set::run(&args, session).await,
        Command::Inject(args) => inject::run(&args, session).await,
        Command::Remove => remove::run(session).await,
    }
}

//! `image …`.

mod check;
mod list;

use clap::Subcommand;

use crate::{error::Result, session::Session};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the images that you may run
    #[command(visible_alias = "ls")]
    List,
    /// Say what an image name means and whether you may run it (exit code 3 if not)
    Check(check::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List => list::run(session).await,
        Command::Check(args) => check::run(args, session).await,
    }
}

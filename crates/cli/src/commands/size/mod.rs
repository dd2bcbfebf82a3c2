//! `size …`.

mod list;

use clap::Subcommand;

use crate::{error::Result, session::Session};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the sizes that you may use
    #[command(visible_alias = "ls")]
    List,
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List => list::run(session).await,
    }
}

//! `retention …`.

mod run;
mod show;

use clap::Subcommand;
use prt_types::retention::Amount;

use crate::{error::Result, output::bytes, session::Session};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the rules, what is stored, and what would be deleted now
    Show,
    /// Delete what is older than its rule now, instead of waiting for the hourly run
    Run(run::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::Show => show::run(session).await,
        Command::Run(args) => run::run(&args, session).await,
    }
}

/// `12 (3.4 MB)`.
fn text(amount: Amount) -> String {
    match amount.count {
        0 => "0".to_owned(),
        count => format!("{count} ({})", bytes(amount.bytes)),
    }
}

//! `builds …`.

mod cancel;
mod list;
pub mod logs;
mod pin;
mod rerun;
mod show;

use clap::Subcommand;

use crate::{error::Result, session::Session};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List builds, newest first
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Show a build
    Show(show::Args),
    /// Print a build's log
    Logs(logs::Args),
    /// End a build
    Cancel(cancel::Args),
    /// Run a build's inputs again
    Rerun(rerun::Args),
    /// Keep a build and its log for ever
    Pin(pin::Args),
    /// Delete a pinned build and its log when they are old, like others
    Unpin(pin::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List(args) => list::run(args, session).await,
        Command::Show(args) => show::run(args, session).await,
        Command::Logs(args) => logs::run(args, session).await,
        Command::Cancel(args) => cancel::run(args, session).await,
        Command::Rerun(args) => rerun::run(args, session).await,
        Command::Pin(args) => pin::run(&args, true, session).await,
        Command::Unpin(args) => pin::run(&args, false, session).await,
    }
}

/// `12`, or `#12` as it is shown.
fn number(text: &str) -> Result<i64, String> {
    match text.strip_prefix('#').unwrap_or(text).parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a build has a number, e.g. 12".into()),
    }
}

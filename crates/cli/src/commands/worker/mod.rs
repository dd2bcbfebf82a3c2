//! `worker …`.

mod build_config;
mod cache;
mod create;
mod exec;
mod list;
mod logs;
mod notebook;
mod show;
mod terminate;
mod unknown;

use clap::Subcommand;

use crate::{error::Result, session::Session};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a worker
    Create(Box<create::Args>),
    /// List workers
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Show a worker with its containers and events
    Show(show::Args),
    /// Print what a worker's container has printed
    Logs(logs::Args),
    /// Run a command in a worker; the exit code is the command's
    Exec(exec::Args),
    /// The configuration of a worker's build service (BuildKit)
    #[command(subcommand)]
    BuildConfig(build_config::Command),
    /// Show how large the builder's cache is, or empty it
    Cache(cache::Args),
    /// Print a link into a worker's notebook; it works once, and for a minute
    Notebook(notebook::Args),
    /// End workers and remove what belongs to them
    Terminate(terminate::Args),
    /// Workers that the engine has and the database does not know, e.g. after an older backup was restored (admins)
    #[command(subcommand)]
    Unknown(unknown::Command),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::Create(args) => create::run(*args, session).await,
        Command::List(args) => list::run(args, session).await,
        Command::Show(args) => show::run(args, session).await,
        Command::Logs(args) => logs::run(args, session).await,
        Command::Exec(args) => exec::run(args, session).await,
        Command::BuildConfig(command) => build_config::run(command, session).await,
        Command::Cache(args) => cache::run(&args, session).await,
        Command::Notebook(args) => notebook::run(args, session).await,
        Command::Terminate(args) => terminate::run(args, session).await,
        Command::Unknown(command) => unknown::run(command, session).await,
    }
}

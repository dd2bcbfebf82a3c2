//! `token …`.

mod create;
mod list;
mod revoke;

use clap::Subcommand;
use prt_types::access::TokenScope;

use crate::{error::Result, session::Session};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List your API tokens
    #[command(visible_alias = "ls")]
    List,
    /// Make an API token and print it, this once, on standard output
    Create(create::Args),
    /// End an API token
    Revoke(revoke::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::List => list::run(session).await,
        Command::Create(args) => create::run(args, session).await,
        Command::Revoke(args) => revoke::run(args, session).await,
    }
}

/// What a token may be used for.
pub fn scope_words(scope: TokenScope) -> &'static str {
    match scope {
        TokenScope::Full => "full access",
        TokenScope::Build => "builds only",
        TokenScope::BuildAndStart => "builds and own builder workers only",
    }
}

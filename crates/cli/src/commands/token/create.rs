//! `token create NAME --scope build`.

use clap::ValueEnum;
use prt_types::access::{TokenInput, TokenScope};

use super::scope_words;
use crate::{
    error::Result,
    output::{Out, date},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is for, e.g. "pipeline of my-project"
    name: String,
    /// What it may be used for
    #[arg(long, value_enum, default_value = "full")]
    scope: Scope,
    /// Days until it ends; without, it ends when it is revoked
    #[arg(long, value_name = "DAYS")]
    expires: Option<u32>,
    /// The one builder worker that a token for builds is limited to
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scope {
    /// All that you may do
    Full,
    /// Builds in your builder workers
    Build,
    /// Builds, and builder workers that it starts and ends itself
    BuildAndStart,
}

impl From<Scope> for TokenScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Full => Self::Full,
            Scope::Build => Self::Build,
            Scope::BuildAndStart => Self::BuildAndStart,
        }
    }
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let input = TokenInput {
        name: args.name,
        expires_in_days: args.expires,
        scope: args.scope.into(),
        worker: args.worker,
    };
    let created = session.client.token_create(&input).await?;
    if session.out.is_json() {
        return Out::json(&created);
    }
    let end = created.token.expires_ms.map_or_else(
        || "until it is revoked".to_owned(),
        |end| format!("until {}", date(end)),
    );
    Out::note(&format!(
        "{}: {}, {end}; it is shown this once",
        created.token.name,
        scope_words(created.token.scope)
    ));
    Out::line(created.value.expose())
}

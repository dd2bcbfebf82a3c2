//! `security-context create NAME …` and `security-context update NAME …`.

use super::{fields::Fields, show::text};
use crate::{error::Result, session::Session};

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The name
    name: String,
    #[command(flatten)]
    fields: Fields,
}

#[derive(Debug, clap::Args)]
pub struct UpdateArgs {
    /// The security context
    name: String,
    /// Refuse if it is no longer at this revision
    #[arg(long, value_name = "NUMBER")]
    revision: Option<i64>,
    #[command(flatten)]
    fields: Fields,
}

pub async fn create(args: CreateArgs, session: &Session) -> Result<()> {
    let input = args.fields.input(args.name, None);
    let made = session.client.security_context_create(&input).await?;
    session.out.show(&made, text)
}

pub async fn update(args: UpdateArgs, session: &Session) -> Result<()> {
    let input = args.fields.input(args.name.clone(), args.revision);
    let changed = session.client.security_context_update(&args.name, &input).await?;
    session.out.show(&changed, text)
}

//! `security-context create NAME …` and `security-context update NAME …`.

use prt_types::security_contexts::SecurityContextInput;

use super::{
    fields::{Fields, unchanged},
    show::text,
};
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
    /// Refuse if it is not at this revision; default: the one that the command finds
    #[arg(long, value_name = "NUMBER")]
    revision: Option<i64>,
    #[command(flatten)]
    fields: Fields,
}

pub async fn create(args: CreateArgs, session: &Session) -> Result<()> {
    let input = args.fields.over(SecurityContextInput {
        name: args.name,
        ..SecurityContextInput::default()
    });
    let made = session.client.security_context_create(&input).await?;
    session.out.show(&made, text)
}

pub async fn update(args: UpdateArgs, session: &Session) -> Result<()> {
    let before = session.client.security_context(&args.name).await?;
    let mut input = args.fields.over(unchanged(before));
    input.revision = args.revision.or(input.revision);
    let changed = session.client.security_context_update(&args.name, &input).await?;
    session.out.show(&changed, text)
}

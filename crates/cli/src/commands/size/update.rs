//! `size update NAME …`.

use prt_types::worker_sizes::WorkerSizeInput;

use super::{fields::SizeFields, find};
use crate::{
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The size
    name: String,
    /// Give it another name
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    #[command(flatten)]
    fields: SizeFields,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let before = find(session, &args.name).await?;
    let id = before.size.id;
    let mut input = WorkerSizeInput::from(before);
    if let Some(name) = args.rename {
        input.name = name;
    }
    let input = args.fields.over(input).map_err(CliError::usage)?;
    let size = session.client.worker_size_update(id, &input).await?;
    session.out.show(&size, super::show::text)
}

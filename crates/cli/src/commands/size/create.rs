//! `size create NAME --cpu … --cpu-net … --memory … --memory-net …`.

use prt_types::worker_sizes::WorkerSizeInput;

use super::fields::SizeFields;
use crate::{
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name, e.g. Medium-restricted
    name: String,
    #[command(flatten)]
    fields: SizeFields,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let input = WorkerSizeInput {
        name: args.name,
        ..WorkerSizeInput::default()
    };
    let input = args.fields.over(input).map_err(CliError::usage)?;
    let size = session.client.worker_size_create(&input).await?;
    session.out.show(&size, super::show::text)
}

//! `size clone NAME NEW`.

use prt_types::worker_sizes::WorkerSizeCloneRequest;

use super::find;
use crate::{error::Result, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The size
    name: String,
    /// The copy's name
    new: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let original = find(session, &args.name).await?;
    let request = WorkerSizeCloneRequest { name: args.new };
    let copy = session.client.worker_size_clone(original.size.id, &request).await?;
    session.out.show(&copy, super::show::text)
}

//! `size delete NAME`.

use super::find;
use crate::{error::Result, output::Out, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The size
    name: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let size = find(session, &args.name).await?;
    session.client.worker_size_delete(size.size.id).await?;
    if session.out.is_json() {
        Out::json(&size)
    } else {
        Out::line(&format!("{} is deleted", size.size.name))
    }
}

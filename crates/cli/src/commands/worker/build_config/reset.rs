//! `worker build-config reset`.

use super::{finish, when_busy};
use crate::{commands::pick_worker::pick, error::Result, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker; default: the only one of yours that can build
    #[arg(env = "PRT_WORKER")]
    worker: Option<String>,
    /// Fail if a build runs, instead of waiting for its end
    #[arg(long)]
    no_wait: bool,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let worker = pick(session, args.worker.as_deref()).await?;
    let view = session
        .client
        .build_config_reset(&worker, when_busy(args.no_wait))
        .await?;
    finish(session, &worker, view).await
}

//! `worker logs NAME`.

use clap::ValueEnum;
use prt_types::workers::ContainerRole;

use crate::{commands::builds::logs::copy, error::Result, session::Session};

/// `--container`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Container {
    /// The worker's own image
    #[default]
    Primary,
    /// BuildKit
    Builder,
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker
    #[arg(env = "PRT_WORKER")]
    name: String,
    /// Which container
    #[arg(long, short, value_enum, default_value_t)]
    container: Container,
    /// Only the last part
    #[arg(long, value_name = "BYTES")]
    tail_bytes: Option<u64>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let role = match args.container {
        Container::Primary => ContainerRole::Primary,
        Container::Builder => ContainerRole::Builder,
    };
    copy(
        session,
        session.client.worker_logs(&args.name, role, args.tail_bytes).await?,
    )
    .await
}

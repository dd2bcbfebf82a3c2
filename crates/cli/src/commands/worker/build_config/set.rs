//! `worker build-config set`.

use std::path::PathBuf;

use prt_types::build_config::BuildConfigInput;

use super::{finish, lint::read, when_busy};
use crate::{commands::pick_worker::pick, error::Result, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker; default: the only one of yours that can build
    #[arg(env = "PRT_WORKER")]
    worker: Option<String>,
    /// A registry that speaks HTTP, or TLS that cannot be verified; several: again, or with commas
    #[arg(long = "insecure-registry", value_name = "HOST", value_delimiter = ',')]
    insecure_registries: Vec<String>,
    /// A whole buildkitd.toml; - = standard input. Not together with --insecure-registry
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Fail if a build runs, instead of waiting for its end
    #[arg(long)]
    no_wait: bool,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let content = args.file.as_deref().map(read).transpose()?;
    let worker = pick(session, args.worker.as_deref()).await?;
    let input = BuildConfigInput {
        insecure_registries: (!args.insecure_registries.is_empty()).then_some(args.insecure_registries),
        config_content: content,
        when_busy: when_busy(args.no_wait),
    };
    let view = session.client.build_config_update(&worker, &input).await?;
    finish(session, &worker, view).await
}

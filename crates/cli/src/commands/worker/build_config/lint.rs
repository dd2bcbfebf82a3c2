//! `worker build-config lint`.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use super::say;
use crate::{
    commands::pick_worker::pick,
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A whole buildkitd.toml; - = standard input
    file: PathBuf,
    /// The worker; default: the only one of yours that can build
    #[arg(long, short, env = "PRT_WORKER")]
    worker: Option<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let text = read(&args.file)?;
    let worker = pick(session, args.worker.as_deref()).await?;
    let lint = session.client.build_config_lint(&worker, &text).await?;
    say(&lint.findings);
    session.out.show(&lint, |lint| match &lint.translated {
        Some(_) => format!("{} can be applied", args.file.display()),
        None => format!("{} would be refused", args.file.display()),
    })?;
    if lint.translated.is_none() {
        return Err(CliError::failed("the configuration is wrong"));
    }
    Ok(())
}

/// A file's text, or standard input's.
pub fn read(path: &Path) -> Result<String> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|source| CliError::Io {
        what: format!("cannot read {}", path.display()),
        source,
    })
}

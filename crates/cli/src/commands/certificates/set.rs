//! `certificates set FILE`.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use prt_types::certificates::CertificatesInput;

use super::show;
use crate::{
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PEM file with one or more certificates; - = standard input
    file: PathBuf,
    /// Turn injection on with it
    #[arg(long)]
    inject: bool,
}

pub async fn run(args: &Args, session: &Session) -> Result<()> {
    // Before the file, because what is piped in may take its time.
    let before = session.client.certificates().await?;
    let input = CertificatesInput {
        pem: Some(read(&args.file)?),
        inject: args.inject.then_some(true),
        revision: Some(before.revision),
    };
    let view = session.client.certificates_set(&input).await?;
    session.out.show(&view, show::text)
}

fn read(path: &Path) -> Result<String> {
    let failed = |source| CliError::Io {
        what: format!("cannot read the certificates {}", path.display()),
        source,
    };
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).map_err(failed)?;
    } else {
        bytes = std::fs::read(path).map_err(failed)?;
    }
    // What is no text is no PEM either; the server says so.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

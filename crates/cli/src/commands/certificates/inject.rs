//! `certificates inject on|off`.

use clap::ValueEnum;
use prt_types::certificates::CertificatesInput;

use super::show;
use crate::{error::Result, session::Session};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Builders that start from now on get the bundle
    On,
    /// They do not
    Off,
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whether builders that start from now on get the bundle
    switch: Switch,
}

pub async fn run(args: &Args, session: &Session) -> Result<()> {
    let before = session.client.certificates().await?;
    let input = CertificatesInput {
        inject: Some(args.switch == Switch::On),
        pem: None,
        revision: Some(before.revision),
    };
    let view = session.client.certificates_set(&input).await?;
    session.out.show(&view, show::text)
}

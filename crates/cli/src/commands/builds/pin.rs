//! `builds pin N` and `builds unpin N`.

use crate::{error::Result, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The build
    #[arg(value_parser = super::number)]
    number: i64,
}

pub async fn run(args: &Args, pinned: bool, session: &Session) -> Result<()> {
    let build = session.client.build_pin(args.number, pinned).await?;
    session.out.show(&build, |build| {
        let number = build.number;
        if build.pinned {
            format!("build #{number} is pinned: its record and log are kept for ever")
        } else {
            format!("build #{number} is not pinned: its record and log are deleted when they are old")
        }
    })
}

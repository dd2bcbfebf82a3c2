//! `builds cancel N`.

use crate::{error::Result, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The build
    #[arg(value_parser = super::number)]
    number: i64,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let build = session.client.build_cancel(args.number).await?;
    session.out.show(&build, |build| {
        let what = if build.status.is_final() {
            super::show::status(build)
        } else {
            "being canceled".into()
        };
        format!("build #{} is {what}", build.number)
    })
}

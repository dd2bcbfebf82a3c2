//! `image check IMAGE`.

use crate::{
    error::{CliError, Result},
    output::facts,
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Short or full image name
    image: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let check = session.client.image_check(&args.image).await?;
    session.out.show(&check, |check| {
        facts(&[
            ("reference", Some(check.reference.clone())),
            ("allowed", Some(if check.allowed { "yes" } else { "no" }.into())),
            ("because", check.allowed.then(|| check.reason.clone())),
        ])
    })?;
    if check.allowed {
        Ok(())
    } else {
        Err(CliError::Denied { message: check.reason })
    }
}

//! `credential delete NAME`.

use super::find;
use crate::{error::Result, output::Out, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The credential
    name: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let credential = find(session, &args.name).await?;
    session.client.registry_credential_delete(credential.id).await?;
    if session.out.is_json() {
        Out::json(&credential)
    } else {
        Out::line(&format!("{} is deleted", credential.name))
    }
}

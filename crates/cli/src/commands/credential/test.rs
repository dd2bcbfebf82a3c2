//! `credential test NAME`.

use super::find;
use crate::{
    error::{CliError, Result},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The credential
    name: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let credential = find(session, &args.name).await?;
    let test = session.client.registry_credential_test(credential.id).await?;
    if test.ok || session.out.is_json() {
        session.out.show(&test, |test| test.message.clone())?;
    }
    if test.ok {
        Ok(())
    } else {
        Err(CliError::failed_hint(
            test.message,
            format!(
                "`prtcli credential update {} --password-stdin` gives it another password",
                credential.name
            ),
        ))
    }
}

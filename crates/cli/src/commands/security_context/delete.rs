//! `security-context delete NAME`.

use crate::{error::Result, output::Out, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The security context
    name: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let context = session.client.security_context(&args.name).await?;
    session.client.security_context_delete(&args.name).await?;
    if session.out.is_json() {
        Out::json(&context)
    } else {
        Out::line(&format!("{} is deleted", context.name))
    }
}

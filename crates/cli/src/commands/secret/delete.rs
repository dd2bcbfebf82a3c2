//! `secret delete NAME`.

use super::{find, kind, missing};
use crate::{error::Result, output::Out, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The secret
    name: String,
    /// The shared one of that name (admins only)
    #[arg(long)]
    shared: bool,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let kind = kind(args.shared);
    let secret = find(session, &args.name, kind)
        .await?
        .ok_or_else(|| missing(&args.name, kind))?;
    session.client.secret_delete(secret.id).await?;
    if session.out.is_json() {
        return Out::json(&secret);
    }
    let kept = if secret.workers.is_empty() {
        String::new()
    } else {
        format!("; these workers keep it until they end: {}", secret.workers.join(", "))
    };
    Out::line(&format!("{} is deleted{kept}", secret.name))
}

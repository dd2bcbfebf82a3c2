//! `token revoke ID`.

use prt_types::ids::TokenId;

use crate::{error::Result, output::Out, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The token's id, as `token list` shows it
    id: TokenId,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    session.client.token_delete(args.id).await?;
    if session.out.is_json() {
        Out::json(&serde_json::json!({ "id": args.id }))
    } else {
        Out::line("the token has ended")
    }
}

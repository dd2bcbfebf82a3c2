//! `certificates remove`.

use crate::{error::Result, output::Out, session::Session};

pub async fn run(session: &Session) -> Result<()> {
    let before = session.client.certificates().await?;
    session.client.certificates_remove(Some(before.revision)).await?;
    if session.out.is_json() {
        Out::json(&session.client.certificates().await?)
    } else {
        Out::line("The bundle is removed, and injection is off; builders that run keep what they have")
    }
}

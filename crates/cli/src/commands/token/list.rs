//! `token list`.

use super::scope_words;
use crate::{
    error::Result,
    output::{date, table},
    session::Session,
};

pub async fn run(session: &Session) -> Result<()> {
    let tokens = session.client.tokens().await?;
    session.out.show(&tokens, |tokens| {
        let rows: Vec<Vec<String>> = tokens
            .iter()
            .map(|token| {
                vec![
                    token.id.to_string(),
                    token.name.clone(),
                    format!("{}…", token.prefix),
                    scope_words(token.scope).to_owned(),
                    token.worker.clone().unwrap_or_else(|| "-".into()),
                    token.expires_ms.map_or_else(|| "never".into(), date),
                    token.last_used_ms.map_or_else(|| "-".into(), date),
                ]
            })
            .collect();
        table(&["ID", "NAME", "TOKEN", "FOR", "WORKER", "ENDS", "LAST USED"], &rows)
    })
}

//! `retention show`.

use prt_types::retention::RetentionRule;

use super::text;
use crate::{error::Result, output::table, session::Session};

pub async fn run(session: &Session) -> Result<()> {
    let view = session.client.retention().await?;
    session.out.show(&view, |view| {
        let rows: Vec<Vec<String>> = view.rules.iter().map(row).collect();
        table(&["KIND", "STORED", "WOULD GO NOW", "RULE"], &rows)
    })
}

fn row(rule: &RetentionRule) -> Vec<String> {
    vec![
        rule.kind.name().to_owned(),
        text(rule.stored),
        text(rule.due),
        rule.rule.clone(),
    ]
}

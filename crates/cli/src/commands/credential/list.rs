//! `credential list`.

use super::audience;
use crate::{
    error::Result,
    output::{date, table},
    session::Session,
};

pub async fn run(session: &Session) -> Result<()> {
    let credentials = session.client.registry_credentials().await?;
    session.out.show(&credentials, |credentials| {
        let rows: Vec<Vec<String>> = credentials
            .iter()
            .map(|credential| {
                let end = match credential.expires_ms {
                    None => "never".to_owned(),
                    Some(end) if credential.expired => format!("{} (expired)", date(end)),
                    Some(end) => date(end),
                };
                vec![
                    credential.name.clone(),
                    credential.host.clone(),
                    credential.username.clone(),
                    audience(credential),
                    end,
                    credential.last_used_ms.map_or_else(|| "-".into(), date),
                ]
            })
            .collect();
        table(&["NAME", "REGISTRY", "USER", "FOR", "EXPIRES", "LAST USED"], &rows)
    })
}

//! `secret list`.

use prt_types::named_secrets::{NamedSecretView, SecretKind};

use crate::{
    error::Result,
    output::{date, table},
    session::Session,
};

pub async fn run(session: &Session) -> Result<()> {
    let secrets = session.client.secrets().await?;
    session.out.show(&secrets, |secrets| {
        let rows: Vec<Vec<String>> = secrets
            .iter()
            .map(|secret| {
                let workers = secret.workers.join(", ");
                vec![
                    secret.name.clone(),
                    secret.kind.name().to_owned(),
                    audience(secret),
                    if workers.is_empty() { "-".into() } else { workers },
                    secret.last_used_ms.map_or_else(|| "-".into(), date),
                ]
            })
            .collect();
        table(&["NAME", "KIND", "FOR", "WORKERS", "LAST USED"], &rows)
    })
}

/// Who may use it.
pub fn audience(secret: &NamedSecretView) -> String {
    match secret.kind {
        SecretKind::Personal => "you".into(),
        SecretKind::Shared if !secret.editable => "you and others".into(),
        SecretKind::Shared => {
            let groups = secret.groups.iter().map(|group| format!("group {group}"));
            let all: Vec<String> = groups.chain(secret.users.iter().cloned()).collect();
            if all.is_empty() {
                "nobody".into()
            } else {
                all.join(", ")
            }
        }
    }
}

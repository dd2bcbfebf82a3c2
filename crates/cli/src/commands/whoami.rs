//! `whoami`.

use prt_types::access::{Role, TokenScope};

use crate::{error::Result, output::facts, session::Session};

pub async fn run(session: &Session) -> Result<()> {
    let me = session.client.me().await?;
    session.out.show(&me, |me| {
        let role = match me.role {
            Role::Admin => "admin",
            Role::User => "user",
        };
        facts(&[
            ("user", Some(me.username.clone())),
            ("role", Some(role.into())),
            ("groups", Some(me.groups.join(", "))),
            ("limited to", me.worker.clone()),
            (
                "token",
                (me.scope != TokenScope::Full).then(|| super::token::scope_words(me.scope).into()),
            ),
            ("server", Some(session.client.base_url().to_string())),
        ])
    })
}

//! `security-context list`.

use crate::{error::Result, output::table, session::Session};

pub async fn run(session: &Session) -> Result<()> {
    let contexts = session.client.security_contexts().await?;
    session.out.show(&contexts, |contexts| {
        let rows: Vec<Vec<String>> = contexts
            .iter()
            .map(|context| {
                let sizes: Vec<&str> = context.sizes.iter().map(|one| one.size.as_str()).collect();
                vec![
                    context.name.clone(),
                    context.primary.level.name().to_owned(),
                    context.builder.level.name().to_owned(),
                    if context.built_in { "yes" } else { "no" }.to_owned(),
                    sizes.join(", "),
                ]
            })
            .collect();
        table(&["NAME", "POD SECURITY", "BUILDER", "BUILT IN", "SIZES"], &rows)
    })
}

//! `image list`.

use crate::{error::Result, output::table, session::Session};

pub async fn run(session: &Session) -> Result<()> {
    let choices = session.client.image_choices().await?;
    session.out.show(&choices, |choices| {
        let rows: Vec<Vec<String>> = choices
            .iter()
            .map(|choice| {
                // A pattern has no image of its own: its text shows what can be asked for.
                let image = if choice.image.is_empty() {
                    &choice.rule
                } else {
                    &choice.image
                };
                vec![
                    image.clone(),
                    choice.recommended_version.clone(),
                    choice.service_type.name().to_owned(),
                    choice.name.clone(),
                    choice.description.clone(),
                ]
            })
            .collect();
        table(&["IMAGE", "RECOMMENDED", "SERVICE", "NAME", "DESCRIPTION"], &rows)
    })
}

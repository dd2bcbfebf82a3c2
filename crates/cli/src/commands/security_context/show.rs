//! `security-context show NAME`.

use prt_types::security_contexts::{ContainerSecurity, SecurityContextView};

use crate::{error::Result, output::facts, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The security context
    name: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let context = session.client.security_context(&args.name).await?;
    session.out.show(&context, text)
}

pub fn text(context: &SecurityContextView) -> String {
    let sizes: Vec<&str> = context.sizes.iter().map(|one| one.size.as_str()).collect();
    let head = facts(&[
        ("name", Some(context.name.clone())),
        (
            "description",
            (!context.description.is_empty()).then(|| context.description.clone()),
        ),
        ("built in", Some(if context.built_in { "yes" } else { "no" }.into())),
        ("sizes", (!sizes.is_empty()).then(|| sizes.join(", "))),
    ]);
    format!(
        "{head}\n\nprimary\n{}\n\nbuilder\n{}",
        container(&context.primary),
        container(&context.builder)
    )
}

fn container(security: &ContainerSecurity) -> String {
    let mut lines: Vec<(&str, Option<String>)> = security
        .engine
        .iter()
        .map(|setting| (setting.name.as_str(), Some(setting.value.clone())))
        .collect();
    lines.push(("Pod Security", Some(security.level.name().to_owned())));
    lines.push((
        "not higher",
        (!security.reasons.is_empty()).then(|| security.reasons.join(" ")),
    ));
    facts(&lines)
}

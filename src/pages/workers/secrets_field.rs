use leptos::prelude::*;
use prt_types::named_secrets::{NamedSecretView, SecretKind};

use crate::components::{CheckList, Choice};

/// Which of the secrets that the viewer may use the worker gets.
#[component]
pub fn SecretsField(
    /// Those that the viewer may use.
    secrets: Vec<NamedSecretView>,
    /// Chosen personal ones.
    personal: Vec<String>,
    /// Chosen shared ones.
    shared: Vec<String>,
) -> impl IntoView {
    let none = |kind: &'static str| move || view! { "You have no " {kind} " secret. " <a href="/infrastructure/secrets">"Secrets"</a> };
    let some = || view! { "As environment variables; the engine does not show them. " <a href="/infrastructure/secrets">"Secrets"</a> };
    let (mine, ours) = (
        choices(&secrets, SecretKind::Personal, &personal),
        choices(&secrets, SecretKind::Shared, &shared),
    );
    let hint = |empty: bool, kind: &'static str| {
        move || {
            if empty {
                none(kind)().into_any()
            } else {
                some().into_any()
            }
        }
    };
    let (no_mine, no_ours) = (mine.is_empty(), ours.is_empty());
    view! {
        <CheckList
            path="personal_secrets"
            label="Personal secrets"
            choices=mine
            selected=personal
            hint=hint(no_mine, "personal")
        />
        <CheckList path="shared_secrets" label="Shared secrets" choices=ours selected=shared hint=hint(no_ours, "shared") />
    }
}

/// What was chosen before stays to be seen, so that a refusal can be understood.
fn choices(secrets: &[NamedSecretView], kind: SecretKind, chosen: &[String]) -> Vec<Choice> {
    let mut names: Vec<&str> = secrets
        .iter()
        .filter(|secret| secret.kind == kind)
        .map(|secret| secret.name.as_str())
        .collect();
    for name in chosen {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| Choice::new(name.to_owned(), name.to_owned()))
        .collect()
}

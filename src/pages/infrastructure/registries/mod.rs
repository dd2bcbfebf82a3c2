//! Infrastructure / Registries: kept registry credentials, picked by name.

mod editor;
pub mod form;
mod list;
mod server_fns;

pub use editor::{RegistryCredentialNewPage, RegistryCredentialPage};
pub use list::RegistriesPage;
pub use server_fns::usable_credentials;

use prt_types::registry_credentials::{CredentialScope, RegistryCredentialView};

use crate::components::Choice;

/// The list's address, which is also where the editor's addresses begin.
const LIST: &str = "/infrastructure/registries";

/// Who may use it, in words.
fn audience(credential: &RegistryCredentialView) -> String {
    match credential.scope {
        CredentialScope::User => credential.owner.clone(),
        CredentialScope::Group => format!("Group {}", credential.owner),
        CredentialScope::Everyone => "Everyone".into(),
    }
}

/// The choices of a field that takes a credential's name, with `none` for no name. A name that is chosen already stays to be seen.
pub fn secret_choices(credentials: &[RegistryCredentialView], none: &str, chosen: &str) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", none)];
    choices.extend(named_choices(credentials));
    if choices.iter().all(|choice| choice.value != chosen) {
        choices.push(Choice::new(chosen, chosen));
    }
    choices
}

/// The credentials as choices, each with its registry.
pub fn named_choices(credentials: &[RegistryCredentialView]) -> Vec<Choice> {
    let choice = |credential: &RegistryCredentialView| {
        let hint = if credential.expired {
            format!("{}, expired", credential.host)
        } else {
            credential.host.clone()
        };
        Choice::new(credential.name.clone(), credential.name.clone()).with_hint(hint)
    };
    credentials.iter().map(choice).collect()
}

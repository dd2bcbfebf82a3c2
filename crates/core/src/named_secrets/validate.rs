//! What a secret may be: pure, all wrong fields at once.

use prt_types::named_secrets::{NamedSecretInput, SecretKind};

use super::kind;
use crate::{
    error::{Fields, Result},
    store::NamedSecret,
    workers::config::check_env_name,
};

/// Longest name.
const NAME_MAX: usize = 64;
/// Longest value. Linux takes 128 KiB for one variable.
const VALUE_MAX: usize = 32 * 1024;

pub(super) fn validate(input: &NamedSecretInput, before: Option<&NamedSecret>) -> Result<()> {
    let mut fields = Fields::new();
    let name = input.name.trim();
    match before {
        Some(before) if before.name != name => fields.add(
            "name",
            "The name cannot be changed: workers know the secret by it. Keep another one.",
        ),
        Some(_) => {}
        None if name.is_empty() => fields.add("name", "Name the environment variable, e.g. HF_TOKEN."),
        None if name.len() > NAME_MAX => fields.add("name", format!("A name has at most {NAME_MAX} characters.")),
        None => {
            if let Err(message) = check_env_name(name) {
                fields.add("name", message);
            }
        }
    }
    if before.is_some_and(|before| kind(before) != input.kind) {
        fields.add("kind", "A personal secret stays personal, and a shared one shared.");
    }
    match (&input.value, before) {
        (None, Some(_)) => {}
        (None, None) => fields.add("value", "The value is missing."),
        (Some(value), _) if value.is_empty() => fields.add("value", "The value is missing."),
        (Some(value), _) if value.expose().len() > VALUE_MAX => {
            fields.add("value", "The value is longer than 32 KiB.");
        }
        (Some(value), _) if value.expose().contains('\0') => {
            fields.add("value", "The value cannot contain a NUL character.");
        }
        (Some(_), _) => {}
    }
    if input.kind == SecretKind::Personal {
        for (field, names) in [("users", &input.users), ("groups", &input.groups)] {
            if !names.is_empty() {
                fields.add(
                    field,
                    "A personal secret is for you alone. Only a shared one has access for others.",
                );
            }
        }
    }
    fields.check()
}

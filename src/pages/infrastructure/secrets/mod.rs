//! Infrastructure / Secrets: the viewer's own secrets and the shared ones, which workers get by name.

mod editor;
pub mod form;
mod list;
mod server_fns;

pub use editor::{SecretNewPage, SecretPage};
pub use list::SecretsPage;

use prt_types::named_secrets::{NamedSecretView, SecretKind};

/// The list's address, which is also where the editor's addresses begin.
const LIST: &str = "/infrastructure/secrets";

/// Who may use it, in words.
fn audience(secret: &NamedSecretView) -> String {
    match secret.kind {
        SecretKind::Personal => "You alone".into(),
        SecretKind::Shared if !secret.editable => "You, among others".into(),
        SecretKind::Shared => {
            let groups = secret.groups.iter().map(|group| format!("Group {group}"));
            let all: Vec<String> = groups.chain(secret.users.iter().cloned()).collect();
            if all.is_empty() {
                "Nobody".into()
            } else {
                all.join(", ")
            }
        }
    }
}

/// The kind as shown.
fn kind_name(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::Personal => "Personal",
        SecretKind::Shared => "Shared",
    }
}

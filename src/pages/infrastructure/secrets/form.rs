//! The editor's form: what a browser can send, which is text, and the way to and from core's types.

use prt_types::{
    Secret,
    named_secrets::{NamedSecretInput, NamedSecretView, SecretKind},
};
use serde::{Deserialize, Serialize};

use crate::forms::seen_revision;

/// A secret as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretForm {
    pub name: String,
    /// `shared`, or anything else for a personal one.
    pub kind: String,
    /// Empty keeps the stored one.
    pub value: String,
    pub users: Vec<String>,
    pub groups: Vec<String>,
    /// What the editor saw; empty for a new one.
    pub revision: String,
    /// Saves although somebody else has changed it meanwhile.
    pub overwrite: bool,
}

impl SecretForm {
    /// The same without what must not be kept or shown again.
    pub fn without_secrets(&self) -> Self {
        Self {
            value: String::new(),
            ..self.clone()
        }
    }

    /// What core takes. The stored value stays unless another is given.
    pub fn input(&self) -> NamedSecretInput {
        // Who has access is asked for shared ones only.
        let (kind, users, groups) = if self.kind == "shared" {
            (SecretKind::Shared, self.users.clone(), self.groups.clone())
        } else {
            (SecretKind::Personal, vec![], vec![])
        };
        NamedSecretInput {
            name: self.name.clone(),
            kind,
            // Forms end lines with CR LF.
            value: (!self.value.is_empty()).then(|| Secret::new(self.value.replace("\r\n", "\n"))),
            users,
            groups,
            revision: seen_revision(&self.revision, self.overwrite),
        }
    }
}

impl From<NamedSecretView> for SecretForm {
    fn from(view: NamedSecretView) -> Self {
        Self {
            name: view.name,
            kind: view.kind.name().into(),
            value: String::new(),
            users: view.users,
            groups: view.groups,
            revision: view.revision.to_string(),
            overwrite: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_does_not_wait_in_the_session() {
        let form = SecretForm {
            value: "hunter2".into(),
            ..SecretForm::default()
        };
        let kept = serde_json::to_string(&form.without_secrets()).unwrap();
        assert!(!kept.contains("hunter2"));
    }

    #[test]
    fn an_empty_value_keeps_the_stored_one() {
        assert_eq!(SecretForm::default().input().value, None);
        let form = SecretForm {
            kind: "shared".into(),
            value: "a\r\nb".into(),
            revision: "3".into(),
            ..SecretForm::default()
        };
        let input = form.input();
        assert_eq!(input.value.unwrap().expose(), "a\nb");
        assert_eq!((input.kind, input.revision), (SecretKind::Shared, Some(3)));
    }

    #[test]
    fn a_personal_one_is_for_nobody_else() {
        let form = |kind: &str| SecretForm {
            kind: kind.into(),
            users: vec!["ada".into()],
            groups: vec!["Everyone".into()],
            ..SecretForm::default()
        };
        let (personal, shared) = (form("personal").input(), form("shared").input());
        assert!(personal.users.is_empty() && personal.groups.is_empty());
        assert_eq!(
            (shared.users, shared.groups),
            (vec!["ada".to_owned()], vec!["Everyone".to_owned()])
        );
    }
}

//! The editor's form: what a browser can send, which is text, and the way to and from core's types.

use prt_types::security_contexts::{SeccompProfile, SecurityContextInput, SecurityContextView};
use serde::{Deserialize, Serialize};

use crate::{
    error::AppError,
    forms::seen_revision,
    pages::infrastructure::{check_fields, wrong_field},
};

/// A security context as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecurityContextForm {
    pub name: String,
    pub description: String,
    /// Empty = the image's user.
    pub run_as_user: String,
    pub run_as_non_root: bool,
    pub read_only_root: bool,
    /// Names between commas or spaces.
    pub add_capabilities: String,
    pub drop_capabilities: String,
    pub seccomp: SeccompProfile,
    pub allow_privilege_escalation: bool,
    pub privileged: bool,
    pub confirm_privileged: bool,
    /// What the editor saw; empty for a new one.
    pub revision: String,
    /// Saves although somebody else has changed it meanwhile.
    pub overwrite: bool,
}

impl SecurityContextForm {
    /// A new one: hardened, so that rights are given and not forgotten.
    pub fn blank() -> Self {
        Self {
            run_as_user: "1000".into(),
            run_as_non_root: true,
            drop_capabilities: "ALL".into(),
            ..Self::default()
        }
    }

    /// What core takes.
    pub fn input(&self) -> Result<SecurityContextInput, AppError> {
        let uid = self.run_as_user.trim();
        let run_as_user: Option<u32> = uid.parse().ok();
        if run_as_user.is_none() && !uid.is_empty() {
            let message = format!("{uid} is not a user id, which is a whole number.");
            check_fields(vec![wrong_field("run_as_user", message)])?;
        }
        Ok(SecurityContextInput {
            name: self.name.clone(),
            description: self.description.clone(),
            run_as_user,
            run_as_non_root: self.run_as_non_root,
            read_only_root: self.read_only_root,
            add_capabilities: names(&self.add_capabilities),
            drop_capabilities: names(&self.drop_capabilities),
            seccomp: self.seccomp,
            allow_privilege_escalation: self.allow_privilege_escalation,
            privileged: self.privileged,
            confirm_privileged: self.confirm_privileged,
            revision: seen_revision(&self.revision, self.overwrite),
        })
    }
}

fn names(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n', '\r', '\t'])
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

impl From<SecurityContextView> for SecurityContextForm {
    fn from(view: SecurityContextView) -> Self {
        Self {
            name: view.name,
            description: view.description,
            run_as_user: view.rights.run_as_user.map(|uid| uid.to_string()).unwrap_or_default(),
            run_as_non_root: view.rights.run_as_non_root,
            read_only_root: view.rights.read_only_root,
            add_capabilities: view.rights.add_capabilities.join(", "),
            drop_capabilities: view.rights.drop_capabilities.join(", "),
            seccomp: view.rights.seccomp,
            allow_privilege_escalation: view.rights.allow_privilege_escalation,
            privileged: view.rights.privileged,
            confirm_privileged: false,
            revision: view.revision.to_string(),
            overwrite: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_commas_and_spaces() {
        let form = SecurityContextForm {
            add_capabilities: "CHOWN, CAP_KILL\r\nSETUID".into(),
            ..SecurityContextForm::blank()
        };
        let input = form.input().unwrap();
        assert_eq!(input.add_capabilities, ["CHOWN", "CAP_KILL", "SETUID"]);
        assert_eq!(input.run_as_user, Some(1000));
        let form = SecurityContextForm {
            run_as_user: "root".into(),
            ..form
        };
        assert!(form.input().unwrap_err().0.field("run_as_user").is_some());
    }
}

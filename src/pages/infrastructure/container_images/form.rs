//! The editor's form: what a browser can send, which is text, and the way to and from core's types.

use prt_types::{
    ApiError, ErrorCode, FieldError, Secret,
    container_images::{ContainerImageInput, ContainerImageView, PullPolicy, ServiceType},
};
use serde::{Deserialize, Serialize};

use crate::{error::AppError, forms::seen_revision};

/// A Container Image rule as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerImageForm {
    pub image: String,
    pub service_type: ServiceType,
    pub name: String,
    pub description: String,
    pub version: String,
    pub minimum_version: String,
    pub recommended_version: String,
    /// Empty = the deployment's default.
    pub pull_policy: String,
    pub repo_username: String,
    /// Empty keeps the stored one.
    pub repo_password: String,
    /// Forgets the stored one.
    pub clear_repo_password: bool,
    pub repo_secret_name: String,
    pub trusted_with_credentials: bool,
    pub startup_script: String,
    pub order: String,
    pub users: Vec<String>,
    pub groups: Vec<String>,
    /// What the editor saw; empty for a new rule.
    pub revision: String,
    /// Saves although somebody else has changed it meanwhile.
    pub overwrite: bool,
}

impl ContainerImageForm {
    /// The same without what must not be kept or shown again.
    pub fn without_secrets(&self) -> Self {
        Self {
            repo_password: String::new(),
            ..self.clone()
        }
    }

    /// What core takes. The stored password stays unless another is given or it is to be forgotten.
    pub fn input(&self) -> Result<ContainerImageInput, AppError> {
        let mut fields = Vec::new();
        let order = match self.order.trim() {
            "" => 0,
            text => text.parse().unwrap_or_else(|_| {
                fields.push(FieldError {
                    field: "order".into(),
                    message: format!("{text} is not a whole number."),
                });
                0
            }),
        };
        let pull_policy = match self.pull_policy.as_str() {
            "" => None,
            text => pull_policy(text).or_else(|| {
                fields.push(FieldError {
                    field: "pull_policy".into(),
                    message: format!("There is no pull policy {text}."),
                });
                None
            }),
        };
        if let Some(first) = fields.first() {
            let message = if fields.len() == 1 {
                first.message.clone()
            } else {
                format!("{} fields are wrong.", fields.len())
            };
            return Err(AppError(ApiError {
                fields,
                ..AppError::new(ErrorCode::InvalidInput, message).0
            }));
        }
        let repo_password = if self.clear_repo_password {
            Some(Secret::default())
        } else {
            (!self.repo_password.is_empty()).then(|| Secret::new(self.repo_password.clone()))
        };
        Ok(ContainerImageInput {
            image: self.image.clone(),
            service_type: self.service_type,
            name: self.name.clone(),
            description: self.description.clone(),
            version: self.version.clone(),
            minimum_version: self.minimum_version.clone(),
            recommended_version: self.recommended_version.clone(),
            pull_policy,
            repo_username: self.repo_username.clone(),
            repo_password,
            repo_secret_name: self.repo_secret_name.clone(),
            trusted_with_credentials: self.trusted_with_credentials,
            // Browsers send CRLF; the shell that runs it does not want the CR.
            startup_script: self.startup_script.replace("\r\n", "\n"),
            order,
            users: self.users.clone(),
            groups: self.groups.clone(),
            revision: seen_revision(&self.revision, self.overwrite),
        })
    }
}

impl From<ContainerImageView> for ContainerImageForm {
    fn from(view: ContainerImageView) -> Self {
        Self {
            image: view.image,
            service_type: view.service_type,
            name: view.name,
            description: view.description,
            version: view.version,
            minimum_version: view.minimum_version,
            recommended_version: view.recommended_version,
            pull_policy: view.pull_policy.map_or("", pull_policy_name).into(),
            repo_username: view.repo_username,
            repo_password: String::new(),
            clear_repo_password: false,
            repo_secret_name: view.repo_secret_name,
            trusted_with_credentials: view.trusted_with_credentials,
            startup_script: view.startup_script,
            order: view.order.to_string(),
            users: view.users,
            groups: view.groups,
            revision: view.revision.to_string(),
            overwrite: false,
        }
    }
}

const POLICIES: [PullPolicy; 3] = [PullPolicy::Always, PullPolicy::IfNotPresent, PullPolicy::Never];

/// A pull policy's name, as Kubernetes spells it.
pub fn pull_policy_name(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    }
}

fn pull_policy(name: &str) -> Option<PullPolicy> {
    POLICIES.into_iter().find(|policy| pull_policy_name(*policy) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_password_is_kept_changed_or_forgotten() {
        let form = ContainerImageForm::default();
        assert_eq!(form.input().unwrap().repo_password, None);
        let form = ContainerImageForm {
            repo_password: "new".into(),
            ..form
        };
        assert_eq!(form.input().unwrap().repo_password, Some(Secret::new("new")));
        let form = ContainerImageForm {
            clear_repo_password: true,
            ..form
        };
        assert_eq!(form.input().unwrap().repo_password, Some(Secret::default()));
        assert_eq!(form.without_secrets().repo_password, "");
    }

    #[test]
    fn a_wrong_number_is_said_at_its_field() {
        let form = ContainerImageForm {
            order: "high".into(),
            ..ContainerImageForm::default()
        };
        let error = form.input().unwrap_err();
        assert_eq!(error.0.field("order"), Some("high is not a whole number."));
    }
}

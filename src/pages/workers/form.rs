//! The form that starts a worker, and what it asks core for.

use std::collections::BTreeMap;

use prt_types::{
    ApiError, ErrorCode, FieldError, Secret,
    container_images::{PullPolicy, ServiceType},
    workers::{ImageConfig, WorkerConfig},
};
use serde::{Deserialize, Serialize};

use crate::{error::AppError, pages::builds::key_values};

/// The form as typed. The fields are called as in `WorkerConfig`, so that core's errors find them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerForm {
    pub worker_image: String,
    pub worker_size: String,
    pub image_config: ImageForm,
    pub startup_script: String,
    pub log_level: String,
    pub env_variables: String,
    pub personal_secrets: Vec<String>,
    pub shared_secrets: Vec<String>,
    /// JSON of an object; empty = none.
    pub additional_params: String,
    pub network_protocol: String,
    pub service_type: String,
}

/// The part of the form about the image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageForm {
    pub repo_username: String,
    pub repo_password: String,
    pub repo_secret_name: String,
    pub pull_policy: String,
    pub builder: bool,
    pub builder_capacity: String,
    pub custom_builder_url: String,
}

impl WorkerForm {
    /// The same without secrets: what may wait in the session.
    pub fn without_secrets(mut self) -> Self {
        self.image_config.repo_password.clear();
        self
    }

    /// The request; what cannot even be read is refused here, everything else is for core to judge.
    pub fn into_config(self) -> Result<WorkerConfig, AppError> {
        let mut fields = Vec::new();
        let image = self.image_config;
        let builder_capacity = filled(&image.builder_capacity).and_then(|text| {
            let number = text.trim_end_matches('%').trim_end().parse();
            if number.is_err() {
                fields.push(field(
                    "image_config.builder_capacity",
                    "builder_capacity is a whole percentage from 1 to 99.",
                ));
            }
            number.ok()
        });
        let pull_policy = match image.pull_policy.as_str() {
            "" => None,
            "Always" => Some(PullPolicy::Always),
            "IfNotPresent" => Some(PullPolicy::IfNotPresent),
            "Never" => Some(PullPolicy::Never),
            _ => {
                fields.push(field(
                    "image_config.pull_policy",
                    "pull_policy is Always, IfNotPresent or Never.",
                ));
                None
            }
        };
        let service_type = match self.service_type.as_str() {
            "" => None,
            name => {
                let service = ServiceType::from_name(name);
                if service.is_none() {
                    fields.push(field("service_type", "service_type is cloud_worker or workspace."));
                }
                service
            }
        };
        let env_variables = key_values::parse(&self.env_variables).unwrap_or_else(|message| {
            fields.push(field("env_variables", &message));
            BTreeMap::new()
        });
        let additional_params = match self.additional_params.trim() {
            "" => BTreeMap::new(),
            text => serde_json::from_str(text).unwrap_or_else(|error| {
                fields.push(field(
                    "additional_params",
                    &format!("This is no JSON object, e.g. {{\"nodes\": 3}}: {error}."),
                ));
                BTreeMap::new()
            }),
        };
        if let Some(error) = refusal(fields) {
            return Err(error);
        }
        Ok(WorkerConfig {
            worker_image: self.worker_image.trim().to_owned(),
            worker_size: filled(&self.worker_size),
            service_type,
            image_config: ImageConfig {
                repo_username: filled(&image.repo_username),
                repo_password: (!image.repo_password.is_empty()).then(|| Secret::new(image.repo_password)),
                repo_secret_name: filled(&image.repo_secret_name),
                pull_policy,
                builder: image.builder.then_some(true),
                builder_capacity,
                custom_builder_url: filled(&image.custom_builder_url),
            },
            startup_script: (!self.startup_script.trim().is_empty()).then(|| self.startup_script.replace("\r\n", "\n")),
            log_level: filled(&self.log_level),
            env_variables,
            network_protocol: filled(&self.network_protocol),
            personal_secrets: self.personal_secrets,
            shared_secrets: self.shared_secrets,
            additional_params,
        })
    }
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A wrong field.
pub fn field(name: &str, message: &str) -> FieldError {
    FieldError {
        field: name.to_owned(),
        message: message.to_owned(),
    }
}

/// The refusal of a form with wrong fields, if there are any.
pub fn refusal(fields: Vec<FieldError>) -> Option<AppError> {
    let message = match fields.as_slice() {
        [] => return None,
        [one] => one.message.clone(),
        many => format!("{} fields are wrong.", many.len()),
    };
    Some(AppError(ApiError {
        code: ErrorCode::InvalidInput,
        message,
        hint: None,
        fields,
        request_id: String::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_are_unset() {
        let form = WorkerForm {
            worker_image: " practicus-minimal ".into(),
            ..WorkerForm::default()
        };
        let config = form.into_config().expect("valid");
        assert_eq!(
            config,
            WorkerConfig {
                worker_image: "practicus-minimal".into(),
                ..WorkerConfig::default()
            }
        );
    }

    #[test]
    fn all_unreadable_fields_are_named_at_once() {
        let form = WorkerForm {
            image_config: ImageForm {
                builder_capacity: "half".into(),
                ..ImageForm::default()
            },
            env_variables: "X".into(),
            additional_params: "[1]".into(),
            ..WorkerForm::default()
        };
        let error = form.into_config().expect_err("refused").0;
        assert_eq!(
            error
                .fields
                .iter()
                .map(|field| field.field.as_str())
                .collect::<Vec<_>>(),
            ["image_config.builder_capacity", "env_variables", "additional_params"]
        );
    }

    #[test]
    fn the_password_does_not_wait_in_the_session() {
        let mut form = WorkerForm::default();
        form.image_config.repo_password = "hunter2".into();
        assert!(
            !serde_json::to_string(&form.without_secrets())
                .expect("json")
                .contains("hunter2")
        );
    }
}

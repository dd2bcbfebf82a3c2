//! The form that starts a build, and what it asks core for.

use std::collections::BTreeMap;

use prt_types::{
    FieldError, Secret,
    builds::{BuildRequest, CredentialUse, RegistryCredential, RerunRequest},
};
use serde::{Deserialize, Serialize};

use super::{
    key_values,
    option_form::{self, OptionForm, SecretForm},
};
use crate::{
    error::AppError,
    pages::workers::{field, refusal},
};

/// Rows for registry logins in the form.
pub const CREDENTIAL_ROWS: usize = 6;

/// The form as typed, without the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildForm {
    pub worker: String,
    pub dockerfile_text: String,
    pub context: String,
    pub dockerfile_path: String,
    /// Of the folder that came with the form; made by the console.
    #[serde(skip)]
    pub context_id: String,
    pub name: String,
    pub tag: String,
    pub push_image: bool,
    pub insecure_registry: bool,
    pub no_cache: bool,
    pub build_args: String,
    pub additional_build_params: String,
    pub custom_build_command: String,
    pub options: OptionForm,
    pub registry_credentials: Vec<CredentialForm>,
    pub registry_secrets: Vec<String>,
    /// What those that are not for everything are for, by name.
    pub secret_uses: BTreeMap<String, String>,
}

/// A registry login as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialForm {
    pub host: String,
    pub username: String,
    pub password: String,
    /// `pull`, `push`, or nothing for both.
    pub only: String,
}

/// The form that runs a build again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RerunForm {
    pub number: i64,
    pub no_cache: bool,
    pub registry_credentials: Vec<CredentialForm>,
    pub secrets: Vec<SecretForm>,
}

impl BuildForm {
    /// Takes one field of a plain POST; says whether the form has such a field.
    pub fn set(&mut self, name: &str, value: String) -> bool {
        match name {
            "worker" => self.worker = value.trim().to_owned(),
            "dockerfile_text" => self.dockerfile_text = value.replace("\r\n", "\n"),
            "context" => value.trim().clone_into(&mut self.context),
            "dockerfile_path" => value.trim().clone_into(&mut self.dockerfile_path),
            "name" => self.name = value.trim().to_owned(),
            "tag" => self.tag = value.trim().to_owned(),
            "push_image" => self.push_image = value == "true",
            "insecure_registry" => self.insecure_registry = value == "true",
            "no_cache" => self.no_cache = value == "true",
            "build_args" => self.build_args = value,
            "additional_build_params" => value.trim().clone_into(&mut self.additional_build_params),
            "custom_build_command" => value.trim().clone_into(&mut self.custom_build_command),
            "registry_secrets[]" => self.registry_secrets.push(value),
            _ if name.starts_with("secret_uses[") => return self.set_secret_use(name, value),
            _ if name.starts_with("registry_credentials[") => return self.set_credential(name, value),
            _ => return self.options.set(name, value),
        }
        true
    }

    /// `secret_uses[corp-robot]`
    fn set_secret_use(&mut self, name: &str, value: String) -> bool {
        let Some(secret) = name
            .strip_prefix("secret_uses[")
            .and_then(|rest| rest.strip_suffix(']'))
        else {
            return false;
        };
        if !value.is_empty() {
            self.secret_uses.insert(secret.to_owned(), value);
        }
        true
    }

    /// `registry_credentials[0][host]`
    fn set_credential(&mut self, name: &str, value: String) -> bool {
        let part = || {
            let (row, part) = name
                .strip_prefix("registry_credentials[")?
                .strip_suffix(']')?
                .split_once("][")?;
            Some((row.parse::<usize>().ok().filter(|row| *row < CREDENTIAL_ROWS)?, part))
        };
        let Some((row, part)) = part() else { return false };
        if self.registry_credentials.len() <= row {
            self.registry_credentials.resize_with(row + 1, CredentialForm::default);
        }
        let credential = &mut self.registry_credentials[row];
        match part {
            "host" => value.trim().clone_into(&mut credential.host),
            "username" => value.trim().clone_into(&mut credential.username),
            "password" => credential.password = value,
            "only" => credential.only = value,
            _ => return false,
        }
        true
    }

    /// The same without secrets: what may wait in the session.
    pub fn without_secrets(mut self) -> Self {
        self.registry_credentials
            .iter_mut()
            .for_each(|credential| credential.password.clear());
        self.options = self.options.without_secrets();
        self
    }

    /// The request; what cannot even be read is refused here, everything else is for core to judge.
    pub fn into_request(self) -> Result<BuildRequest, AppError> {
        let mut fields = Vec::new();
        let build_args = key_values::parse(&self.build_args).unwrap_or_else(|message| {
            fields.push(field("build_args", &message));
            BTreeMap::new()
        });
        let registry_credentials = credentials(self.registry_credentials, &mut fields);
        let mut request = BuildRequest::default();
        self.options.fill(&mut request, &mut fields);
        if let Some(error) = refusal(fields) {
            return Err(error);
        }
        let uses = self.secret_uses;
        let registry_secrets = self
            .registry_secrets
            .into_iter()
            .map(|name| match uses.get(&name) {
                Some(only) => format!("{name}:{only}"),
                None => name,
            })
            .collect();
        Ok(BuildRequest {
            worker: self.worker,
            name: self.name,
            tag: self.tag,
            push_image: self.push_image,
            build_args,
            registry_credentials,
            registry_secrets,
            insecure_registry: self.insecure_registry,
            no_cache: self.no_cache,
            context_id: self.context_id,
            context: self.context,
            dockerfile: self.dockerfile_path,
            additional_build_params: self.additional_build_params,
            custom_build_command: self.custom_build_command,
            ..request
        })
    }
}

impl RerunForm {
    /// The same without secrets.
    pub fn without_secrets(mut self) -> Self {
        self.registry_credentials
            .iter_mut()
            .for_each(|credential| credential.password.clear());
        self.secrets.iter_mut().for_each(|secret| secret.value.clear());
        self
    }

    /// The request. A login whose password was left empty is left out: the registry may do without.
    pub fn into_request(self) -> RerunRequest {
        let given = self
            .registry_credentials
            .into_iter()
            .filter(|credential| !credential.password.is_empty());
        let registry_credentials = given
            .map(|given| RegistryCredential {
                host: given.host,
                username: given.username,
                password: Secret::new(given.password),
                only: CredentialUse::from_name(&given.only),
            })
            .collect();
        RerunRequest {
            registry_credentials,
            registry_secrets: Vec::new(),
            secrets: option_form::secrets(self.secrets),
            no_cache: self.no_cache,
        }
    }
}

/// The rows that were filled in. Half a row is a mistake, not an empty one.
fn credentials(rows: Vec<CredentialForm>, fields: &mut Vec<FieldError>) -> Vec<RegistryCredential> {
    let mut out = Vec::new();
    for row in rows {
        match (row.host.is_empty(), row.username.is_empty(), row.password.is_empty()) {
            (true, true, true) => {}
            (false, false, false) => {
                out.push(RegistryCredential {
                    host: row.host,
                    username: row.username,
                    password: Secret::new(row.password),
                    only: CredentialUse::from_name(&row.only),
                });
            }
            _ => {
                let host = if row.host.is_empty() {
                    "A registry login".to_owned()
                } else {
                    row.host
                };
                fields.push(field(
                    "registry_credentials",
                    &format!("{host} needs a host, a user and a password."),
                ));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_post_fills_the_form() {
        let mut form = BuildForm::default();
        for (name, value) in [
            ("worker", "Worker-3"),
            ("dockerfile_text", "FROM a\r\nRUN b\r\n"),
            ("push_image", "true"),
            ("registry_secrets[]", "corp-robot"),
            ("registry_secrets[]", "mine"),
            ("registry_credentials[1][host]", " r.example.com "),
            ("registry_credentials[1][username]", "u"),
            ("registry_credentials[1][password]", " p "),
            ("registry_credentials[1][only]", "push"),
            ("secret_uses[corp-robot]", "pull"),
            ("secret_uses[mine]", ""),
        ] {
            assert!(form.set(name, value.to_owned()), "{name}");
        }
        for name in [
            "nonsense",
            "registry_credentials[9][host]",
            "registry_credentials[0][x]",
            "registry_credentials[-1][host]",
        ] {
            assert!(!form.set(name, String::new()), "{name}");
        }
        assert_eq!(form.dockerfile_text, "FROM a\nRUN b\n");
        let request = form.clone().into_request().expect("valid");
        assert!(request.push_image && !request.no_cache);
        assert_eq!(request.registry_credentials.len(), 1);
        assert_eq!(request.registry_secrets, ["corp-robot:pull", "mine"]);
        assert_eq!(request.registry_credentials[0].only, Some(CredentialUse::Push));
        assert_eq!(request.registry_credentials[0].password.expose(), " p ");
        assert!(!format!("{:?}", form.without_secrets()).contains(" p "));
    }

    #[test]
    fn half_a_login_is_refused() {
        let mut form = BuildForm::default();
        form.set("registry_credentials[0][host]", "r.example.com".to_owned());
        form.set("build_args", "X".to_owned());
        let error = form.into_request().expect_err("refused").0;
        assert_eq!(error.fields.len(), 2);
        assert_eq!(
            error.field("registry_credentials"),
            Some("r.example.com needs a host, a user and a password.")
        );
    }

    #[test]
    fn a_rerun_sends_only_the_logins_that_were_given() {
        let mut form = RerunForm {
            number: 3,
            no_cache: true,
            ..RerunForm::default()
        };
        form.registry_credentials.push(CredentialForm {
            host: "a".into(),
            username: "u".into(),
            password: "p".into(),
            only: String::new(),
        });
        form.registry_credentials.push(CredentialForm {
            host: "b".into(),
            username: "u".into(),
            password: String::new(),
            only: String::new(),
        });
        let request = form.into_request();
        assert!(request.no_cache);
        assert_eq!(request.registry_credentials.len(), 1);
    }
}

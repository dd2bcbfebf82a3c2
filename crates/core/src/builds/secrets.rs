//! Secret mounts of a build: checked, looked up by name, and sealed with the logins for as long as the build runs.

use std::collections::BTreeSet;

use prt_types::{
    Secret,
    builds::{BuildSecret, BuildSecretView, RegistryCredential as Login},
    ids::BuildId,
};
use serde::{Deserialize, Serialize};

use crate::{
    Orchestrator,
    buildkit::launcher::SecretFile,
    error::{Error, Fields, Result},
    named_secrets::Given,
    op_context::Actor,
    store::{Build, Repository},
};

const FIELD: &str = "secrets";
const LONGEST_ID: usize = 128;
const MOST: usize = 50;
/// Most bytes of one build's values: the console and the builder have them in memory.
const TOTAL_MAX: usize = 128 * 1024;

/// What a build uses and nobody may read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sealed {
    pub logins: Vec<Login>,
    pub secrets: Vec<SecretFile>,
}

/// The secret mounts of a request.
#[derive(Default)]
pub(super) struct Mounts {
    pub files: Vec<SecretFile>,
    pub views: Vec<BuildSecretView>,
    /// Those that the console stores.
    pub stored: Vec<Given>,
}

/// What can be said about them without looking anything up.
pub(super) fn check(secrets: &[BuildSecret], wrong: &mut Fields) {
    let mut ids = BTreeSet::new();
    for secret in secrets {
        let id = &secret.id;
        let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(sign) || matches!(id.as_str(), "." | "..") {
            let message =
                format!("{id:?} is no id of a secret: letters, digits, ., _ and - only, at most {LONGEST_ID}.");
            wrong.add(FIELD, message);
        } else if !ids.insert(id) {
            wrong.add(FIELD, format!("The secret {id} is given twice."));
        }
        let places = [
            secret.value.is_some(),
            secret.personal_secret.is_some(),
            secret.shared_secret.is_some(),
        ];
        if places.iter().filter(|given| **given).count() != 1 {
            wrong.add(
                FIELD,
                format!("The secret {id} needs exactly one of value, personal_secret and shared_secret."),
            );
        }
        if secret.value.as_ref().is_some_and(Secret::is_empty) {
            wrong.add(FIELD, format!("The value of the secret {id} is empty."));
        }
    }
    if secrets.len() > MOST {
        wrong.add(FIELD, format!("A build has at most {MOST} secrets."));
    }
}

impl Orchestrator {
    /// The values of checked secret mounts.
    pub(super) async fn build_mounts(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        secrets: Vec<BuildSecret>,
    ) -> Result<Mounts> {
        let mut mounts = Mounts::default();
        let mut wrong = Fields::new();
        for secret in secrets {
            let value = match (secret.value, &secret.personal_secret, &secret.shared_secret) {
                (Some(value), _, _) => value,
                (None, personal, shared) => {
                    let found = self
                        .secret_for_build(tx, actor, personal.as_deref(), shared.as_deref())
                        .await?;
                    match found {
                        Ok(given) => {
                            let value = given.value.clone();
                            mounts.stored.push(given);
                            value
                        }
                        Err(message) => {
                            wrong.add(FIELD, message);
                            continue;
                        }
                    }
                }
            };
            mounts.views.push(BuildSecretView {
                id: secret.id.clone(),
                personal_secret: secret.personal_secret,
                shared_secret: secret.shared_secret,
            });
            mounts.files.push(SecretFile { id: secret.id, value });
        }
        let total: usize = mounts.files.iter().map(|file| file.value.expose().len()).sum();
        if total > TOTAL_MAX {
            wrong.add(FIELD, "The secrets of a build have more than 128 KiB together.");
        }
        wrong.check()?;
        Ok(mounts)
    }

    /// What a build uses, for its row; nothing if it uses nothing.
    pub(super) fn build_seal(&self, id: BuildId, sealed: &Sealed) -> Result<Option<Vec<u8>>> {
        if sealed.logins.is_empty() && sealed.secrets.is_empty() {
            return Ok(None);
        }
        let json = serde_json::to_vec(sealed).map_err(|error| Error::internal("writing logins", error))?;
        self.inner.sealer.seal(&format!("build/{id}"), &json).map(Some)
    }

    /// What a build that has not ended uses.
    pub(super) fn build_sealed(&self, build: &Build) -> Result<Sealed> {
        let Some(sealed) = &build.credentials_sealed else {
            return Ok(Sealed::default());
        };
        let json = self.inner.sealer.open(&format!("build/{}", build.id), sealed)?;
        // Builds that an earlier version started have logins alone.
        if let Ok(logins) = serde_json::from_slice::<Vec<Login>>(&json) {
            return Ok(Sealed {
                logins,
                secrets: vec![],
            });
        }
        serde_json::from_slice(&json).map_err(|error| Error::internal("reading logins", error))
    }
}

/// The secret mounts of a build that runs again: those that are given, and of the others those that the console stores.
pub(super) fn again(number: i64, earlier: &[BuildSecretView], mut given: Vec<BuildSecret>) -> Result<Vec<BuildSecret>> {
    let mut missing = vec![];
    for view in earlier {
        if given.iter().any(|secret| secret.id == view.id) {
            continue;
        }
        if view.is_typed() {
            missing.push(view.id.as_str());
            continue;
        }
        given.push(BuildSecret {
            id: view.id.clone(),
            value: None,
            personal_secret: view.personal_secret.clone(),
            shared_secret: view.shared_secret.clone(),
        });
    }
    if missing.is_empty() {
        return Ok(given);
    }
    let ids = missing.join(", ");
    Err(Error::field(
        FIELD,
        format!("Build #{number} used the secret {ids}. Values are not stored after a build; give it again."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(secrets: &[BuildSecret]) -> bool {
        let mut wrong = Fields::new();
        check(secrets, &mut wrong);
        wrong.check().is_err()
    }

    fn typed(id: &str) -> BuildSecret {
        BuildSecret {
            id: id.into(),
            value: Some("v".into()),
            ..BuildSecret::default()
        }
    }

    #[test]
    fn a_secret_has_an_id_and_one_source() {
        assert!(!wrong(&[typed(".npmrc"), typed("pip_conf-2")]));
        assert!(wrong(&[typed("a"), typed("a")]));
        for id in ["", "a b", "a,src=/x", "../a", "a/b", ".", "..", &"x".repeat(129)] {
            assert!(wrong(&[typed(id)]), "{id:?}");
        }
        let none = BuildSecret {
            value: None,
            ..typed("a")
        };
        let both = BuildSecret {
            shared_secret: Some("S".into()),
            ..typed("a")
        };
        let empty = BuildSecret {
            value: Some("".into()),
            ..typed("a")
        };
        assert!(wrong(&[none]) && wrong(&[both]) && wrong(&[empty]));
    }

    #[test]
    fn a_build_that_runs_again_needs_typed_values_again() {
        let stored = BuildSecretView {
            id: "npm".into(),
            shared_secret: Some("NPM".into()),
            ..BuildSecretView::default()
        };
        let gone = BuildSecretView {
            id: "key".into(),
            ..BuildSecretView::default()
        };
        let again = |given| again(3, &[stored.clone(), gone.clone()], given);
        assert!(again(vec![]).unwrap_err().to_string().contains("the secret key."));
        let secrets = again(vec![typed("key")]).unwrap();
        assert_eq!(secrets.len(), 2);
        assert_eq!(secrets[1].shared_secret.as_deref(), Some("NPM"));
        assert_eq!(again(vec![typed("key"), typed("npm")]).unwrap().len(), 2);
    }
}

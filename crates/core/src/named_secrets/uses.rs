//! Secrets on their way into a worker.

use prt_types::{Secret, audit::Outcome, named_secrets::SecretKind};
use serde_json::json;

use super::{kind, sealed_for, uses};
use crate::{
    Orchestrator,
    error::{Error, Fields, Result},
    op_context::{Actor, OpContext},
    store::{NamedSecret, Repository},
};

/// More names than this help nobody.
const NAMES_SHOWN: usize = 20;
/// Most bytes of one worker's values: in its memory they are there twice.
const TOTAL_MAX: usize = 128 * 1024;

/// A secret that a worker gets.
pub(crate) struct Given {
    pub name: String,
    pub value: Secret,
    secret: NamedSecret,
}

impl Given {
    /// Whether others share it with its user.
    pub(crate) fn is_shared(&self) -> bool {
        kind(&self.secret) == SecretKind::Shared
    }
}

impl Orchestrator {
    /// The secrets of these names, if the actor may use them all. A refusal names those that they may use.
    pub(crate) async fn secrets_pick(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        personal: &[String],
        shared: &[String],
    ) -> Result<Vec<Given>> {
        if personal.is_empty() && shared.is_empty() {
            return Ok(vec![]);
        }
        let mut mine = tx.named_secrets(actor.user_id).await?;
        mine.retain(|secret| uses(actor, secret));
        let mut given = Vec::new();
        let mut fields = Fields::new();
        let asked = [
            ("personal_secrets", SecretKind::Personal, personal),
            ("shared_secrets", SecretKind::Shared, shared),
        ];
        for (field, wanted, names) in asked {
            for name in names {
                let found = mine.iter().find(|one| kind(one) == wanted && one.name == *name);
                match found {
                    Some(secret) => given.push(self.secret_open(secret)?),
                    None => fields.add(field, unknown(&mine, wanted, name)),
                }
            }
        }
        fields.check()?;
        let total: usize = given.iter().map(|one| one.value.expose().len()).sum();
        if total > TOTAL_MAX {
            let field = if shared.is_empty() {
                "personal_secrets"
            } else {
                "shared_secrets"
            };
            return Err(Error::field(
                field,
                "The secrets of a worker are longer than 128 KiB together.",
            ));
        }
        Ok(given)
    }

    /// The secret of this name for a build, or why there is none.
    pub(crate) async fn secret_for_build(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        personal: Option<&str>,
        shared: Option<&str>,
    ) -> Result<std::result::Result<Given, String>> {
        let (wanted, name) = match (personal, shared) {
            (Some(name), _) => (SecretKind::Personal, name),
            (None, name) => (SecretKind::Shared, name.unwrap_or_default()),
        };
        let mut mine = tx.named_secrets(actor.user_id).await?;
        mine.retain(|secret| uses(actor, secret));
        match mine.iter().find(|one| kind(one) == wanted && one.name == name) {
            Some(secret) => self.secret_open(secret).map(Ok),
            None => Ok(Err(unknown(&mine, wanted, name))),
        }
    }

    fn secret_open(&self, secret: &NamedSecret) -> Result<Given> {
        let plain = self.inner.sealer.open(&sealed_for(secret), &secret.value_sealed)?;
        Ok(Given {
            name: secret.name.clone(),
            value: String::from_utf8_lossy(&plain).into_owned().into(),
            secret: secret.clone(),
        })
    }

    /// Records that a worker or a build, `place` and its `name`, gets it, within the transaction that adds that.
    pub(crate) async fn secret_used(
        &self,
        tx: &mut dyn Repository,
        cx: &OpContext,
        given: &Given,
        (place, name): (&str, &str),
    ) -> Result<()> {
        tx.named_secret_used(given.secret.id, self.now_ms()).await?;
        let details = json!({ "kind": kind(&given.secret), place: name });
        self.audit_add(tx, cx, "secret.use", &given.name, Outcome::Done, details)
            .await
    }
}

fn unknown(mine: &[NamedSecret], wanted: SecretKind, name: &str) -> String {
    let mut names: Vec<&str> = mine
        .iter()
        .filter(|secret| kind(secret) == wanted)
        .map(|secret| secret.name.as_str())
        .collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    names.truncate(NAMES_SHOWN);
    let which = match (names.as_slice(), more) {
        ([], _) => "You may use none; they are kept in Infrastructure > Secrets.".to_owned(),
        (names, 0) => format!("You may use: {}.", names.join(", ")),
        (names, more) => format!("You may use: {} and {more} more.", names.join(", ")),
    };
    format!(
        "There is no {} secret {name:?} that you may use. {which}",
        wanted.name()
    )
}

/// The file that a shell reads them from.
pub(crate) fn file(given: &[Given]) -> Secret {
    let lines = given.iter().map(|one| export(&one.name, one.value.expose()));
    Secret::new(lines.collect::<String>())
}

/// The same for a program: `NAME=value`, each with a NUL behind it, which no value has.
pub(crate) fn environment(given: &[Given]) -> Secret {
    let variables = given.iter().map(|one| format!("{}={}\0", one.name, one.value.expose()));
    Secret::new(variables.collect::<String>())
}

/// In single quotes nothing is special to a shell, and a single quote is left out of them.
pub(super) fn export(name: &str, value: &str) -> String {
    format!("export {name}='{}'\n", value.replace('\'', r"'\''"))
}

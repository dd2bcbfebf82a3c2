//! Kept registry credentials: who may see, change and use which, and the use itself.
//!
//! A credential is sent to its own registry and to no other. Its password is sealed together with the host, so that not even a changed
//! row takes it elsewhere, and it never comes back to anybody.

use prt_types::{
    audit::Outcome,
    builds::RegistryCredential as Login,
    ids::RegistryCredentialId,
    registry_credentials::{CredentialScope, CredentialTest, RegistryCredentialInput, RegistryCredentialView},
};
use serde_json::json;

use crate::{
    Orchestrator,
    access::everyone,
    authz::granted,
    clock::new_id,
    error::{Error, Fields, Result},
    names::Names,
    op_context::{Actor, OpContext},
    orchestrator::Change,
    registry::login,
    store::{Grantee, RegistryCredential, Repository},
};

/// Where they are kept; every refusal names it.
pub const WHERE: &str = "Infrastructure > Registries";
/// Longest name.
const NAME_MAX: usize = 63;
/// More names than this help nobody.
const NAMES_SHOWN: usize = 20;

impl Orchestrator {
    /// Those that the asker may use or manage, by name.
    pub async fn registry_credential_list(&self, cx: &OpContext) -> Result<Vec<RegistryCredentialView>> {
        let actor = cx.person("list registry credentials")?;
        let mut tx = self.read().await?;
        let mut credentials = tx.registry_credentials().await?;
        credentials.retain(|credential| sees(actor, credential));
        let names = Names::of(
            &mut *tx,
            credentials.iter().map(|credential| credential.owner).collect(),
        )
        .await?;
        let view = |credential| self.credential_view_with(&names, actor, credential);
        Ok(credentials.into_iter().map(view).collect())
    }

    /// One of them.
    pub async fn registry_credential_get(
        &self,
        cx: &OpContext,
        id: RegistryCredentialId,
    ) -> Result<RegistryCredentialView> {
        let actor = cx.person("read registry credentials")?;
        let mut tx = self.read().await?;
        let credential = visible(&mut *tx, actor, id).await?;
        self.credential_view(&mut *tx, actor, credential).await
    }

    /// Adds one: for the asker; for anybody else only by an admin.
    pub async fn registry_credential_create(
        &self,
        cx: &OpContext,
        input: RegistryCredentialInput,
    ) -> Result<RegistryCredentialView> {
        let result = self.credential_save(cx, None, &input).await;
        self.audit_refusal(cx, "registry_credential.create", &input.name, result)
            .await
    }

    /// Changes one. Workers and builds that have begun are left alone.
    pub async fn registry_credential_update(
        &self,
        cx: &OpContext,
        id: RegistryCredentialId,
        input: RegistryCredentialInput,
    ) -> Result<RegistryCredentialView> {
        let result = self.credential_save(cx, Some(id), &input).await;
        self.audit_refusal(cx, "registry_credential.update", &input.name, result)
            .await
    }

    async fn credential_save(
        &self,
        cx: &OpContext,
        id: Option<RegistryCredentialId>,
        input: &RegistryCredentialInput,
    ) -> Result<RegistryCredentialView> {
        let actor = cx.person("change registry credentials")?;
        let now = self.now_ms();
        let mut tx = self.write().await?;
        let before = match id {
            Some(id) => Some(editable(&mut *tx, actor, id).await?),
            None => None,
        };
        if let (Some(before), Some(seen)) = (&before, input.revision)
            && before.revision != seen
        {
            return Err(changed_meanwhile());
        }
        validate(input, before.as_ref(), now)?;
        let (name, host) = (input.name.trim().to_owned(), registry_of(&input.host));
        let owner = owner(&mut *tx, actor, input).await?;
        let namesake = tx.registry_credential_by_name(&name).await?;
        if namesake.is_some_and(|other| before.as_ref().is_none_or(|before| before.id != other.id)) {
            return Err(Error::AlreadyExists {
                kind: "Registry credential",
                id: name,
            });
        }
        if let Some(before) = before.as_ref().filter(|before| before.host != host)
            && let rules = self.rules_with(&mut *tx, before.id).await?
            && !rules.is_empty()
        {
            let rules = rules.join(", ");
            let message = format!(
                "It stays with {} as long as Container Images use it: {rules}.",
                before.host
            );
            return Err(Error::field("host", message));
        }
        let id = before
            .as_ref()
            .map_or_else(|| RegistryCredentialId(new_id()), |before| before.id);
        let password_sealed = match (&input.password, &before) {
            (Some(password), _) => self
                .inner
                .sealer
                .seal(&sealed_for(id, &host), password.expose().as_bytes())?,
            (None, Some(before)) => before.password_sealed.clone(),
            (None, None) => return Err(Error::field("password", "The password is missing.")),
        };
        let after = RegistryCredential {
            id,
            name,
            host,
            username: input.username.trim().to_owned(),
            password_sealed,
            owner,
            stored_by: match (&input.password, &before) {
                (None, Some(before)) => before.stored_by,
                _ => Some(actor.user_id),
            },
            expires_ms: input.expires_ms,
            last_used_ms: before.as_ref().and_then(|before| before.last_used_ms),
            revision: before.as_ref().map_or(1, |before| before.revision + 1),
            created_ms: before.as_ref().map_or(now, |before| before.created_ms),
            updated_ms: now,
        };
        let new_password = input.password.is_some();
        let saved = self.credential_view(&mut *tx, actor, after.clone()).await?;
        let (action, details) = match before {
            None => {
                tx.registry_credential_add(&after).await?;
                ("registry_credential.create", json!({ "after": saved }))
            }
            Some(before) => {
                if !tx.registry_credential_update(&after).await? {
                    return Err(changed_meanwhile());
                }
                let before = self.credential_view(&mut *tx, actor, before).await?;
                (
                    "registry_credential.update",
                    json!({ "before": before, "after": saved, "new_password": new_password }),
                )
            }
        };
        self.audit_add(&mut *tx, cx, action, &after.name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        self.changed(None, Change::RegistryCredentials);
        Ok(saved)
    }

    /// Removes one, unless a Container Image uses it. Builds and workers that have begun are left alone.
    pub async fn registry_credential_delete(&self, cx: &OpContext, id: RegistryCredentialId) -> Result<()> {
        let result = self.credential_remove(cx, id).await;
        self.audit_refusal(cx, "registry_credential.delete", &id.to_string(), result)
            .await
    }

    async fn credential_remove(&self, cx: &OpContext, id: RegistryCredentialId) -> Result<()> {
        let actor = cx.person("delete registry credentials")?;
        let mut tx = self.write().await?;
        let before = editable(&mut *tx, actor, id).await?;
        let rules = self.rules_with(&mut *tx, id).await?;
        if !rules.is_empty() {
            return Err(Error::Conflict {
                message: format!("Container Images use {}: {}.", before.name, rules.join(", ")),
                hint: Some("Change those first, in Infrastructure > Container Images.".into()),
            });
        }
        let name = before.name.clone();
        let before = self.credential_view(&mut *tx, actor, before).await?;
        tx.registry_credential_remove(id).await?;
        let details = json!({ "before": before });
        self.audit_add(
            &mut *tx,
            cx,
            "registry_credential.delete",
            &name,
            Outcome::Done,
            details,
        )
        .await?;
        tx.save().await?;
        self.changed(None, Change::RegistryCredentials);
        Ok(())
    }

    /// Asks its registry whether the login works. That it does not is an answer, not an error.
    pub async fn registry_credential_test(&self, cx: &OpContext, id: RegistryCredentialId) -> Result<CredentialTest> {
        let actor = cx.person("test registry credentials")?;
        let credential = visible(&mut *self.read().await?, actor, id).await?;
        let tested = match self.open_unless_expired(&credential)? {
            Err(message) => Err(message),
            Ok(login) => self
                .registry_client()
                .await?
                .check_login(&login, false)
                .await
                .map_err(|error| error.to_string()),
        };
        let test = CredentialTest {
            ok: tested.is_ok(),
            message: tested
                .err()
                .unwrap_or_else(|| format!("The registry {} let {} in.", credential.host, credential.username)),
        };
        let mut tx = self.write().await?;
        let details = json!({ "host": credential.host, "ok": test.ok, "message": test.message });
        self.audit_add(
            &mut *tx,
            cx,
            "registry_credential.test",
            &credential.name,
            Outcome::Done,
            details,
        )
        .await?;
        tx.save().await?;
        Ok(test)
    }

    /// The credential that `field` names, if the asker may use it and it has not ended. The error names those that they may use.
    pub(crate) async fn credential_pick(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        name: &str,
        field: &str,
    ) -> Result<(RegistryCredential, Login)> {
        let name = name.trim();
        let Some(credential) = tx
            .registry_credential_by_name(name)
            .await?
            .filter(|credential| uses(actor, credential))
        else {
            let mut names: Vec<String> = tx
                .registry_credentials()
                .await?
                .into_iter()
                .filter(|credential| uses(actor, credential))
                .map(|credential| credential.name)
                .collect();
            let more = names.len().saturating_sub(NAMES_SHOWN);
            names.truncate(NAMES_SHOWN);
            let which = match (names.as_slice(), more) {
                ([], _) => format!("You may use none; they are kept in {WHERE}."),
                (names, 0) => format!("You may use: {}.", names.join(", ")),
                (names, more) => format!("You may use: {} and {more} more.", names.join(", ")),
            };
            let message = format!("There is no registry credential {name:?} that you may use. {which}");
            return Err(Error::field(field, message));
        };
        match self.open_unless_expired(&credential)? {
            Ok(login) => Ok((credential, login)),
            Err(message) => Err(Error::field(field, message)),
        }
    }

    /// The credential of a Container Image rule: the admin picked it, so the asker needs no access to it.
    pub(crate) async fn credential_of_rule(
        &self,
        tx: &mut dyn Repository,
        id: RegistryCredentialId,
        rule: &str,
    ) -> Result<(RegistryCredential, Login)> {
        let credential = tx
            .registry_credential(id)
            .await?
            .ok_or_else(|| Error::bug(format!("the registry credential of the rule {rule} is missing")))?;
        match self.open_unless_expired(&credential)? {
            Ok(login) => Ok((credential, login)),
            Err(message) => Err(Error::Conflict {
                message,
                hint: Some(format!("The Container Image {rule} uses it. Ask an admin to renew it.")),
            }),
        }
    }

    /// Records that it is used, within the transaction of what it is used for.
    pub(crate) async fn credential_used(
        &self,
        tx: &mut dyn Repository,
        cx: &OpContext,
        credential: &RegistryCredential,
        details: serde_json::Value,
    ) -> Result<()> {
        tx.registry_credential_used(credential.id, self.now_ms()).await?;
        self.audit_add(
            tx,
            cx,
            "registry_credential.use",
            &credential.name,
            Outcome::Done,
            details,
        )
        .await
    }

    /// The login, or the words about its end.
    fn open_unless_expired(&self, credential: &RegistryCredential) -> Result<std::result::Result<Login, String>> {
        if let Some(end) = credential.expires_ms.filter(|end| *end <= self.now_ms()) {
            return Ok(Err(format!(
                "The registry credential {} expired on {}. Renew it in {WHERE}.",
                credential.name,
                utc(end)
            )));
        }
        let sealed_for = sealed_for(credential.id, &credential.host);
        let plain = self.inner.sealer.open(&sealed_for, &credential.password_sealed)?;
        Ok(Ok(Login {
            host: credential.host.clone(),
            username: credential.username.clone(),
            password: String::from_utf8_lossy(&plain).into_owned().into(),
            only: None,
        }))
    }

    /// Container Image rules that use it.
    async fn rules_with(&self, tx: &mut dyn Repository, id: RegistryCredentialId) -> Result<Vec<String>> {
        let rules = tx.container_images().await?;
        Ok(rules
            .into_iter()
            .filter(|rule| rule.repo_credential_id == Some(id))
            .map(|rule| rule.image)
            .collect())
    }

    async fn credential_view(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        credential: RegistryCredential,
    ) -> Result<RegistryCredentialView> {
        let names = Names::of(tx, vec![credential.owner]).await?;
        Ok(self.credential_view_with(&names, actor, credential))
    }

    fn credential_view_with(
        &self,
        names: &Names,
        actor: &Actor,
        credential: RegistryCredential,
    ) -> RegistryCredentialView {
        let (usable, editable) = (uses(actor, &credential), edits(actor, &credential));
        let (scope, owner) = match credential.owner {
            Grantee::User(id) => (CredentialScope::User, names.user(id).unwrap_or_default().to_owned()),
            Grantee::Group(id) => match names.group(id) {
                Some(group) if group.everyone => (CredentialScope::Everyone, String::new()),
                group => (
                    CredentialScope::Group,
                    group.map_or_else(String::new, |group| group.name.clone()),
                ),
            },
        };
        RegistryCredentialView {
            id: credential.id,
            name: credential.name,
            host: credential.host,
            username: credential.username,
            scope,
            owner,
            expires_ms: credential.expires_ms,
            expired: credential.expires_ms.is_some_and(|end| end <= self.now_ms()),
            last_used_ms: credential.last_used_ms,
            usable,
            editable,
            revision: credential.revision,
            created_ms: credential.created_ms,
            updated_ms: credential.updated_ms,
        }
    }
}

/// Whether the actor may use it by its name. Admins, too, only what is for them.
fn uses(actor: &Actor, credential: &RegistryCredential) -> bool {
    granted(actor, &[credential.owner])
}

/// Whether using it tells the actor nothing new: it is theirs alone, and they gave its password.
pub(crate) fn is_own(actor: &Actor, credential: &RegistryCredential) -> bool {
    credential.owner == Grantee::User(actor.user_id) && credential.stored_by == Some(actor.user_id)
}

/// Whether the actor may change it.
fn edits(actor: &Actor, credential: &RegistryCredential) -> bool {
    actor.is_admin() || credential.owner == Grantee::User(actor.user_id)
}

fn sees(actor: &Actor, credential: &RegistryCredential) -> bool {
    uses(actor, credential) || edits(actor, credential)
}

async fn visible(tx: &mut dyn Repository, actor: &Actor, id: RegistryCredentialId) -> Result<RegistryCredential> {
    tx.registry_credential(id)
        .await?
        .filter(|credential| sees(actor, credential))
        .ok_or_else(|| Error::not_found("registry credential", id))
}

async fn editable(tx: &mut dyn Repository, actor: &Actor, id: RegistryCredentialId) -> Result<RegistryCredential> {
    let credential = visible(tx, actor, id).await?;
    if edits(actor, &credential) {
        Ok(credential)
    } else {
        Err(Error::forbidden(
            format!("Only an admin can change the registry credential {}.", credential.name),
            "Ask an admin, or keep one of your own.",
        ))
    }
}

/// Who it is for. Only admins keep one for others: it would be used in their name.
async fn owner(tx: &mut dyn Repository, actor: &Actor, input: &RegistryCredentialInput) -> Result<Grantee> {
    let name = input.owner.trim();
    let own = input.scope == CredentialScope::User && (name.is_empty() || name == actor.username);
    if own {
        return Ok(Grantee::User(actor.user_id));
    }
    if !actor.is_admin() {
        return Err(Error::forbidden(
            "Only an admin can keep registry credentials for others.",
            "Keep it for yourself, or ask an admin.",
        ));
    }
    match input.scope {
        CredentialScope::User => match tx.user_by_name(name).await? {
            Some(user) => Ok(Grantee::User(user.id)),
            None => Err(Error::field("owner", format!("There is no user {name}."))),
        },
        CredentialScope::Group if name.is_empty() => Err(Error::field("owner", "Name the group.")),
        CredentialScope::Group => match tx.group_by_name(name).await? {
            Some(group) => Ok(Grantee::Group(group.id)),
            None => Err(Error::field("owner", format!("There is no group {name}."))),
        },
        CredentialScope::Everyone => Ok(Grantee::Group(everyone(tx).await?.id)),
    }
}

fn validate(input: &RegistryCredentialInput, before: Option<&RegistryCredential>, now: i64) -> Result<()> {
    let mut fields = Fields::new();
    if !is_name(input.name.trim()) {
        let message = format!(
            "A name has lower-case letters, digits, ., _ and - only, begins with a letter or digit and has at most {NAME_MAX}."
        );
        fields.add("name", message);
    }
    let host = registry_of(&input.host);
    if !login::is_host(&host) {
        let message = format!(
            "{:?} is no registry; write its host name, with :port if it has one, and nothing else.",
            input.host
        );
        fields.add("host", message);
    }
    if let Err(message) = login::check_username(input.username.trim()) {
        fields.add("username", message);
    }
    match (&input.password, before) {
        (Some(password), _) => {
            if let Err(message) = login::check_password(password) {
                fields.add("password", message);
            }
        }
        (None, None) => fields.add("password", "The password is missing."),
        // Whoever can change the registry must not learn the password by it.
        (None, Some(before)) if before.host != host => fields.add(
            "password",
            format!("The stored password is for {}. Give the one for {host}.", before.host),
        ),
        (None, Some(_)) => {}
    }
    if let Some(end) = input.expires_ms
        && end <= now
        && before.and_then(|before| before.expires_ms) != Some(end)
    {
        fields.add("expires_ms", format!("{} is in the past.", utc(end)));
    }
    fields.check()
}

fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let other = |c: char| first(c) || matches!(c, '.' | '_' | '-');
    name.len() <= NAME_MAX && name.starts_with(first) && name.chars().all(other)
}

/// The registry as images name it: Docker Hub has several names, and images have one.
fn registry_of(host: &str) -> String {
    let host = host.trim().to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".into(),
        _ => host,
    }
}

pub(crate) fn sealed_for(id: RegistryCredentialId, host: &str) -> String {
    format!("registry_credential/{id}/{host}")
}

/// `2026-11-24 06:05 UTC`
pub(crate) fn utc(ms: i64) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000))
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_else(|| format!("{ms} ms after 1970"))
}

fn changed_meanwhile() -> Error {
    Error::Conflict {
        message: "Somebody else changed this registry credential after you opened it.".into(),
        hint: Some("Open it again to see the change, then make yours.".into()),
    }
}

#[cfg(test)]
mod tests;

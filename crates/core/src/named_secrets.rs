//! Named secrets: who may see, change and use which.
//!
//! A personal secret is its owner's alone; not even an admin sees that it exists. A shared one is kept by admins and used by those who have
//! access; managing it is not using it. A value is sealed together with id, name and owner, so that no changed row gives it to somebody else,
//! and it never comes back to anybody: it goes into the workers that name it.

mod uses;
mod validate;

use prt_types::{
    audit::Outcome,
    ids::NamedSecretId,
    named_secrets::{NamedSecretInput, NamedSecretView, SecretKind},
};
use serde_json::json;

use crate::{
    Orchestrator,
    access::grantees,
    authz::granted,
    clock::new_id,
    error::{Error, Result},
    names::{Names, only},
    op_context::{Actor, OpContext},
    orchestrator::Change,
    store::{NamedSecret, Repository, StoreError, Worker, WorkerFilter},
};

pub(crate) use uses::{Given, environment, file};
use validate::validate;

const KIND: &str = "secret";

impl Orchestrator {
    /// The asker's own, and the shared ones that they may use or manage; by name.
    pub async fn secret_list(&self, cx: &OpContext) -> Result<Vec<NamedSecretView>> {
        let actor = cx.person("list secrets")?;
        let mut tx = self.read().await?;
        let live = live_workers(&mut *tx).await?;
        let mut secrets = tx.named_secrets(actor.user_id).await?;
        secrets.retain(|secret| sees(actor, secret));
        views(&mut *tx, actor, &live, secrets).await
    }

    /// One of them.
    pub async fn secret_get(&self, cx: &OpContext, id: NamedSecretId) -> Result<NamedSecretView> {
        let actor = cx.person("read secrets")?;
        let mut tx = self.read().await?;
        let secret = visible(&mut *tx, actor, id).await?;
        let live = live_workers(&mut *tx).await?;
        view(&mut *tx, actor, &live, secret).await
    }

    /// Keeps one: the asker's own; a shared one only by an admin.
    pub async fn secret_create(&self, cx: &OpContext, input: NamedSecretInput) -> Result<NamedSecretView> {
        let result = self.secret_save(cx, None, &input).await;
        self.audit_refusal(cx, "secret.create", &input.name, result).await
    }

    /// Gives one another value or access. Workers that run keep the value that they were started with.
    pub async fn secret_update(
        &self,
        cx: &OpContext,
        id: NamedSecretId,
        input: NamedSecretInput,
    ) -> Result<NamedSecretView> {
        let result = self.secret_save(cx, Some(id), &input).await;
        self.audit_refusal(cx, "secret.update", &input.name, result).await
    }

    async fn secret_save(
        &self,
        cx: &OpContext,
        id: Option<NamedSecretId>,
        input: &NamedSecretInput,
    ) -> Result<NamedSecretView> {
        let actor = cx.person("change secrets")?;
        let now = self.now_ms();
        let mut tx = self.write().await?;
        let before = match id {
            Some(id) => Some(editable(&mut *tx, actor, id).await?),
            None => None,
        };
        if input.kind == SecretKind::Shared && !actor.is_admin() {
            return Err(Error::forbidden(
                "Only an admin can keep shared secrets.",
                "Keep one of your own, or ask an admin.",
            ));
        }
        if let (Some(before), Some(seen)) = (&before, input.revision)
            && before.revision != seen
        {
            return Err(changed_meanwhile());
        }
        validate(input, before.as_ref())?;
        let (id, name, owner) = if let Some(before) = &before {
            (before.id, before.name.clone(), before.owner)
        } else {
            let owner = (input.kind == SecretKind::Personal).then_some(actor.user_id);
            (NamedSecretId(new_id()), input.name.trim().to_owned(), owner)
        };
        let mut after = NamedSecret {
            id,
            name,
            owner,
            value_sealed: vec![],
            grants: grantees(&mut *tx, &input.users, &input.groups).await?,
            last_used_ms: before.as_ref().and_then(|before| before.last_used_ms),
            revision: before.as_ref().map_or(1, |before| before.revision + 1),
            created_ms: before.as_ref().map_or(now, |before| before.created_ms),
            updated_ms: now,
        };
        after.value_sealed = match (&input.value, &before) {
            (Some(value), _) => self.inner.sealer.seal(&sealed_for(&after), value.expose().as_bytes())?,
            (None, Some(before)) => before.value_sealed.clone(),
            (None, None) => return Err(Error::field("value", "The value is missing.")),
        };
        let live = live_workers(&mut *tx).await?;
        let saved = view(&mut *tx, actor, &live, after.clone()).await?;
        let (action, details) = match before {
            None => {
                tx.named_secret_add(&after).await.map_err(|error| match error {
                    StoreError::Unique(_) => taken(&after),
                    error => error.into(),
                })?;
                ("secret.create", json!({ "after": saved }))
            }
            Some(before) => {
                if !tx.named_secret_update(&after).await? {
                    return Err(changed_meanwhile());
                }
                let before = view(&mut *tx, actor, &live, before).await?;
                let new_value = input.value.is_some();
                let details = json!({ "before": before, "after": saved, "new_value": new_value });
                ("secret.update", details)
            }
        };
        self.audit_add(&mut *tx, cx, action, &after.name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        self.secrets_changed(actor, &after);
        Ok(saved)
    }

    /// Removes one. Workers that run keep the value that they were started with.
    pub async fn secret_delete(&self, cx: &OpContext, id: NamedSecretId) -> Result<()> {
        let result = self.secret_remove(cx, id).await;
        self.audit_refusal(cx, "secret.delete", &id.to_string(), result).await
    }

    async fn secret_remove(&self, cx: &OpContext, id: NamedSecretId) -> Result<()> {
        let actor = cx.person("delete secrets")?;
        let mut tx = self.write().await?;
        let secret = editable(&mut *tx, actor, id).await?;
        let live = live_workers(&mut *tx).await?;
        let before = view(&mut *tx, actor, &live, secret.clone()).await?;
        tx.named_secret_remove(id).await?;
        let details = json!({ "before": before });
        self.audit_add(&mut *tx, cx, "secret.delete", &secret.name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        self.secrets_changed(actor, &secret);
        Ok(())
    }

    fn secrets_changed(&self, actor: &Actor, secret: &NamedSecret) {
        let owner = secret.owner.map(|_| actor.username.as_str());
        self.changed(owner, Change::Secrets);
    }
}

fn kind(secret: &NamedSecret) -> SecretKind {
    match secret.owner {
        Some(_) => SecretKind::Personal,
        None => SecretKind::Shared,
    }
}

/// Whether the actor's workers may have it. Admins, too, only what is for them.
fn uses(actor: &Actor, secret: &NamedSecret) -> bool {
    match secret.owner {
        Some(owner) => owner == actor.user_id,
        None => granted(actor, &secret.grants),
    }
}

/// Whether the actor may change it.
fn edits(actor: &Actor, secret: &NamedSecret) -> bool {
    match secret.owner {
        Some(owner) => owner == actor.user_id,
        None => actor.is_admin(),
    }
}

fn sees(actor: &Actor, secret: &NamedSecret) -> bool {
    uses(actor, secret) || edits(actor, secret)
}

async fn visible(tx: &mut dyn Repository, actor: &Actor, id: NamedSecretId) -> Result<NamedSecret> {
    tx.named_secret(id)
        .await?
        .filter(|secret| sees(actor, secret))
        .ok_or_else(|| Error::not_found(KIND, id))
}

async fn editable(tx: &mut dyn Repository, actor: &Actor, id: NamedSecretId) -> Result<NamedSecret> {
    let secret = visible(tx, actor, id).await?;
    if edits(actor, &secret) {
        Ok(secret)
    } else {
        Err(Error::forbidden(
            format!("Only an admin can change the shared secret {}.", secret.name),
            "Ask an admin, or keep one of your own.",
        ))
    }
}

async fn view(tx: &mut dyn Repository, actor: &Actor, live: &[Worker], secret: NamedSecret) -> Result<NamedSecretView> {
    only(views(tx, actor, live, vec![secret]).await?)
}

async fn views(
    tx: &mut dyn Repository,
    actor: &Actor,
    live: &[Worker],
    secrets: Vec<NamedSecret>,
) -> Result<Vec<NamedSecretView>> {
    let names = Names::of(tx, secrets.iter().flat_map(|secret| secret.grants.clone()).collect()).await?;
    let view = |secret| view_with(&names, actor, live, secret);
    Ok(secrets.into_iter().map(view).collect())
}

fn view_with(names: &Names, actor: &Actor, live: &[Worker], secret: NamedSecret) -> NamedSecretView {
    let editable = edits(actor, &secret);
    // Who else has access, and what they run, is for those who manage it.
    let ((users, groups), workers) = if editable {
        (names.sorted(&secret.grants), workers_with(live, &secret))
    } else {
        Default::default()
    };
    NamedSecretView {
        usable: uses(actor, &secret),
        kind: kind(&secret),
        id: secret.id,
        name: secret.name,
        users,
        groups,
        editable,
        workers,
        last_used_ms: secret.last_used_ms,
        revision: secret.revision,
        created_ms: secret.created_ms,
        updated_ms: secret.updated_ms,
    }
}

/// All that hold resources of the engine, lowest number first.
async fn live_workers(tx: &mut dyn Repository) -> Result<Vec<Worker>> {
    let filter = WorkerFilter {
        live_only: true,
        ..WorkerFilter::default()
    };
    let mut workers = tx.workers(&filter).await?;
    workers.sort_by_key(|worker| worker.number);
    Ok(workers)
}

/// Names of those that were started with it.
fn workers_with(live: &[Worker], secret: &NamedSecret) -> Vec<String> {
    let has = |worker: &&Worker| match secret.owner {
        Some(owner) => worker.owner_id == owner && worker.personal_secrets.contains(&secret.name),
        None => worker.shared_secrets.contains(&secret.name),
    };
    live.iter().filter(has).map(Worker::name).collect()
}

pub(crate) fn sealed_for(secret: &NamedSecret) -> String {
    let owner = secret.owner.map_or_else(|| "shared".to_owned(), |id| id.to_string());
    format!("named_secret/{}/{}/{owner}", secret.id, secret.name)
}

fn taken(secret: &NamedSecret) -> Error {
    let message = match kind(secret) {
        SecretKind::Personal => format!("You have a secret {} already.", secret.name),
        SecretKind::Shared => format!("There is a shared secret {} already.", secret.name),
    };
    Error::field("name", message)
}

fn changed_meanwhile() -> Error {
    Error::Conflict {
        message: "Somebody else changed this secret after you opened it.".into(),
        hint: Some("Open it again to see the change, then make yours.".into()),
    }
}

#[cfg(test)]
mod tests;

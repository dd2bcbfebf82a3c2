//! API tokens: whose rights, for how long, and for what.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prt_types::{
    Secret,
    access::{TokenCreated, TokenInput, TokenScope, TokenView},
    audit::Outcome,
    ids::{TokenId, UserId, WorkerId},
};
use serde_json::json;

use crate::{
    Orchestrator,
    clock::new_id,
    crypto::{new_token, token_hash},
    error::{Error, Fields, Result},
    op_context::OpContext,
    store::{ApiToken, Repository, Worker, WorkerFilter},
};

const DAY_MS: i64 = 86_400_000;
/// Longest life that can be asked for; a token may also have no end.
const DAYS_MAX: u32 = 3650;

/// Uses of API tokens that are not stored yet. They are stored apart from the requests: a read must not wait for the database's writer.
#[derive(Debug, Default)]
pub(crate) struct TokenUses(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    /// When each token was last used.
    uses: HashMap<TokenId, i64>,
    /// Whether a task is storing them.
    storing: bool,
}

impl TokenUses {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a use; whether the caller must start the task that stores it.
    fn add(&self, token: TokenId, now_ms: i64) -> bool {
        let mut pending = self.pending();
        pending.uses.insert(token, now_ms);
        !std::mem::replace(&mut pending.storing, true)
    }

    /// What is to be stored next. Without anything, the task ends.
    fn take(&self) -> Option<HashMap<TokenId, i64>> {
        let mut pending = self.pending();
        pending.storing = !pending.uses.is_empty();
        pending.storing.then(|| std::mem::take(&mut pending.uses))
    }
}

struct NewToken<'a> {
    user_id: UserId,
    name: &'a str,
    expires_ms: Option<i64>,
    worker_id: Option<WorkerId>,
    scope: TokenScope,
}

impl Orchestrator {
    /// The asker's API tokens.
    pub async fn token_list(&self, cx: &OpContext) -> Result<Vec<TokenView>> {
        let actor = self.person(cx, "list API tokens", "token.list").await?;
        let mut tx = self.read().await?;
        let tokens = tx.tokens_of(actor.user_id).await?;
        let mut workers = HashMap::new();
        if tokens.iter().any(|token| token.worker_id.is_some()) {
            // Only of workers of the token's own user.
            let filter = WorkerFilter {
                owner: Some(actor.user_id),
                ..WorkerFilter::default()
            };
            let own = tx.workers(&filter).await?;
            workers.extend(own.into_iter().map(|worker| (worker.id, worker.name())));
        }
        let view = |token: ApiToken| {
            let worker = token.worker_id.and_then(|id| workers.get(&id).cloned());
            token_view(token, worker)
        };
        Ok(tokens.into_iter().map(view).collect())
    }

    /// Notes that a token was used. A use that cannot be stored is forgotten: the next one is noted again.
    pub(crate) fn token_note_use(&self, token: TokenId, now_ms: i64) {
        if !self.inner.token_uses.add(token, now_ms) {
            return;
        }
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            while let Some(uses) = this.inner.token_uses.take() {
                if let Err(error) = this.token_uses_store(uses).await {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the last use of API tokens is not stored"
                    );
                }
            }
        });
    }

    async fn token_uses_store(&self, uses: HashMap<TokenId, i64>) -> Result<()> {
        let mut tx = self.write().await?;
        for (token, at_ms) in uses {
            tx.token_used(token, at_ms).await?;
        }
        Ok(tx.save().await?)
    }

    /// Makes an API token with the asker's rights.
    pub async fn token_create(&self, cx: &OpContext, input: TokenInput) -> Result<TokenCreated> {
        let actor = self.person(cx, "make API tokens", "token.create").await?;
        let mut fields = Fields::new();
        if input.name.trim().is_empty() || input.name.chars().count() > 100 {
            fields.add("name", "Say in 1 to 100 characters what the token is for.");
        }
        if input
            .expires_in_days
            .is_some_and(|days| !(1..=DAYS_MAX).contains(&days))
        {
            fields.add("expires_in_days", format!("A token lives 1 to {DAYS_MAX} days."));
        }
        if input.worker.is_some() && input.scope != TokenScope::Build {
            fields.add("worker", "Only a token for builds is limited to a worker.");
        }
        fields.check()?;
        let end = input
            .expires_in_days
            .map(|days| self.now_ms() + i64::from(days) * DAY_MS);
        let mut tx = self.write().await?;
        let worker = match &input.worker {
            Some(name) => Some(self.token_worker(&mut *tx, cx, name).await?),
            None => None,
        };
        let new = NewToken {
            user_id: actor.user_id,
            name: input.name.trim(),
            expires_ms: end,
            worker_id: worker.map(|worker| worker.id),
            scope: input.scope,
        };
        let mut created = self.token_insert(&mut *tx, new).await?;
        created.token.worker.clone_from(&input.worker);
        self.audit_add(
            &mut *tx,
            cx,
            "token.create",
            &created.token.name,
            Outcome::Done,
            json!({ "expires_ms": end, "scope": input.scope.name(), "worker": &input.worker }),
        )
        .await?;
        tx.save().await?;
        Ok(created)
    }

    /// Ends one of the asker's API tokens.
    pub async fn token_revoke(&self, cx: &OpContext, id: TokenId) -> Result<()> {
        let actor = self.person(cx, "revoke API tokens", "token.revoke").await?;
        let mut tx = self.write().await?;
        if !tx.token_remove(actor.user_id, id).await? {
            return Err(Error::not_found("token", id));
        }
        self.audit_add(
            &mut *tx,
            cx,
            "token.revoke",
            &id.to_string(),
            Outcome::Done,
            json!(null),
        )
        .await?;
        Ok(tx.save().await?)
    }

    /// A new token's value, sealed for its owner: it waits so until the page that shows it this once is rendered.
    pub fn token_seal(&self, cx: &OpContext, value: &Secret) -> Result<String> {
        let owner = shown_to(cx)?;
        Ok(hex::encode(self.inner.sealer.seal(&owner, value.expose().as_bytes())?))
    }

    /// The other half.
    pub fn token_unseal(&self, cx: &OpContext, sealed: &str) -> Result<Secret> {
        let bytes = hex::decode(sealed).map_err(|error| Error::internal("a sealed token", error))?;
        let plain = self.inner.sealer.open(&shown_to(cx)?, &bytes)?;
        String::from_utf8(plain)
            .map(Secret::new)
            .map_err(|error| Error::internal("a sealed token", error))
    }

    /// The worker that a token for builds is limited to.
    async fn token_worker(&self, tx: &mut dyn Repository, cx: &OpContext, name: &str) -> Result<Worker> {
        let worker = match self.worker_visible(tx, cx, name).await {
            Ok(worker) => worker,
            Err(Error::NotFound { .. }) => return Err(Error::field("worker", format!("There is no worker {name}."))),
            Err(error) => return Err(error),
        };
        if worker.owner_id != cx.actor()?.user_id || !worker.builder || !worker.status.is_live() {
            return Err(Error::field(
                "worker",
                format!("{name} is no running builder worker of yours."),
            ));
        }
        Ok(worker)
    }

    /// A worker's own token.
    pub(crate) async fn token_add(
        &self,
        tx: &mut dyn Repository,
        user_id: UserId,
        name: &str,
        expires_ms: Option<i64>,
        worker_id: Option<WorkerId>,
    ) -> Result<TokenCreated> {
        let new = NewToken {
            user_id,
            name,
            expires_ms,
            worker_id,
            scope: TokenScope::Full,
        };
        self.token_insert(tx, new).await
    }

    async fn token_insert(&self, tx: &mut dyn Repository, new: NewToken<'_>) -> Result<TokenCreated> {
        let value = new_token();
        let token = ApiToken {
            id: TokenId(new_id()),
            user_id: new.user_id,
            name: new.name.to_owned(),
            hash: token_hash(value.expose()),
            prefix: value.expose().chars().take(8).collect(),
            worker_id: new.worker_id,
            scope: new.scope,
            created_ms: self.now_ms(),
            expires_ms: new.expires_ms,
            last_used_ms: None,
        };
        tx.token_add(&token).await?;
        Ok(TokenCreated {
            token: token_view(token, None),
            value,
        })
    }
}

fn shown_to(cx: &OpContext) -> Result<String> {
    Ok(format!("token-shown/{}", cx.actor()?.user_id))
}

fn token_view(token: ApiToken, worker: Option<String>) -> TokenView {
    TokenView {
        id: token.id,
        name: token.name,
        prefix: token.prefix,
        scope: token.scope,
        worker,
        worker_id: token.worker_id,
        created_ms: token.created_ms,
        expires_ms: token.expires_ms,
        last_used_ms: token.last_used_ms,
    }
}

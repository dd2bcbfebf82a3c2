//! Requests that make something new and are sent again because their answer was lost: the same key gives the same answer.
//!
//! A key is stored with its answer in the transaction that makes the thing, so after a crash both are there or neither is. While a
//! request runs, others with its key wait for it in memory. A refused request stores nothing. Keys are valid for a day.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use prt_types::ids::UserId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use crate::{
    Orchestrator,
    crypto::token_hash,
    error::{Error, Result},
    op_context::OpContext,
    store::{IdempotencyKey, Repository},
};

/// How long a key is valid.
pub(crate) const VALID_MS: i64 = 24 * 60 * 60 * 1000;
const LONGEST: usize = 255;
/// HTTP status of every answer that is stored: something was made.
const CREATED: i64 = 201;

/// The key of a request that runs; the operation stores it with what it makes.
#[derive(Debug)]
pub(crate) struct PendingKey {
    user_id: UserId,
    key_hash: String,
    request_sealed: Vec<u8>,
}

/// What a request under a key is to do.
#[derive(Debug)]
pub enum Idempotent {
    /// Run it with this context.
    Run(OpContext, Turn),
    /// It was answered before.
    Answered {
        /// HTTP status.
        status: u16,
        /// The answer.
        body: String,
    },
}

/// The right to run a request under a key. Others with the same key wait until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _guard: OwnedMutexGuard<()>,
}

/// What those wait for who have the same key.
type Lock = Arc<tokio::sync::Mutex<()>>;

/// Requests under a key that run now, by user and key.
#[derive(Debug, Default)]
pub(crate) struct RunningKeys(Mutex<HashMap<(UserId, String), Lock>>);

impl RunningKeys {
    async fn turn(&self, user: UserId, key_hash: &str) -> Turn {
        let lock = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(all.entry((user, key_hash.to_owned())).or_default())
        };
        Turn {
            _guard: lock.lock_owned().await,
        }
    }
}

impl Orchestrator {
    /// Waits for a request with the same key that runs, then gives its answer or the right to run this one. `request` is all that makes
    /// it this request.
    pub async fn idempotency_begin(&self, cx: &OpContext, key: &str, request: &[&[u8]]) -> Result<Idempotent> {
        const FIELD: &str = "Idempotency-Key";
        if key.is_empty() || key.len() > LONGEST || !key.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::field(FIELD, "Write 1 to 255 visible ASCII characters."));
        }
        // A token that may do less gets no answer that another token of the same user was given.
        let actor = cx.any_actor()?;
        let (user_id, token) = (actor.user_id, format!("{:?}", actor.token));
        let key_hash = token_hash(key);
        let owner = format!("idempotency/{user_id}/{key_hash}");
        let mut digest = Sha256::new();
        for part in request.iter().copied().chain([token.as_bytes()]) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let request = digest.finalize();
        let turn = self.inner.running_keys.turn(user_id, &key_hash).await;
        let stored = self.read().await?.idempotency(user_id, &key_hash).await?;
        if let Some(stored) = stored.filter(|stored| stored.created_ms >= self.now_ms() - VALID_MS) {
            if self.inner.sealer.open(&owner, &stored.request_sealed)? != request.as_slice() {
                return Err(Error::Conflict {
                    message: "This idempotency key was used for another request.".into(),
                    hint: Some("Use a new key for each thing to make.".into()),
                });
            }
            let status = u16::try_from(stored.status)
                .map_err(|error| Error::internal("the status of a stored answer", error))?;
            return Ok(Idempotent::Answered {
                status,
                body: stored.body,
            });
        }
        let pending = PendingKey {
            user_id,
            key_hash,
            request_sealed: self.inner.sealer.seal(&owner, &request)?,
        };
        Ok(Idempotent::Run(cx.clone().with_pending_key(pending), turn))
    }

    /// Stores the key of the request, if it has one, with its answer. Part of the transaction that makes what the answer shows.
    pub(crate) async fn idempotency_store(
        &self,
        tx: &mut dyn Repository,
        cx: &OpContext,
        answer: &(impl Serialize + Sync),
    ) -> Result<()> {
        let Some(key) = cx.pending_key() else { return Ok(()) };
        let body = serde_json::to_string(answer).map_err(|error| Error::internal("writing an answer", error))?;
        let row = IdempotencyKey {
            user_id: key.user_id,
            key_hash: key.key_hash.clone(),
            request_sealed: key.request_sealed.clone(),
            status: CREATED,
            body,
            created_ms: self.now_ms(),
        };
        tx.idempotency_sweep(self.now_ms() - VALID_MS).await?;
        Ok(tx.idempotency_put(&row).await?)
    }
}

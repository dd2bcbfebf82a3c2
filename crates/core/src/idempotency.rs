//! Requests that make something new and are sent again because their answer was lost: the same key gives the same answer.
//!
//! The first request takes the key before it is worked on and leaves its answer there. A second one with the same key waits for that
//! answer. A refused request frees its key, because it has made nothing. Keys are kept for a day.

use std::time::Duration;

use prt_types::ids::UserId;
use sha2::{Digest, Sha256};

use crate::{
    Orchestrator,
    crypto::token_hash,
    error::{Error, Result},
    op_context::OpContext,
    store::IdempotencyKey,
};

const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
const LONGEST: usize = 255;
/// How long a second request waits for the first one's answer. A build's inputs are checked at a registry that may be slow.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What a request under a key is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idempotent {
    /// It is the first: work on it, then say how it ended.
    First(Ticket),
    /// It was answered before.
    Answered {
        /// HTTP status.
        status: u16,
        /// The answer.
        body: String,
    },
}

/// The right to answer under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    user_id: UserId,
    key_hash: String,
}

impl Orchestrator {
    /// Takes the key for a request, given by all that makes it this request, or gives the answer that is there already.
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
        let ticket = Ticket { user_id, key_hash };
        let patience = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut tx = self.write().await?;
            tx.idempotency_sweep(self.now_ms() - KEPT_MS).await?;
            let row = IdempotencyKey {
                user_id,
                key_hash: ticket.key_hash.clone(),
                request_sealed: self.inner.sealer.seal(&owner, &request)?,
                status: None,
                body: String::new(),
                created_ms: self.now_ms(),
            };
            if tx.idempotency_add(&row).await? {
                tx.save().await?;
                return Ok(Idempotent::First(ticket));
            }
            drop(tx);
            // The row is looked at without the database's only writer until something has become of it.
            loop {
                let Some(there) = self.read().await?.idempotency(user_id, &ticket.key_hash).await? else {
                    break;
                };
                if self.inner.sealer.open(&owner, &there.request_sealed)? != request.as_slice() {
                    return Err(conflict(
                        "This idempotency key was used for another request.",
                        "Take a new key for each thing that is to be made.",
                    ));
                }
                if let Some(status) = there.status.and_then(|status| u16::try_from(status).ok()) {
                    return Ok(Idempotent::Answered {
                        status,
                        body: there.body,
                    });
                }
                if tokio::time::Instant::now() >= patience {
                    return Err(conflict(
                        "The first request with this idempotency key has no answer yet.",
                        "Look at the list of what it was to make before you ask for it again.",
                    ));
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// Keeps the answer for requests to come.
    pub async fn idempotency_answer(&self, ticket: &Ticket, status: u16, body: &str) -> Result<()> {
        let mut tx = self.write().await?;
        tx.idempotency_answer(ticket.user_id, &ticket.key_hash, status.into(), body)
            .await?;
        Ok(tx.save().await?)
    }

    /// Frees the key: nothing was made.
    pub async fn idempotency_release(&self, ticket: &Ticket) -> Result<()> {
        let mut tx = self.write().await?;
        tx.idempotency_remove(ticket.user_id, &ticket.key_hash).await?;
        Ok(tx.save().await?)
    }
}

fn conflict(message: &str, hint: &str) -> Error {
    Error::Conflict {
        message: message.into(),
        hint: Some(hint.into()),
    }
}

//! Requests that may be sent again.

use async_trait::async_trait;
use prt_types::ids::UserId;

use super::StoreResult;

/// A request under a key that its sender chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Who asked.
    pub user_id: UserId,
    /// SHA-256 of the key, in hex; unique for a user.
    pub key_hash: String,
    /// Sealed SHA-256 of the request.
    pub request_sealed: Vec<u8>,
    /// HTTP status of the answer.
    pub status: i64,
    /// The answer.
    pub body: String,
    /// Creation.
    pub created_ms: i64,
}

/// Requests that may be sent again.
#[async_trait]
pub trait IdempotencyRepository {
    /// Adds one, or replaces what an earlier request left under the key.
    async fn idempotency_put(&mut self, key: &IdempotencyKey) -> StoreResult<()>;
    /// By user and key. One without an answer, from a console that stored the key before it worked on the request, counts as none.
    async fn idempotency(&mut self, user: UserId, key_hash: &str) -> StoreResult<Option<IdempotencyKey>>;
    /// Removes those from before.
    async fn idempotency_sweep(&mut self, before_ms: i64) -> StoreResult<()>;
}

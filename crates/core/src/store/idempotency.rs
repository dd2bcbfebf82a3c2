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
    /// HTTP status of the answer; none while the first request is worked on.
    pub status: Option<i64>,
    /// The answer.
    pub body: String,
    /// Creation.
    pub created_ms: i64,
}

/// Requests that may be sent again.
#[async_trait]
pub trait IdempotencyRepository {
    /// Adds one; whether the key was free.
    async fn idempotency_add(&mut self, key: &IdempotencyKey) -> StoreResult<bool>;
    /// By user and key.
    async fn idempotency(&mut self, user: UserId, key_hash: &str) -> StoreResult<Option<IdempotencyKey>>;
    /// Keeps the answer.
    async fn idempotency_answer(&mut self, user: UserId, key_hash: &str, status: i64, body: &str) -> StoreResult<()>;
    /// Frees the key.
    async fn idempotency_remove(&mut self, user: UserId, key_hash: &str) -> StoreResult<()>;
    /// Removes those from before.
    async fn idempotency_sweep(&mut self, before_ms: i64) -> StoreResult<()>;
}

//! Answers to requests that may be sent again.

use async_trait::async_trait;
use prt_core::store::{IdempotencyKey, IdempotencyRepository, StoreResult};
use prt_types::ids::UserId;
use sqlx::any::AnyRow;

use crate::{repository::AnyRepository, row::Row, statement::sql};

fn read(row: &AnyRow) -> StoreResult<IdempotencyKey> {
    let row = Row::of("idempotency_keys", row);
    Ok(IdempotencyKey {
        user_id: row.id("user_id")?,
        key_hash: row.text("key_hash")?,
        request_sealed: row
            .maybe_bytes("request_sealed")?
            .ok_or_else(|| row.corrupt("request_sealed"))?,
        status: row.int("status")?,
        body: row.text("body")?,
        created_ms: row.int("created_ms")?,
    })
}

#[async_trait]
impl IdempotencyRepository for AnyRepository {
    async fn idempotency_put(&mut self, key: &IdempotencyKey) -> StoreResult<()> {
        let insert = sql(
            "INSERT INTO idempotency_keys (user_id, key_hash, request_sealed, status, body, created_ms) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, key_hash) DO UPDATE SET \
            request_sealed = excluded.request_sealed, status = excluded.status, body = excluded.body, created_ms = excluded.created_ms",
        )
        .id(key.user_id)
        .text(&key.key_hash)
        .maybe_bytes(Some(&key.request_sealed))
        .int(key.status)
        .text(&key.body)
        .int(key.created_ms);
        self.run(insert).await.map(drop)
    }

    async fn idempotency(&mut self, user: UserId, key_hash: &str) -> StoreResult<Option<IdempotencyKey>> {
        self.one(
            sql(
                "SELECT user_id, key_hash, request_sealed, status, body, created_ms FROM idempotency_keys \
                WHERE user_id = $1 AND key_hash = $2 AND status IS NOT NULL",
            )
            .id(user)
            .text(key_hash),
            read,
        )
        .await
    }

    async fn idempotency_sweep(&mut self, before_ms: i64) -> StoreResult<()> {
        self.run(sql("DELETE FROM idempotency_keys WHERE created_ms < $1").int(before_ms))
            .await
            .map(drop)
    }
}

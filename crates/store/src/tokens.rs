//! API tokens.

use async_trait::async_trait;
use prt_core::store::{ApiToken, StoreResult, TokenRepository};
use prt_types::{
    access::TokenScope,
    ids::{TokenId, UserId, WorkerId},
};
use sqlx::any::AnyRow;

use crate::{repository::AnyRepository, row::Row, statement::sql};

const SELECT: &str =
    "SELECT id, user_id, name, hash, prefix, worker_id, scope, created_ms, expires_ms, last_used_ms FROM api_tokens";

fn read(row: &AnyRow) -> StoreResult<ApiToken> {
    let row = Row::of("api_tokens", row);
    Ok(ApiToken {
        id: row.id("id")?,
        user_id: row.id("user_id")?,
        name: row.text("name")?,
        hash: row.text("hash")?,
        prefix: row.text("prefix")?,
        worker_id: row.maybe_id("worker_id")?,
        scope: row.word("scope")?,
        created_ms: row.int("created_ms")?,
        expires_ms: row.maybe_int("expires_ms")?,
        last_used_ms: row.maybe_int("last_used_ms")?,
    })
}

#[async_trait]
impl TokenRepository for AnyRepository {
    async fn token_add(&mut self, token: &ApiToken) -> StoreResult<()> {
        let insert = sql(
            "INSERT INTO api_tokens (id, user_id, name, hash, prefix, worker_id, scope, created_ms, expires_ms, last_used_ms)",
        )
        .push(" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        .id(token.id)
        .id(token.user_id)
        .text(&token.name)
        .text(&token.hash)
        .text(&token.prefix)
        .maybe_id(token.worker_id)
        .word(token.scope)
        .int(token.created_ms)
        .maybe_int(token.expires_ms)
        .maybe_int(token.last_used_ms);
        self.run(insert).await.map(drop)
    }

    async fn token_by_hash(&mut self, hash: &str) -> StoreResult<Option<ApiToken>> {
        self.one(sql(SELECT).push(" WHERE hash = $1").text(hash), read).await
    }

    async fn tokens_of(&mut self, user: UserId) -> StoreResult<Vec<ApiToken>> {
        let select = sql(SELECT)
            .push(" WHERE user_id = $1 AND (worker_id IS NULL OR scope <> $2) ORDER BY created_ms DESC, id DESC")
            .id(user)
            .word(TokenScope::Full);
        self.all(select, read).await
    }

    async fn token_remove(&mut self, user: UserId, id: TokenId) -> StoreResult<bool> {
        let rows = self
            .run(
                sql("DELETE FROM api_tokens WHERE id = $1 AND user_id = $2")
                    .id(id)
                    .id(user),
            )
            .await?;
        Ok(rows > 0)
    }

    async fn tokens_of_worker_remove(&mut self, worker: WorkerId) -> StoreResult<()> {
        self.run(sql("DELETE FROM api_tokens WHERE worker_id = $1").id(worker))
            .await
            .map(drop)
    }

    async fn token_used(&mut self, id: TokenId, at_ms: i64) -> StoreResult<()> {
        // No row is no error: the token may have been removed since it was looked up.
        self.run(
            sql("UPDATE api_tokens SET last_used_ms = $2 WHERE id = $1")
                .id(id)
                .int(at_ms),
        )
        .await
        .map(drop)
    }

    async fn token_worker_add(&mut self, id: TokenId, worker: WorkerId) -> StoreResult<()> {
        let insert = sql("INSERT INTO token_workers (token_id, worker_id) VALUES ($1, $2)")
            .id(id)
            .id(worker);
        self.run(insert).await.map(drop)
    }

    async fn token_has_worker(&mut self, id: TokenId, worker: WorkerId) -> StoreResult<bool> {
        let select = sql("SELECT worker_id FROM token_workers WHERE token_id = $1 AND worker_id = $2")
            .id(id)
            .id(worker);
        let found: Option<WorkerId> = self
            .one(select, |row| Row::of("token_workers", row).id("worker_id"))
            .await?;
        Ok(found.is_some())
    }
}

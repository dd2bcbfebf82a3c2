//! Ways into notebooks.

use async_trait::async_trait;
use prt_core::store::{NotebookLogin, NotebookLoginKind, NotebookRepository, StoreResult};
use prt_types::ids::UserId;
use sqlx::any::AnyRow;

use crate::{repository::AnyRepository, row::Row, statement::sql};

const INSERT: &str = "INSERT INTO notebook_logins (hash, kind, worker_id, user_id, token_id, dark, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)";

const SELECT: &str = "SELECT hash, kind, worker_id, user_id, token_id, dark, expires_ms FROM notebook_logins WHERE hash = $1 AND kind = $2 \
    AND expires_ms > $3";

const TAKE: &str = "DELETE FROM notebook_logins WHERE hash = $1 AND kind = $2 AND expires_ms > $3 \
    RETURNING hash, kind, worker_id, user_id, token_id, dark, expires_ms";

fn read(row: &AnyRow) -> StoreResult<NotebookLogin> {
    let row = Row::of("notebook_logins", row);
    Ok(NotebookLogin {
        hash: row.text("hash")?,
        kind: row.word("kind")?,
        worker_id: row.id("worker_id")?,
        user_id: row.id("user_id")?,
        token_id: row.maybe_id("token_id")?,
        dark: row.flag("dark")?,
        expires_ms: row.int("expires_ms")?,
    })
}

#[async_trait]
impl NotebookRepository for AnyRepository {
    async fn notebook_login_add(&mut self, login: &NotebookLogin) -> StoreResult<()> {
        let insert = sql(INSERT)
            .text(&login.hash)
            .word(login.kind)
            .id(login.worker_id)
            .id(login.user_id)
            .maybe_id(login.token_id)
            .flag(login.dark)
            .int(login.expires_ms);
        self.run(insert).await.map(drop)
    }

    async fn notebook_login(
        &mut self,
        hash: &str,
        kind: NotebookLoginKind,
        now_ms: i64,
    ) -> StoreResult<Option<NotebookLogin>> {
        self.one(sql(SELECT).text(hash).word(kind).int(now_ms), read).await
    }

    async fn notebook_login_take(
        &mut self,
        hash: &str,
        kind: NotebookLoginKind,
        now_ms: i64,
    ) -> StoreResult<Option<NotebookLogin>> {
        self.one(sql(TAKE).text(hash).word(kind).int(now_ms), read).await
    }

    async fn notebook_logins_of(&mut self, user: UserId) -> StoreResult<u64> {
        self.run(sql("DELETE FROM notebook_logins WHERE user_id = $1").id(user))
            .await
    }

    async fn notebook_logins_sweep(&mut self, now_ms: i64) -> StoreResult<()> {
        self.run(sql("DELETE FROM notebook_logins WHERE expires_ms <= $1").int(now_ms))
            .await
            .map(drop)
    }
}

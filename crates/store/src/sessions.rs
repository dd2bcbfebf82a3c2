//! Browser sessions.

use async_trait::async_trait;
use prt_core::store::{SessionRepository, SessionRow, StoreResult};
use sqlx::any::AnyRow;

use crate::{
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

fn read(row: &AnyRow) -> StoreResult<SessionRow> {
    let row = Row::of("sessions", row);
    Ok(SessionRow {
        id: row.text("id")?,
        data: row.text("data")?,
        expires_ms: row.int("expires_ms")?,
    })
}

fn insert(session: &SessionRow) -> Statement {
    sql("INSERT INTO sessions (id, data, expires_ms) VALUES ($1, $2, $3) ON CONFLICT (id) DO ")
        .text(&session.id)
        .text(&session.data)
        .int(session.expires_ms)
}

#[async_trait]
impl SessionRepository for AnyRepository {
    async fn session_put(&mut self, session: &SessionRow) -> StoreResult<()> {
        self.run(insert(session).push("UPDATE SET data = excluded.data, expires_ms = excluded.expires_ms"))
            .await
            .map(drop)
    }

    async fn session_add(&mut self, session: &SessionRow) -> StoreResult<bool> {
        Ok(self.run(insert(session).push("NOTHING")).await? > 0)
    }

    async fn session(&mut self, id: &str, now_ms: i64) -> StoreResult<Option<SessionRow>> {
        self.one(
            sql("SELECT id, data, expires_ms FROM sessions WHERE id = $1 AND expires_ms > $2")
                .text(id)
                .int(now_ms),
            read,
        )
        .await
    }

    async fn session_remove(&mut self, id: &str) -> StoreResult<()> {
        self.run(sql("DELETE FROM sessions WHERE id = $1").text(id))
            .await
            .map(drop)
    }

    async fn sessions_sweep(&mut self, now_ms: i64) -> StoreResult<()> {
        self.run(sql("DELETE FROM sessions WHERE expires_ms <= $1").int(now_ms))
            .await
            .map(drop)
    }
}

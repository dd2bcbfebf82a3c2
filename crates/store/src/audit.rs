//! The audit log.

use async_trait::async_trait;
use prt_core::store::{AuditRepository, AuditRow, StoreResult};
use prt_types::ids::AuditId;
use sqlx::any::AnyRow;

use crate::{repository::AnyRepository, row::Row, statement::sql};

fn read(row: &AnyRow) -> StoreResult<AuditRow> {
    let row = Row::of("audit_log", row);
    Ok(AuditRow {
        id: row.id("id")?,
        at_ms: row.int("at_ms")?,
        actor: row.text("actor")?,
        door: row.word("door")?,
        address: row.text("address")?,
        action: row.text("action")?,
        object: row.text("object")?,
        outcome: row.word("outcome")?,
        details: row.text("details")?,
    })
}

#[async_trait]
impl AuditRepository for AnyRepository {
    async fn audit_add(&mut self, row: &AuditRow) -> StoreResult<()> {
        let insert = sql("INSERT INTO audit_log (id, at_ms, actor, door, address, action, object, outcome, details)")
            .push(" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .id(row.id)
            .int(row.at_ms)
            .text(&row.actor)
            .word(row.door)
            .text(&row.address)
            .text(&row.action)
            .text(&row.object)
            .word(row.outcome)
            .text(&row.details);
        self.run(insert).await.map(drop)
    }

    async fn audit(&mut self, before: Option<AuditId>, limit: i64) -> StoreResult<Vec<AuditRow>> {
        let mut select = sql("SELECT id, at_ms, actor, door, address, action, object, outcome, details FROM audit_log");
        if let Some(before) = before {
            select = select.push(" WHERE id < ").place().id(before);
        }
        // Unlike a filter's limit, 0 is none: the log is the one table that only grows.
        self.all(select.push(" ORDER BY id DESC LIMIT ").place().int(limit.max(0)), read)
            .await
    }
}

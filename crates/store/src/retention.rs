//! What is stored, and what may go.

use async_trait::async_trait;
use prt_core::store::{BuildsDue, RetentionRepository, StoreError, StoreResult};
use prt_types::{
    ids::BuildId,
    retention::{Amount, RetentionKind},
};
use sqlx::any::AnyRow;

use crate::{
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

/// How a kind lies in the database.
struct Table {
    name: &'static str,
    /// The columns that name a row.
    key: &'static str,
    /// About the bytes of a row.
    size: &'static str,
    /// Which rows may go; `$1` is a time.
    due: &'static str,
}

/// Word for word the condition of the index `builds_ended`.
const BUILD_MAY_GO: &str = "pinned = 0 AND status NOT IN ('Pending', 'Running', 'Canceling')";
const BUILD_SIZE: &str =
    "LENGTH(dockerfile_text) + LENGTH(build_args) + LENGTH(options) + LENGTH(message) + LENGTH(credentials) + 500";

fn table(kind: RetentionKind) -> StoreResult<Table> {
    Ok(match kind {
        RetentionKind::Builds => Table {
            name: "builds",
            key: "id",
            size: BUILD_SIZE,
            due: "COALESCE(ended_ms, created_ms) < $1",
        },
        RetentionKind::BuildLogs => {
            return Err(StoreError::Corrupt {
                what: "logs are files, not rows".into(),
            });
        }
        RetentionKind::Workers => Table {
            name: "workers",
            key: "id",
            size: "LENGTH(planned) + LENGTH(message) + LENGTH(additional_params) + 500",
            due: "status = 'Terminated' AND ended_ms < $1 AND NOT EXISTS (SELECT 1 FROM builds WHERE builds.worker_id = workers.id)",
        },
        RetentionKind::WorkerEvents => Table {
            name: "worker_events",
            key: "worker_id, seq",
            size: "LENGTH(message) + LENGTH(kind) + LENGTH(source) + 60",
            due: "worker_id IN (SELECT id FROM workers WHERE status = 'Terminated' AND ended_ms < $1)",
        },
        RetentionKind::Audit => Table {
            name: "audit_log",
            key: "id",
            size: "LENGTH(details) + LENGTH(object) + LENGTH(action) + LENGTH(actor) + LENGTH(address) + 80",
            due: "at_ms < $1",
        },
        RetentionKind::Tokens => Table {
            name: "api_tokens",
            key: "id",
            size: "LENGTH(name) + LENGTH(hash) + 150",
            due: "expires_ms < $1",
        },
        RetentionKind::Sessions => Table {
            name: "sessions",
            key: "id",
            size: "LENGTH(data) + LENGTH(id) + 20",
            due: "expires_ms < $1",
        },
        RetentionKind::NotebookLogins => Table {
            name: "notebook_logins",
            key: "hash",
            size: "LENGTH(hash) + 150",
            due: "expires_ms < $1",
        },
        RetentionKind::IdempotencyKeys => Table {
            name: "idempotency_keys",
            key: "user_id, key_hash",
            size: "LENGTH(body) + LENGTH(key_hash) + 100",
            due: "created_ms < $1",
        },
    })
}

fn amount_of(table: &Table) -> Statement {
    sql("SELECT COUNT(*) AS rows_found, CAST(COALESCE(SUM(")
        .push(table.size)
        .push("), 0) AS BIGINT) AS bytes FROM ")
        .push(table.name)
}

fn read_amount(row: &AnyRow) -> StoreResult<Amount> {
    let row = Row::of("retention", row);
    Ok(Amount {
        count: row.int("rows_found")?,
        bytes: row.int("bytes")?,
    })
}

fn read_id(row: &AnyRow) -> StoreResult<BuildId> {
    Row::of("builds", row).id("id")
}

impl AnyRepository {
    async fn amount(&mut self, statement: Statement) -> StoreResult<Amount> {
        Ok(self.one(statement, read_amount).await?.unwrap_or_default())
    }

    /// The highest number that is not among the newest; 0 = there is none.
    async fn last_surplus(&mut self, newest: Option<i64>) -> StoreResult<i64> {
        let Some(newest) = newest else { return Ok(0) };
        let select = sql("SELECT number FROM builds WHERE ")
            .push(BUILD_MAY_GO)
            .push(" ORDER BY number DESC LIMIT 1 OFFSET ")
            .place()
            .int(newest);
        let surplus = self.one(select, |row| Row::of("builds", row).int("number")).await?;
        Ok(surplus.unwrap_or_default())
    }

    /// `statement` for the builds that are due.
    async fn where_due(&mut self, statement: Statement, due: BuildsDue) -> StoreResult<Statement> {
        let surplus = self.last_surplus(due.newest).await?;
        Ok(statement
            .push(" WHERE ")
            .push(BUILD_MAY_GO)
            .push(" AND (COALESCE(ended_ms, created_ms) < ")
            .place()
            .int(due.before_ms.unwrap_or(i64::MIN))
            .push(" OR number <= ")
            .place()
            .int(surplus)
            .push(")"))
    }
}

#[async_trait]
impl RetentionRepository for AnyRepository {
    async fn stored(&mut self, kind: RetentionKind) -> StoreResult<Amount> {
        self.amount(amount_of(&table(kind)?)).await
    }

    async fn due(&mut self, kind: RetentionKind, before_ms: i64) -> StoreResult<Amount> {
        let table = table(kind)?;
        self.amount(amount_of(&table).push(" WHERE ").push(table.due).int(before_ms))
            .await
    }

    async fn delete_due(&mut self, kind: RetentionKind, before_ms: i64, limit: i64) -> StoreResult<u64> {
        let table = table(kind)?;
        let delete = sql("DELETE FROM ")
            .push(table.name)
            .push(" WHERE (")
            .push(table.key)
            .push(") IN (SELECT ")
            .push(table.key)
            .push(" FROM ")
            .push(table.name)
            .push(" WHERE ")
            .push(table.due)
            .int(before_ms)
            .limit(limit)
            .push(")");
        self.run(delete).await
    }

    async fn builds_due(&mut self, due: BuildsDue, limit: i64) -> StoreResult<Vec<BuildId>> {
        let select = self.where_due(sql("SELECT id FROM builds"), due).await?;
        self.all(select.push(" ORDER BY number").limit(limit), read_id).await
    }

    async fn builds_size(&mut self, due: BuildsDue) -> StoreResult<Amount> {
        let select = self.where_due(amount_of(&table(RetentionKind::Builds)?), due).await?;
        self.amount(select).await
    }

    async fn builds_delete(&mut self, ids: &[BuildId]) -> StoreResult<u64> {
        let mut deleted = 0;
        for id in ids {
            let delete = sql("DELETE FROM builds WHERE id = $1 AND ").push(BUILD_MAY_GO).id(*id);
            deleted += self.run(delete).await?;
        }
        Ok(deleted)
    }

    async fn build_logs_due(&mut self, before_ms: i64, limit: i64) -> StoreResult<Vec<BuildId>> {
        let select = sql("SELECT id FROM builds WHERE ")
            .push(BUILD_MAY_GO)
            .push(" AND log_deleted_ms IS NULL AND COALESCE(ended_ms, created_ms) < ")
            .place()
            .int(before_ms)
            .push(" ORDER BY number");
        self.all(select.limit(limit), read_id).await
    }

    async fn build_log_deleted(&mut self, id: BuildId, at_ms: i64) -> StoreResult<bool> {
        let update = sql("UPDATE builds SET log_deleted_ms = $2 WHERE id = $1 AND ")
            .push(BUILD_MAY_GO)
            .id(id)
            .int(at_ms);
        Ok(self.run(update).await? > 0)
    }

    async fn build_pin(&mut self, id: BuildId, pinned: bool) -> StoreResult<()> {
        self.run(sql("UPDATE builds SET pinned = $2 WHERE id = $1").id(id).flag(pinned))
            .await
            .map(drop)
    }
}

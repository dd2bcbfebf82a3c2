//! Workers and their events.

use async_trait::async_trait;
use prt_core::{
    security_contexts,
    store::{StoreResult, Worker, WorkerFilter, WorkerRepository},
};
use prt_types::{ids::WorkerId, security_contexts::SecurityContext, worker_sizes::Limits, workers::WorkerEvent};
use sqlx::any::AnyRow;

use crate::{
    error::changed,
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

const SELECT: &str = "SELECT w.id, w.number, w.owner_id, u.username AS owner, w.image, w.image_digest, w.size, w.cpu_millis, \
    w.memory_mib, w.gpus, w.security_context, w.builder, w.builder_capacity, w.planned, w.status, w.reason, w.message, \
    w.created_ms, w.ready_ms, w.ended_ms, w.stop_reason, w.size_id, w.rights, \
    w.personal_secrets, w.shared_secrets, w.additional_params FROM workers w JOIN users u ON u.id = w.owner_id";

const INSERT: &str = "INSERT INTO workers (id, image, image_digest, size, cpu_millis, memory_mib, gpus, security_context, builder, \
    builder_capacity, planned, status, reason, message, created_ms, ready_ms, ended_ms, stop_reason, size_id, rights, \
    personal_secrets, shared_secrets, additional_params, number, owner_id) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, \
    $25)";

/// All but what makes it this worker: id, number and owner.
const UPDATE: &str = "UPDATE workers SET image = $2, image_digest = $3, size = $4, cpu_millis = $5, memory_mib = $6, gpus = $7, \
    security_context = $8, builder = $9, builder_capacity = $10, planned = $11, status = $12, reason = $13, message = $14, \
    created_ms = $15, ready_ms = $16, ended_ms = $17, stop_reason = $18, size_id = $19, rights = $20, \
    personal_secrets = $21, shared_secrets = $22, additional_params = $23 WHERE id = $1";

/// How many of a worker's events are kept: one that restarts for ever must not fill the disk.
const EVENTS: i64 = 500;

fn read(row: &AnyRow) -> StoreResult<Worker> {
    let row = Row::of("workers", row);
    let security_context = SecurityContext::from(row.text("security_context")?);
    let rights = match (
        row.maybe_text("rights")?,
        security_contexts::built_in(&security_context),
    ) {
        (Some(text), _) => serde_json::from_str(&text).map_err(|_| row.corrupt("rights"))?,
        (None, Some(rights)) => rights,
        (None, None) => return Err(row.corrupt("rights")),
    };
    Ok(Worker {
        id: row.id("id")?,
        number: row.int("number")?,
        owner_id: row.id("owner_id")?,
        owner: row.text("owner")?,
        image: row.text("image")?,
        image_digest: row.maybe_text("image_digest")?,
        size: row.text("size")?,
        size_id: row.maybe_id("size_id")?,
        limits: Limits {
            cpu_millis: row.int("cpu_millis")?,
            memory_mib: row.int("memory_mib")?,
            gpus: row.int("gpus")?,
        },
        security_context,
        rights,
        builder: row.flag("builder")?,
        builder_capacity: row.maybe_int("builder_capacity")?,
        planned: row.json("planned")?,
        status: row.word("status")?,
        reason: row.maybe_word("reason")?,
        message: row.text("message")?,
        created_ms: row.int("created_ms")?,
        ready_ms: row.maybe_int("ready_ms")?,
        ended_ms: row.maybe_int("ended_ms")?,
        stop_reason: row.maybe_text("stop_reason")?,
        personal_secrets: row.json("personal_secrets")?,
        shared_secrets: row.json("shared_secrets")?,
        additional_params: row.json("additional_params")?,
    })
}

/// `$1` to `$23`.
fn bind(statement: Statement, worker: &Worker) -> StoreResult<Statement> {
    statement
        .id(worker.id)
        .text(&worker.image)
        .maybe_text(worker.image_digest.as_deref())
        .text(&worker.size)
        .int(worker.limits.cpu_millis)
        .int(worker.limits.memory_mib)
        .int(worker.limits.gpus)
        .text(worker.security_context.name())
        .flag(worker.builder)
        .maybe_int(worker.builder_capacity)
        .json(&worker.planned)?
        .word(worker.status)
        .maybe_word(worker.reason)
        .text(&worker.message)
        .int(worker.created_ms)
        .maybe_int(worker.ready_ms)
        .maybe_int(worker.ended_ms)
        .maybe_text(worker.stop_reason.as_deref())
        .maybe_id(worker.size_id)
        .json(&worker.rights)?
        .json(&worker.personal_secrets)?
        .json(&worker.shared_secrets)?
        .json(&worker.additional_params)
}

fn read_event(row: &AnyRow) -> StoreResult<WorkerEvent> {
    let row = Row::of("worker_events", row);
    Ok(WorkerEvent {
        at_ms: row.int("at_ms")?,
        source: row.text("source")?,
        kind: row.text("kind")?,
        message: row.text("message")?,
    })
}

#[async_trait]
impl WorkerRepository for AnyRepository {
    async fn worker_next_number(&mut self) -> StoreResult<i64> {
        self.next_number("workers").await
    }

    async fn worker_number_reserve(&mut self, number: i64) -> StoreResult<()> {
        self.reserve_number("workers", number).await
    }

    async fn worker_last_number(&mut self) -> StoreResult<i64> {
        self.last_number("workers").await
    }

    async fn worker_add(&mut self, worker: &Worker) -> StoreResult<()> {
        self.run(bind(sql(INSERT), worker)?.int(worker.number).id(worker.owner_id))
            .await
            .map(drop)
    }

    async fn worker_update(&mut self, worker: &Worker) -> StoreResult<()> {
        let rows = self.run(bind(sql(UPDATE), worker)?).await?;
        changed(rows, "worker")
    }

    async fn worker(&mut self, id: WorkerId) -> StoreResult<Option<Worker>> {
        self.one(sql(SELECT).push(" WHERE w.id = $1").id(id), read).await
    }

    async fn worker_by_number(&mut self, number: i64) -> StoreResult<Option<Worker>> {
        self.one(sql(SELECT).push(" WHERE w.number = $1").int(number), read)
            .await
    }

    async fn workers(&mut self, filter: &WorkerFilter) -> StoreResult<Vec<Worker>> {
        let mut select = sql(SELECT).push(" WHERE 1 = 1");
        if let Some(owner) = filter.owner {
            select = select.push(" AND w.owner_id = ").place().id(owner);
        }
        if filter.live_only {
            // Word for word the condition of the index `workers_live`.
            select = select.push(" AND w.status <> 'Terminated'");
        }
        self.all(select.push(" ORDER BY w.number DESC").limit(filter.limit), read)
            .await
    }

    async fn worker_event_add(&mut self, worker: WorkerId, event: &WorkerEvent) -> StoreResult<()> {
        let insert = sql("INSERT INTO worker_events (worker_id, seq, at_ms, source, kind, message)")
            .push(" SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5 FROM worker_events WHERE worker_id = $1")
            .id(worker)
            .int(event.at_ms)
            .text(&event.source)
            .text(&event.kind)
            .text(&event.message);
        self.run(insert).await?;
        let trim = sql("DELETE FROM worker_events WHERE worker_id = $1")
            .push(" AND seq <= (SELECT MAX(seq) FROM worker_events WHERE worker_id = $1) - $2")
            .id(worker)
            .int(EVENTS);
        self.run(trim).await.map(drop)
    }

    async fn worker_events(&mut self, worker: WorkerId) -> StoreResult<Vec<WorkerEvent>> {
        let select =
            sql("SELECT at_ms, source, kind, message FROM worker_events WHERE worker_id = $1 ORDER BY seq").id(worker);
        self.all(select, read_event).await
    }
}

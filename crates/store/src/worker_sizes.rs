//! Worker sizes with their grants.

use async_trait::async_trait;
use prt_core::store::{StoreResult, WorkerSize, WorkerSizeRepository};
use prt_types::ids::WorkerSizeId;
use sqlx::any::AnyRow;

use crate::{
    grants::OF_WORKER_SIZES,
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

const SELECT: &str = "SELECT id, name, cpu_millis, cpu_net_millis, memory_mib, memory_net_mib, gpus, gpu_vram_gib, gpu_type, \
    node_selector, security_context, is_default, revision, created_ms, updated_ms FROM worker_sizes";

const INSERT: &str = "INSERT INTO worker_sizes (id, name, cpu_millis, cpu_net_millis, memory_mib, memory_net_mib, gpus, \
    gpu_vram_gib, gpu_type, node_selector, security_context, is_default, revision, updated_ms, created_ms) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";

const UPDATE: &str = "UPDATE worker_sizes SET name = $2, cpu_millis = $3, cpu_net_millis = $4, memory_mib = $5, \
    memory_net_mib = $6, gpus = $7, gpu_vram_gib = $8, gpu_type = $9, node_selector = $10, security_context = $11, \
    is_default = $12, revision = $13, updated_ms = $14 WHERE id = $1 AND revision = $13 - 1";

/// Without its grants.
fn read(row: &AnyRow) -> StoreResult<WorkerSize> {
    let row = Row::of("worker_sizes", row);
    Ok(WorkerSize {
        id: row.id("id")?,
        name: row.text("name")?,
        cpu_millis: row.int("cpu_millis")?,
        cpu_net_millis: row.int("cpu_net_millis")?,
        memory_mib: row.int("memory_mib")?,
        memory_net_mib: row.int("memory_net_mib")?,
        gpus: row.int("gpus")?,
        gpu_vram_gib: row.int("gpu_vram_gib")?,
        gpu_type: row.text("gpu_type")?,
        node_selector: row.json("node_selector")?,
        security_context: row.text("security_context")?.into(),
        default: row.flag("is_default")?,
        grants: Vec::new(),
        revision: row.int("revision")?,
        created_ms: row.int("created_ms")?,
        updated_ms: row.int("updated_ms")?,
    })
}

/// `$1` to `$14`.
fn bind(statement: Statement, size: &WorkerSize) -> StoreResult<Statement> {
    Ok(statement
        .id(size.id)
        .text(&size.name)
        .int(size.cpu_millis)
        .int(size.cpu_net_millis)
        .int(size.memory_mib)
        .int(size.memory_net_mib)
        .int(size.gpus)
        .int(size.gpu_vram_gib)
        .text(&size.gpu_type)
        .json(&size.node_selector)?
        .text(size.security_context.name())
        .flag(size.default)
        .int(size.revision)
        .int(size.updated_ms))
}

#[async_trait]
impl WorkerSizeRepository for AnyRepository {
    async fn worker_size_add(&mut self, size: &WorkerSize) -> StoreResult<()> {
        self.run(bind(sql(INSERT), size)?.int(size.created_ms)).await?;
        self.grants_set(&OF_WORKER_SIZES, size.id, &size.grants).await
    }

    async fn worker_size_update(&mut self, size: &WorkerSize) -> StoreResult<bool> {
        if self.run(bind(sql(UPDATE), size)?).await? == 0 {
            return Ok(false);
        }
        self.grants_set(&OF_WORKER_SIZES, size.id, &size.grants).await?;
        Ok(true)
    }

    async fn worker_size_only_default(&mut self, id: WorkerSizeId) -> StoreResult<()> {
        const OTHERS: &str =
            "UPDATE worker_sizes SET is_default = 0, revision = revision + 1 WHERE is_default = 1 AND id <> $1";
        self.run(sql(OTHERS).id(id)).await.map(drop)
    }

    async fn worker_size_remove(&mut self, id: WorkerSizeId) -> StoreResult<bool> {
        Ok(self.run(sql("DELETE FROM worker_sizes WHERE id = $1").id(id)).await? > 0)
    }

    async fn worker_size(&mut self, id: WorkerSizeId) -> StoreResult<Option<WorkerSize>> {
        let Some(mut size) = self.one(sql(SELECT).push(" WHERE id = $1").id(id), read).await? else {
            return Ok(None);
        };
        size.grants = self.grants_of(&OF_WORKER_SIZES, id).await?;
        Ok(Some(size))
    }

    async fn worker_sizes(&mut self) -> StoreResult<Vec<WorkerSize>> {
        let mut sizes = self.all(sql(SELECT), read).await?;
        let mut grants = self.grants_all(&OF_WORKER_SIZES).await?;
        for size in &mut sizes {
            size.grants = grants.remove(&size.id.to_string()).unwrap_or_default();
        }
        // Sorted here: Postgres would sort names by the rules of the language that the database was made with.
        sizes.sort_by(|a, b| (a.cpu_millis, a.memory_mib, &a.name).cmp(&(b.cpu_millis, b.memory_mib, &b.name)));
        Ok(sizes)
    }
}

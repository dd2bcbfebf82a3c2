//! Worker sizes with their grants.

use async_trait::async_trait;
use prt_core::store::{StoreResult, WorkerSize, WorkerSizeRepository};
use prt_types::ids::WorkerSizeId;
use sqlx::any::AnyRow;

use crate::{grants::OF_WORKER_SIZES, repository::AnyRepository, row::Row, statement::sql};

const SELECT: &str = "SELECT id, name, cpu_millis, cpu_net_millis, memory_mib, memory_net_mib, gpus, gpu_vram_gib, \
    security_context, is_default, created_ms FROM worker_sizes";

const INSERT: &str = "INSERT INTO worker_sizes (id, name, cpu_millis, cpu_net_millis, memory_mib, memory_net_mib, gpus, \
    gpu_vram_gib, security_context, is_default, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

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
        security_context: row.word("security_context")?,
        default: row.flag("is_default")?,
        grants: Vec::new(),
        created_ms: row.int("created_ms")?,
    })
}

#[async_trait]
impl WorkerSizeRepository for AnyRepository {
    async fn worker_size_add(&mut self, size: &WorkerSize) -> StoreResult<()> {
        let insert = sql(INSERT)
            .id(size.id)
            .text(&size.name)
            .int(size.cpu_millis)
            .int(size.cpu_net_millis)
            .int(size.memory_mib)
            .int(size.memory_net_mib)
            .int(size.gpus)
            .int(size.gpu_vram_gib)
            .word(size.security_context)
            .flag(size.default)
            .int(size.created_ms);
        self.run(insert).await?;
        self.grants_set(&OF_WORKER_SIZES, size.id, &size.grants).await
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

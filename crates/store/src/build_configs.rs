//! Configurations of build services.

use async_trait::async_trait;
use prt_core::store::{BuildConfigRepository, StoreResult, WorkerBuildConfig};
use prt_types::ids::WorkerId;
use sqlx::any::AnyRow;

use crate::{repository::AnyRepository, row::Row, statement::sql};

const SELECT: &str = "SELECT worker_id, state, message, active, pending, findings, revision, updated_ms, updated_by FROM worker_build_configs";

const PUT: &str = "INSERT INTO worker_build_configs (worker_id, state, message, active, pending, findings, revision, updated_ms, \
    updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (worker_id) DO UPDATE SET state = excluded.state, \
    message = excluded.message, active = excluded.active, pending = excluded.pending, findings = excluded.findings, \
    revision = excluded.revision, updated_ms = excluded.updated_ms, updated_by = excluded.updated_by";

fn read(row: &AnyRow) -> StoreResult<WorkerBuildConfig> {
    let row = Row::of("worker_build_configs", row);
    Ok(WorkerBuildConfig {
        worker_id: row.id("worker_id")?,
        state: row.word("state")?,
        message: row.text("message")?,
        active: row.json("active")?,
        pending: row.maybe_json("pending")?,
        findings: row.json("findings")?,
        revision: row.int("revision")?,
        updated_ms: row.int("updated_ms")?,
        updated_by: row.text("updated_by")?,
    })
}

#[async_trait]
impl BuildConfigRepository for AnyRepository {
    async fn build_config_put(&mut self, config: &WorkerBuildConfig) -> StoreResult<()> {
        let put = sql(PUT)
            .id(config.worker_id)
            .word(config.state)
            .text(&config.message)
            .json(&config.active)?
            .maybe_json(config.pending.as_ref())?
            .json(&config.findings)?
            .int(config.revision)
            .int(config.updated_ms)
            .text(&config.updated_by);
        self.run(put).await.map(drop)
    }

    async fn build_config(&mut self, worker: WorkerId) -> StoreResult<Option<WorkerBuildConfig>> {
        self.one(sql(SELECT).push(" WHERE worker_id = $1").id(worker), read)
            .await
    }

    async fn build_configs_changing(&mut self) -> StoreResult<Vec<WorkerBuildConfig>> {
        self.all(
            sql(SELECT).push(" WHERE state IN ('waiting', 'applying') ORDER BY worker_id"),
            read,
        )
        .await
    }
}

//! Workers in the engine that another database made.

use prt_types::ids::WorkerId;

use crate::{Orchestrator, error::Result};

impl Orchestrator {
    /// Workers of this instance in the engine, if the database never had one. Then another console has the same instance name, or this is
    /// not the database of this instance. None while the engine does not answer.
    pub async fn workers_of_another_database(&self) -> Result<Vec<WorkerId>> {
        // Not by its rows: those of workers that ended may have been deleted since.
        if self.read().await?.worker_last_number().await? > 0 {
            return Ok(vec![]);
        }
        Ok(self.inner.engine.list().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the container engine does not say which workers it has");
            vec![]
        }))
    }
}

//! Workers in the engine that another database made.

use prt_types::ids::WorkerId;

use crate::{Orchestrator, error::Result, store::WorkerFilter};

impl Orchestrator {
    /// Workers of this instance in the engine, if the database never had one. Then another console has the same instance name, or this is
    /// not the database of this instance. None while the engine does not answer.
    pub async fn workers_of_another_database(&self) -> Result<Vec<WorkerId>> {
        let any = WorkerFilter {
            limit: 1,
            ..WorkerFilter::default()
        };
        if !self.read().await?.workers(&any).await?.is_empty() {
            return Ok(vec![]);
        }
        Ok(self.inner.engine.list().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the container engine does not say which workers it has");
            vec![]
        }))
    }
}

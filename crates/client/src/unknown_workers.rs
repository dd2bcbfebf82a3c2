//! Workers that the engine has and the database does not know, for admins.

use prt_types::{
    ids::WorkerId,
    unknown_workers::{AdoptRequest, UnknownWorkerView},
    workers::WorkerView,
};
use reqwest::Method;

use crate::{Client, Result};

impl Client {
    /// All of them.
    pub async fn unknown_workers(&self) -> Result<Vec<UnknownWorkerView>> {
        self.get(self.url(&["unknown-workers"])).await
    }

    /// Makes a record for one again.
    pub async fn unknown_worker_adopt(&self, id: WorkerId, request: &AdoptRequest) -> Result<WorkerView> {
        let url = self.url(&["unknown-workers", &id.to_string(), "adopt"]);
        self.send(Method::POST, url, request).await
    }

    /// Removes the containers and volumes of one.
    pub async fn unknown_worker_remove(&self, id: WorkerId) -> Result<()> {
        self.delete(self.url(&["unknown-workers", &id.to_string()])).await
    }
}

//! Worker sizes and security contexts, as admins change them.

use prt_types::{
    ids::WorkerSizeId,
    security_contexts::{SecurityContextInput, SecurityContextView},
    worker_sizes::{WorkerSizeCloneRequest, WorkerSizeDetail, WorkerSizeInput},
};
use reqwest::Method;

use crate::{Client, Result};

impl Client {
    /// All sizes with who may use them.
    pub async fn worker_sizes_all(&self) -> Result<Vec<WorkerSizeDetail>> {
        self.get(self.url(&["worker-sizes", "all"])).await
    }

    /// One size.
    pub async fn worker_size(&self, id: WorkerSizeId) -> Result<WorkerSizeDetail> {
        self.get(self.url(&["worker-sizes", &id.to_string()])).await
    }

    /// Makes a size.
    pub async fn worker_size_create(&self, input: &WorkerSizeInput) -> Result<WorkerSizeDetail> {
        self.send(Method::POST, self.url(&["worker-sizes"]), input).await
    }

    /// Replaces a size.
    pub async fn worker_size_update(&self, id: WorkerSizeId, input: &WorkerSizeInput) -> Result<WorkerSizeDetail> {
        self.send(Method::PUT, self.url(&["worker-sizes", &id.to_string()]), input)
            .await
    }

    /// Makes a copy of a size under another name.
    pub async fn worker_size_clone(
        &self,
        id: WorkerSizeId,
        request: &WorkerSizeCloneRequest,
    ) -> Result<WorkerSizeDetail> {
        let url = self.url(&["worker-sizes", &id.to_string(), "clone"]);
        self.send(Method::POST, url, request).await
    }

    /// Removes a size.
    pub async fn worker_size_delete(&self, id: WorkerSizeId) -> Result<()> {
        self.delete(self.url(&["worker-sizes", &id.to_string()])).await
    }

    /// All security contexts.
    pub async fn security_contexts(&self) -> Result<Vec<SecurityContextView>> {
        self.get(self.url(&["security-contexts"])).await
    }

    /// One security context.
    pub async fn security_context(&self, name: &str) -> Result<SecurityContextView> {
        self.get(self.url(&["security-contexts", name])).await
    }

    /// Makes a security context.
    pub async fn security_context_create(&self, input: &SecurityContextInput) -> Result<SecurityContextView> {
        self.send(Method::POST, self.url(&["security-contexts"]), input).await
    }

    /// Replaces a security context.
    pub async fn security_context_update(
        &self,
        name: &str,
        input: &SecurityContextInput,
    ) -> Result<SecurityContextView> {
        self.send(Method::PUT, self.url(&["security-contexts", name]), input)
            .await
    }

    /// Removes a security context.
    pub async fn security_context_delete(&self, name: &str) -> Result<()> {
        self.delete(self.url(&["security-contexts", name])).await
    }
}

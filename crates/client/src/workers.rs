//! Workers: start, watch, run commands in, copy into, end.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream::BoxStream};
use prt_types::contexts::{ContextManifest, ContextView};
use prt_types::workers::{
    ContainerRole, ExecRequest, ExecResult, NotebookLink, NotebookRequest, TerminateRequest, WorkerConfig, WorkerView,
};
use reqwest::{Method, header};

use crate::{Client, Result, request::with_query};

/// What a wait may take beyond the time that it was asked to take.
const WAIT_MARGIN: Duration = Duration::from_secs(15);

/// A tar stream, as it is made.
#[derive(Debug)]
pub struct ContextBody(reqwest::Body);

impl ContextBody {
    /// From parts; an error among them breaks the upload off.
    pub fn new<S>(parts: S) -> Self
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        Self(reqwest::Body::wrap_stream(parts))
    }
}

impl Client {
    /// Workers that hold resources, or also those that have ended.
    pub async fn workers(&self, all: bool) -> Result<Vec<WorkerView>> {
        self.get(with_query(self.url(&["workers"]), "all", Some(all))).await
    }

    /// Starts a worker; the answer comes before it is ready.
    pub async fn worker_create(&self, config: &WorkerConfig) -> Result<WorkerView> {
        self.create(self.url(&["workers"]), config).await
    }

    /// One worker with its containers and events.
    pub async fn worker(&self, name: &str) -> Result<WorkerView> {
        self.get(self.url(&["workers", name])).await
    }

    /// Waits until a worker is ready or will not become so, at most `timeout_s` seconds.
    pub async fn worker_wait(&self, name: &str, timeout_s: u64) -> Result<WorkerView> {
        let url = with_query(self.url(&["workers", name, "wait"]), "timeout_s", Some(timeout_s));
        let limit = Duration::from_secs(timeout_s) + WAIT_MARGIN;
        self.json(self.run(self.request(Method::GET, url).timeout(limit)).await?)
            .await
    }

    /// Ends a worker and removes what belongs to it.
    pub async fn worker_terminate(&self, name: &str, request: &TerminateRequest) -> Result<WorkerView> {
        self.send_patiently(self.url(&["workers", name, "terminate"]), request)
            .await
    }

    /// A link into a worker's notebook; it works once, and for a minute.
    pub async fn notebook_open(&self, name: &str, request: &NotebookRequest) -> Result<NotebookLink> {
        self.send(Method::POST, self.url(&["workers", name, "notebook"]), request)
            .await
    }

    /// What a container's main process printed.
    pub async fn worker_logs(
        &self,
        name: &str,
        container: ContainerRole,
        tail_bytes: Option<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let url = with_query(
            self.url(&["workers", name, "logs"]),
            "container",
            Some(container.name()),
        );
        self.download(with_query(url, "tail_bytes", tail_bytes)).await
    }

    /// Runs a command in the primary container and waits for its end.
    pub async fn worker_exec(&self, name: &str, request: &ExecRequest) -> Result<ExecResult> {
        self.send_patiently(self.url(&["workers", name, "exec"]), request).await
    }

    /// Replaces a folder of the worker's build folder by what a tar stream holds.
    pub async fn worker_put_context(&self, name: &str, path: &str, body: ContextBody) -> Result<()> {
        let url = with_query(self.url(&["workers", name, "context"]), "path", Some(path));
        let request = self
            .request(Method::PUT, url)
            .header(header::CONTENT_TYPE, "application/x-tar")
            .body(body.0);
        self.run(request).await.map(drop)
    }

    /// Offers a build context by its list; says which contents the builder does not have.
    pub async fn context_offer(&self, name: &str, manifest: &ContextManifest) -> Result<ContextView> {
        self.send_patiently(self.url(&["workers", name, "contexts"]), manifest)
            .await
    }

    /// Sends missing contents of a context.
    pub async fn context_fill(&self, name: &str, id: &str, body: ContextBody) -> Result<ContextView> {
        let request = self
            .request(Method::PUT, self.url(&["workers", name, "contexts", id]))
            .header(header::CONTENT_TYPE, "application/x-tar")
            .body(body.0);
        self.json(self.run(request).await?).await
    }

    /// Writes one file into the worker's build folder.
    pub async fn worker_put_file(&self, name: &str, path: &str, content: Bytes) -> Result<()> {
        let url = with_query(self.url(&["workers", name, "files"]), "path", Some(path));
        let request = self
            .request(Method::PUT, url)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(content);
        self.run(request).await.map(drop)
    }

    /// Reads one file.
    pub async fn worker_file(&self, name: &str, path: &str) -> Result<Bytes> {
        let url = with_query(self.url(&["workers", name, "files"]), "path", Some(path));
        self.run(self.request(Method::GET, url))
            .await?
            .bytes()
            .await
            .map_err(|error| self.transport(error))
    }

    /// A body in parts, as it comes.
    pub(crate) async fn download(&self, url: url::Url) -> Result<BoxStream<'static, Result<Bytes>>> {
        let response = self.run(self.request(Method::GET, url)).await?;
        let client = self.clone();
        Ok(response
            .bytes_stream()
            .map_err(move |error| client.transport(error))
            .boxed())
    }
}

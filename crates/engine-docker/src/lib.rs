//! The engine port over the Docker Engine API (1.41 and newer), which Podman's compatible API speaks too.
//!
//! [`DockerEngine`] is the only public type. It turns a `WorkerPlan` into containers, volumes and one network and decides nothing.
//! Every object carries the labels of `labels.rs`; what does not carry this installation's label is never touched.
//!
//! # How to add a call
//! Put the method of the port here, with its limit (`limits.rs`), and the work into the file of its subject (`exec.rs`, `copy.rs`, …).
//! Failures go through `errors.rs`, so that callers see a kind. Then add a case to `prt_core::testing::engine_conformance`, which runs
//! against the real engine.

mod connect;
mod copy;
mod create;
mod errors;
mod events;
mod exec;
mod images;
mod labels;
mod limits;
mod network;
mod observe;
mod prepare;
mod progress;
mod remove;
mod security;

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, stream::BoxStream};
use prt_core::engine::{
    Duplex, Engine, EngineEvent, EngineImage, EngineInfo, EngineResult, ExecHandle, ExecSpec, FoundWorker,
    ObservedWorker, OnProgress, RegistryLogin, SecuritySettings, WorkerPlan,
};
use prt_types::{
    container_images::PullPolicy, ids::WorkerId, security_contexts::EngineSetting, workers::ContainerRole,
};

pub use connect::DockerEngine;
use limits::within;

#[async_trait]
impl Engine for DockerEngine {
    async fn probe(&self) -> EngineResult<EngineInfo> {
        within("asking the container engine what it is", self.describe()).await
    }

    async fn ensure_image(
        &self,
        reference: &str,
        policy: PullPolicy,
        login: Option<&RegistryLogin>,
        progress: OnProgress,
    ) -> EngineResult<EngineImage> {
        let image = self.image(reference, policy, login, progress);
        self.while_it_lives(&format!("getting the image {reference}"), image)
            .await
    }

    async fn start_worker(&self, plan: &WorkerPlan) -> EngineResult<()> {
        self.while_it_lives("starting the containers", self.create_and_start(plan))
            .await
    }

    async fn observe(&self, worker: WorkerId) -> EngineResult<Option<ObservedWorker>> {
        within("looking at the containers", self.observed(worker)).await
    }

    fn describe_security(&self, settings: &SecuritySettings) -> Vec<EngineSetting> {
        security::describe(settings)
    }

    async fn found(&self, worker: WorkerId) -> EngineResult<Option<FoundWorker>> {
        within("looking at the containers", self.found_worker(worker)).await
    }

    async fn list(&self) -> EngineResult<Vec<WorkerId>> {
        within("listing containers and volumes", self.workers()).await
    }

    async fn events(&self) -> EngineResult<BoxStream<'static, EngineEvent>> {
        within("subscribing to the container engine's events", self.subscribe()).await
    }

    async fn stop(&self, worker: WorkerId) -> EngineResult<()> {
        self.while_it_lives("removing containers and volumes", self.remove_worker(worker))
            .await
    }

    async fn logs(&self, worker: WorkerId, role: ContainerRole, tail_bytes: usize) -> EngineResult<Vec<u8>> {
        let logs = self.container_logs(worker, role, tail_bytes);
        self.while_it_lives("reading the container's output", logs).await
    }

    async fn exec(&self, worker: WorkerId, role: ContainerRole, spec: ExecSpec) -> EngineResult<ExecHandle> {
        within(exec::DOING, self.run(worker, role, spec)).await
    }

    async fn copy_in(
        &self,
        worker: WorkerId,
        role: ContainerRole,
        folder: &str,
        tar: Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>,
    ) -> EngineResult<()> {
        let unpacked = self.unpack(worker, role, folder, tar);
        self.while_it_lives(&format!("writing to {folder} in the container"), unpacked)
            .await
    }

    async fn copy_out(
        &self,
        worker: WorkerId,
        role: ContainerRole,
        path: &str,
    ) -> EngineResult<BoxStream<'static, EngineResult<Bytes>>> {
        let packed = self.pack(worker, role, path);
        self.while_it_lives(&format!("reading {path} from the container"), packed)
            .await
    }

    async fn connect(&self, worker: WorkerId, port: u16) -> EngineResult<Box<dyn Duplex>> {
        within("connecting to the worker", self.dial(worker, port)).await
    }
}

//! Build contexts that are sent to a builder worker. They lie apart from the build folder: see `prt_types::contexts`.

use futures::FutureExt as _;
use prt_agent_protocol::{Reply, Request};
use prt_types::contexts::{ContextManifest, ContextView};

use super::{
    plan::CONTEXTS,
    uploads::{ByteStream, SILENCE, StreamEnd, broke_off, watched},
};
use crate::{
    Orchestrator,
    agent::{self, Agent, Contents},
    builds::builds_in,
    error::Result,
    op_context::OpContext,
    store::Worker,
};

impl Orchestrator {
    /// Makes a context from what the builder has already, or says which contents are missing.
    pub async fn context_offer(&self, cx: &OpContext, name: &str, manifest: ContextManifest) -> Result<ContextView> {
        let worker = self.context_worker(cx, name).await?;
        let store = CONTEXTS.to_owned();
        self.upload_begins(cx, name, "context", false).await?;
        self.context_ask(&worker, Request::ContextOffer { store, manifest }, None)
            .await
    }

    /// Takes the missing contents of an offered context: a tar stream with a file for each, named by its SHA-256.
    pub async fn context_fill(&self, cx: &OpContext, name: &str, id: &str, tar: ByteStream) -> Result<ContextView> {
        let worker = self.context_worker(cx, name).await?;
        let (store, id) = (CONTEXTS.to_owned(), id.to_owned());
        self.context_ask(&worker, Request::ContextFill { store, id }, Some(tar))
            .await
    }

    /// Takes a whole context as a tar stream.
    pub async fn context_put(&self, cx: &OpContext, name: &str, tar: ByteStream) -> Result<ContextView> {
        let worker = self.context_worker(cx, name).await?;
        let store = CONTEXTS.to_owned();
        self.upload_begins(cx, name, "context", false).await?;
        self.context_ask(&worker, Request::ContextArchive { store }, Some(tar))
            .await
    }

    async fn context_worker(&self, cx: &OpContext, name: &str) -> Result<Worker> {
        let worker = self.build_folder_reachable(cx, name).await?;
        builds_in(&worker)?;
        Ok(worker)
    }

    async fn context_ask(&self, worker: &Worker, request: Request, tar: Option<ByteStream>) -> Result<ContextView> {
        let turns = self.inner.workers.uploads(worker.id);
        let _turn = turns.turn().await;
        let end = StreamEnd::default();
        let contents = tar.map(|tar| Contents {
            bytes: watched(tar, end.clone(), SILENCE),
            whole: end.clone().whole().boxed(),
        });
        let agent = Agent::of_builder();
        let reply = agent::ask(&*self.inner.engine, worker.id, &agent, &request, contents).await;
        if let Some(why) = end.broken() {
            return Err(broke_off(&why));
        }
        match reply? {
            Reply::Context(view) => Ok(view),
            Reply::Refused(refusal) => Err(agent::refused(refusal, "context")),
            _ => Err(agent::unexpected()),
        }
    }
}

//! What is in the build folder of a running worker.

use bytes::Bytes;
use prt_agent_protocol::{RefusalKind, Reply, Request};

pub use prt_agent_protocol::BuildFile;

use super::reach::confine_file;
use crate::{
    Orchestrator,
    agent::{self, Agent},
    error::{Error, Result},
    op_context::OpContext,
};

/// Most bytes of a file that is read.
const LARGEST: u64 = 16 * 1024 * 1024;

impl Orchestrator {
    /// Reads one file of the build folder, up to 16 MiB.
    pub async fn build_file_get(&self, cx: &OpContext, name: &str, path: &str) -> Result<Bytes> {
        let worker = self.build_folder_reachable(cx, name).await?;
        let relative = confine_file(path)?;
        let agent = Agent::of_build_folder(&worker);
        let request = Request::FileRead {
            folder: agent.build_folder.into(),
            path: relative.clone(),
            limit: LARGEST,
        };
        match agent::ask_for_file(&*self.inner.engine, worker.id, &agent, &request).await? {
            (Reply::File, Some(content)) => Ok(content.into()),
            (Reply::File, None) => Err(Error::Unavailable {
                message: format!("Not all of {relative} came from {name}."),
                hint: Some("Try again.".into()),
                source: None,
            }),
            (Reply::Refused(refusal), _) if refusal.kind == RefusalKind::NotFound => Err(Error::not_found(
                "file",
                format!("{relative} in the build folder of {name}"),
            )),
            (Reply::Refused(refusal), _) => Err(agent::refused(refusal, "path")),
            _ => Err(agent::unexpected()),
        }
    }

    /// What is in the build folder: at most a thousand files.
    pub async fn build_file_list(&self, cx: &OpContext, name: &str) -> Result<Vec<BuildFile>> {
        let worker = self.build_folder_reachable(cx, name).await?;
        let agent = Agent::of_build_folder(&worker);
        let request = Request::FileList {
            folder: agent.build_folder.into(),
        };
        match agent::ask(&*self.inner.engine, worker.id, &agent, &request, None).await? {
            Reply::Files { files } => Ok(files),
            Reply::Refused(refusal) => Err(agent::refused(refusal, "path")),
            _ => Err(agent::unexpected()),
        }
    }
}

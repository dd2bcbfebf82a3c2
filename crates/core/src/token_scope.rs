//! What a token for builds may do: builds in its owner's builder workers, with their build folders; and, if it is made so, builder
//! workers of its own. All else is closed to it, because [`OpContext::actor`] refuses it; what is open asks [`OpContext::any_actor`].

use prt_types::{access::TokenScope, workers::WorkerConfig};

use crate::{
    Orchestrator,
    error::{Error, Result},
    op_context::{Actor, OpContext},
    store::{Repository, Worker},
};

/// The one answer to a token for builds that asks for something else.
pub(crate) fn refusal() -> Error {
    Error::forbidden(
        "This API token is for builds only.",
        "Use an API token with full access (Access > API tokens, or prtcli login).",
    )
}

impl OpContext {
    /// The user, if the request may start that worker. What a token for builds starts is for builds: nothing of the owner's comes with
    /// it, and nothing runs in it but the image's own programs.
    pub(crate) fn starter(&self, config: &WorkerConfig) -> Result<&Actor> {
        let actor = self.any_actor()?;
        match actor.scope {
            TokenScope::Full => self.person("start workers"),
            TokenScope::Build => Err(refusal()),
            TokenScope::BuildAndStart if actor.only_worker.is_some() => Err(refusal()),
            TokenScope::BuildAndStart if only_for_builds(config) => Ok(actor),
            TokenScope::BuildAndStart => Err(Error::forbidden(
                "This API token is for builds only: its workers have a builder, and no startup script or variables of their own.",
                "Set image_config.builder; leave out startup_script, env_variables and the like.",
            )),
        }
    }
}

fn only_for_builds(config: &WorkerConfig) -> bool {
    // What is not asked for is its default, whatever fields there will be.
    let plain = WorkerConfig {
        worker_image: config.worker_image.clone(),
        worker_size: config.worker_size.clone(),
        image_config: config.image_config.clone(),
        service_type: config.service_type,
        log_level: config.log_level.clone(),
        ..WorkerConfig::default()
    };
    config.image_config.builder == Some(true) && *config == plain
}

impl Orchestrator {
    /// The worker of that name, if the asker may end it.
    pub(crate) async fn worker_to_end(&self, tx: &mut dyn Repository, cx: &OpContext, name: &str) -> Result<Worker> {
        let actor = cx.any_actor()?;
        match (actor.scope, actor.token) {
            (TokenScope::BuildAndStart, Some(token)) => {
                let worker = self.worker_visible_to_builds(tx, cx, name).await?;
                if tx.token_has_worker(token, worker.id).await? {
                    return Ok(worker);
                }
                Err(Error::forbidden(
                    format!("This API token is for builds only: it did not start {name} and cannot end it."),
                    "Use an API token with full access (Access > API tokens, or prtcli login).",
                ))
            }
            _ => self.worker_visible(tx, cx, name).await,
        }
    }
}

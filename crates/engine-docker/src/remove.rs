//! Removing everything of a worker.

use std::time::Duration;

use bollard::query_parameters::{
    InspectContainerOptions, RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, StopContainerOptionsBuilder,
};
use futures::future::try_join_all;
use prt_core::engine::{EngineError, EngineErrorKind, EngineResult};
use prt_types::ids::WorkerId;

use crate::{DockerEngine, errors};

/// A builder that drains and a Jupyter that saves are done by then; others are killed.
const GRACE_SECONDS: i32 = 5;
const LONGEST_REMOVAL: Duration = Duration::from_secs(30);

impl DockerEngine {
    pub(crate) async fn remove_worker(&self, worker: WorkerId) -> EngineResult<()> {
        let containers = self.containers(Some(worker)).await?;
        try_join_all(containers.iter().map(|(id, _)| self.remove_container(id))).await?;
        let volumes = self.volumes(Some(worker)).await?;
        try_join_all(volumes.iter().map(|(name, _)| self.remove_volume(name))).await?;
        // The worker is gone all the same: somebody else's container may be attached to the network.
        if let Err(error) = self.remove_network_if_unused().await {
            tracing::warn!(%error, "the workers' network stays");
        }
        Ok(())
    }

    async fn remove_container(&self, id: &str) -> EngineResult<()> {
        let docker = self.docker().await?;
        let grace = StopContainerOptionsBuilder::new().t(GRACE_SECONDS).build();
        if let Err(error) = docker.stop_container(id, Some(grace)).await {
            // It does not run, never ran, or is gone: the forced removal copes with all of these.
            tracing::debug!(%error, container = id, "stopping a container");
        }
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match docker.remove_container(id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(e) if errors::status(&e) == Some(404) => Ok(()),
            // Somebody else removes it just now.
            Err(e) if errors::status(&e) == Some(409) => self.wait_until_removed(id).await,
            Err(e) => Err(errors::from(e, "removing a container")),
        }
    }

    async fn wait_until_removed(&self, id: &str) -> EngineResult<()> {
        const PAUSE: Duration = Duration::from_millis(50);
        let docker = self.docker().await?;
        let gone = async {
            while docker
                .inspect_container(id, None::<InspectContainerOptions>)
                .await
                .is_ok()
            {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(LONGEST_REMOVAL, gone).await.map_err(|_| {
            EngineError::new(
                EngineErrorKind::Other,
                format!("the container engine does not finish removing {id}"),
            )
        })
    }

    async fn remove_volume(&self, name: &str) -> EngineResult<()> {
        let options = RemoveVolumeOptionsBuilder::new().force(true).build();
        match self.docker().await?.remove_volume(name, Some(options)).await {
            Ok(()) => Ok(()),
            Err(e) if errors::status(&e) == Some(404) => Ok(()),
            Err(e) => Err(errors::from(e, &format!("removing the volume {name}"))),
        }
    }
}

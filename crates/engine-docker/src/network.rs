//! One bridge network for all workers of an installation, on which containers cannot talk to each other.
//!
//! A network per worker would isolate as well, but Docker's default address pools hold only about 31 networks.

use std::collections::HashMap;

use bollard::{
    models::NetworkCreateRequest,
    query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder},
};
use prt_core::engine::EngineResult;

use crate::{DockerEngine, errors, labels};

impl DockerEngine {
    /// The id of the shared network, which is made when missing.
    pub(crate) async fn ensure_network(&self) -> EngineResult<String> {
        let _alone = self.network_lock.lock().await;
        if let Some(id) = self.networks().await?.into_iter().next() {
            return Ok(id);
        }
        let request = NetworkCreateRequest {
            name: labels::network_name(&self.instance),
            driver: Some("bridge".into()),
            options: Some(HashMap::from([(
                "com.docker.network.bridge.enable_icc".into(),
                "false".into(),
            )])),
            labels: Some(labels::of_instance(&self.instance, "network")),
            ..Default::default()
        };
        let created = match self.docker().await?.create_network(request).await {
            Ok(created) => Some(created.id),
            // Another process was faster.
            Err(e) if errors::status(&e) == Some(409) => None,
            Err(e) => return Err(errors::from(e, "creating the workers' network")),
        };
        // Engines accept two networks of one name when two processes ask at once. Both see the same order and keep the first.
        let kept = self.networks().await?.into_iter().next();
        if let (Some(created), Some(kept)) = (&created, &kept)
            && created != kept
        {
            self.remove_network(created).await?;
        }
        Ok(kept.or(created).unwrap_or_else(|| labels::network_name(&self.instance)))
    }

    /// Removes the shared network when no container of ours is left. The next start makes it again.
    pub async fn remove_network_if_unused(&self) -> EngineResult<()> {
        let _alone = self.network_lock.lock().await;
        let ours = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&labels::filter(&self.instance, None))
            .build();
        let containers = self
            .docker()
            .await?
            .list_containers(Some(ours))
            .await
            .map_err(|e| errors::from(e, "listing containers"))?;
        if containers.is_empty() {
            for id in self.networks().await? {
                self.remove_network(&id).await?;
            }
        }
        Ok(())
    }

    /// Ids of our networks, the oldest first.
    async fn networks(&self) -> EngineResult<Vec<String>> {
        let name = labels::network_name(&self.instance);
        let ours = ListNetworksOptionsBuilder::new()
            .filters(&labels::filter(&self.instance, None))
            .build();
        let mut found = self
            .docker()
            .await?
            .list_networks(Some(ours))
            .await
            .map_err(|e| errors::from(e, "listing networks"))?;
        found.retain(|network| network.name.as_deref() == Some(&name));
        found.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        Ok(found.into_iter().filter_map(|network| network.id).collect())
    }

    async fn remove_network(&self, id: &str) -> EngineResult<()> {
        match self.docker().await?.remove_network(id).await {
            Ok(()) => Ok(()),
            Err(e) if errors::status(&e) == Some(404) => Ok(()),
            Err(e) => Err(errors::from(e, "removing the workers' network")),
        }
    }
}

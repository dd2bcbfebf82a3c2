//! One bridge network for all workers of an installation, on which containers cannot talk to each other.
//!
//! A network per worker would isolate as well, but Docker's default address pools hold only about 31 networks. The first worker makes
//! it, the end of the last one removes it.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use bollard::{models::NetworkCreateRequest, query_parameters::ListNetworksOptionsBuilder};
use prt_core::engine::EngineResult;

use crate::{DockerEngine, errors, labels};

/// Looks for the one network among processes that start at once.
const TURNS: u32 = 8;

/// Longer each time, and for each process and task a little different: two that gave way to each other do not do so forever.
async fn settle(turn: u32) {
    let uneven = RandomState::new().hash_one(turn) % 100;
    tokio::time::sleep(Duration::from_millis((20 << turn) + uneven)).await;
}

impl DockerEngine {
    /// The id of the shared network, which is made when missing.
    pub(crate) async fn ensure_network(&self) -> EngineResult<String> {
        let _alone = self.network_lock.lock().await;
        for turn in 0..TURNS {
            match self.networks().await?.as_slice() {
                [] => {}
                [one] => return Ok(one.clone()),
                // Others made one each and are about to give theirs up.
                [first, ..] if turn + 1 == TURNS => return Ok(first.clone()),
                [_, _, ..] => {
                    settle(turn).await;
                    continue;
                }
            }
            let Some(created) = self.create_network().await? else {
                continue;
            };
            // Engines accept two networks of one name when two processes ask at once. Whoever sees another one gives its own up: the other
            // may have been alone when its maker looked, and be in use.
            if self.networks().await?.iter().all(|id| *id == created) || self.remove_network(&created).await.is_err() {
                return Ok(created);
            }
            settle(turn).await;
        }
        Ok(labels::network_name(&self.instance))
    }

    /// Its id, unless another process was faster.
    async fn create_network(&self) -> EngineResult<Option<String>> {
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
        match self.docker().await?.create_network(request).await {
            Ok(created) => Ok(Some(created.id)),
            Err(e) if errors::status(&e) == Some(409) => Ok(None),
            Err(e) => Err(errors::from(e, "creating the workers' network")),
        }
    }

    /// Removes the shared network when no container of ours is left and none is about to join.
    pub(crate) async fn remove_network_if_unused(&self) -> EngineResult<()> {
        let _alone = self.network_lock.lock().await;
        let Ok(_no_start) = self.network_joining.try_write() else {
            return Ok(());
        };
        if self.containers(None).await?.is_empty() {
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

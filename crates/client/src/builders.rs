//! Builders: images, the check of the host, and the cache of a worker's builder.

use prt_types::builders::{BuilderCache, BuildersView, Preflight, PrunedCache};

use crate::{Client, Result};

const PATH: &str = "infrastructure";

impl Client {
    /// Images and the last check of the host. Admins only.
    pub async fn builders(&self) -> Result<BuildersView> {
        self.get(self.url(&[PATH, "builders"])).await
    }

    /// Looks at what the host lacks for the restricted builder. Admins only.
    pub async fn builders_preflight(&self) -> Result<Preflight> {
        self.send_patiently(self.url(&[PATH, "builders", "preflight"]), &())
            .await
    }

    /// How large the cache of a worker's builder is.
    pub async fn worker_cache(&self, name: &str) -> Result<BuilderCache> {
        self.get(self.url(&["workers", name, "cache"])).await
    }

    /// Empties the cache of a worker's builder.
    pub async fn worker_cache_prune(&self, name: &str) -> Result<PrunedCache> {
        self.send_patiently(self.url(&["workers", name, "cache", "prune"]), &())
            .await
    }
}

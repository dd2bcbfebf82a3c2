//! The console about itself.

use serde::{Deserialize, Serialize};

use crate::{Client, Result};

/// What a client may want to know before it asks for more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The console's version.
    pub version: String,
    /// The version that images without a tag get.
    pub platform_version: String,
    /// The registry that short image names belong to.
    pub default_registry: String,
}

impl Client {
    /// Versions and defaults.
    pub async fn server(&self) -> Result<ServerInfo> {
        self.get(self.url(&["server"])).await
    }
}

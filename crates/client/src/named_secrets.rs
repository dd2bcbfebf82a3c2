//! Secrets that workers get by their names.

use prt_types::{
    ids::NamedSecretId,
    named_secrets::{NamedSecretInput, NamedSecretView},
};
use reqwest::Method;

use crate::{Client, Result};

const PATH: &str = "secrets";

impl Client {
    /// The asker's own, and the shared ones that they may use or manage.
    pub async fn secrets(&self) -> Result<Vec<NamedSecretView>> {
        self.get(self.url(&[PATH])).await
    }

    /// Keeps one.
    pub async fn secret_create(&self, input: &NamedSecretInput) -> Result<NamedSecretView> {
        self.send(Method::POST, self.url(&[PATH]), input).await
    }

    /// One of them.
    pub async fn secret(&self, id: NamedSecretId) -> Result<NamedSecretView> {
        self.get(self.url(&[PATH, &id.to_string()])).await
    }

    /// Gives one another value or access.
    pub async fn secret_update(&self, id: NamedSecretId, input: &NamedSecretInput) -> Result<NamedSecretView> {
        self.send(Method::PUT, self.url(&[PATH, &id.to_string()]), input).await
    }

    /// Removes one.
    pub async fn secret_delete(&self, id: NamedSecretId) -> Result<()> {
        self.delete(self.url(&[PATH, &id.to_string()])).await
    }
}

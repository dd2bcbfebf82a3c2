//! Kept registry credentials.

use prt_types::{
    ids::RegistryCredentialId,
    registry_credentials::{CredentialTest, RegistryCredentialInput, RegistryCredentialView},
};
use reqwest::Method;

use crate::{Client, Result};

const PATH: &str = "registry-credentials";

impl Client {
    /// Those that the asker may use or manage.
    pub async fn registry_credentials(&self) -> Result<Vec<RegistryCredentialView>> {
        self.get(self.url(&[PATH])).await
    }

    /// Keeps one.
    pub async fn registry_credential_create(&self, input: &RegistryCredentialInput) -> Result<RegistryCredentialView> {
        self.send(Method::POST, self.url(&[PATH]), input).await
    }

    /// One of them.
    pub async fn registry_credential(&self, id: RegistryCredentialId) -> Result<RegistryCredentialView> {
        self.get(self.url(&[PATH, &id.to_string()])).await
    }

    /// Replaces one.
    pub async fn registry_credential_update(
        &self,
        id: RegistryCredentialId,
        input: &RegistryCredentialInput,
    ) -> Result<RegistryCredentialView> {
        self.send(Method::PUT, self.url(&[PATH, &id.to_string()]), input).await
    }

    /// Removes one.
    pub async fn registry_credential_delete(&self, id: RegistryCredentialId) -> Result<()> {
        self.delete(self.url(&[PATH, &id.to_string()])).await
    }

    /// Asks the registry whether the login works.
    pub async fn registry_credential_test(&self, id: RegistryCredentialId) -> Result<CredentialTest> {
        self.send(Method::POST, self.url(&[PATH, &id.to_string(), "test"]), &())
            .await
    }
}

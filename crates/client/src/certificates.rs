//! Private certificates for builders. Admins only.

use prt_types::certificates::{CertificatesInput, CertificatesView};
use reqwest::Method;

use crate::{Client, Result};

const PATH: [&str; 2] = ["infrastructure", "certificates"];

impl Client {
    /// The bundle and the switch.
    pub async fn certificates(&self) -> Result<CertificatesView> {
        self.get(self.url(&PATH)).await
    }

    /// Changes the bundle, the switch, or both.
    pub async fn certificates_set(&self, input: &CertificatesInput) -> Result<CertificatesView> {
        self.send(Method::PUT, self.url(&PATH), input).await
    }

    /// Removes the bundle and turns the switch off; with a revision only if it is the current one.
    pub async fn certificates_remove(&self, revision: Option<i64>) -> Result<()> {
        let mut url = self.url(&PATH);
        if let Some(revision) = revision {
            url.query_pairs_mut().append_pair("revision", &revision.to_string());
        }
        self.delete(url).await
    }
}

//! Private certificates: the bundle, the switch that gives it to builders, and which worker got what.
//!
//! A change holds for workers that start after it. What a builder does with the bundle is in `workers/certificates.rs`.

mod bundle;

use std::sync::Arc;

use prt_types::{
    audit::Outcome,
    certificates::{BUNDLE_PATH, CertificatesInput, CertificatesView},
};
use serde_json::json;

use crate::{
    Orchestrator,
    error::{Error, Result},
    op_context::OpContext,
    registry::RegistryClient,
    store::{CertificateBundle, Repository},
};

pub use bundle::{Bundle, SIZE_MAX};

/// Where the bundle is kept, for words.
const WHERE: &str = "Infrastructure > Certificates";

impl Orchestrator {
    /// The bundle and the switch. Admins only.
    pub async fn certificates_get(&self, cx: &OpContext) -> Result<CertificatesView> {
        self.admin(cx, "read the certificates for builders", "certificates.get")
            .await?;
        let stored = self.read().await?.certificate_bundle().await?;
        self.certificates_view(stored)
    }

    /// Changes the bundle, the switch, or both. Admins only. Workers that run keep what they have.
    pub async fn certificates_set(&self, cx: &OpContext, input: CertificatesInput) -> Result<CertificatesView> {
        self.admin(cx, "change the certificates for builders", "certificates.update")
            .await?;
        if input.pem.is_none() && input.inject.is_none() {
            return Err(Error::field("pem", "Give certificates, the switch, or both."));
        }
        let given = match &input.pem {
            Some(pem) => Some(bundle::read(pem, self.now_ms()).map_err(|message| Error::field("pem", message))?),
            None => None,
        };
        self.certificates_change(cx, input.revision, "certificates.update", |after| {
            if let Some(bundle) = given {
                after.pem = bundle.pem;
            }
            if let Some(inject) = input.inject {
                after.inject = inject;
            }
            if after.inject && after.pem.is_empty() {
                return Err(Error::field(
                    "inject",
                    "There is no certificate to give to builders. Add the bundle first.",
                ));
            }
            Ok(())
        })
        .await
    }

    /// Removes the bundle and turns the switch off. Admins only. Workers that run keep what they have.
    pub async fn certificates_remove(&self, cx: &OpContext, revision: Option<i64>) -> Result<CertificatesView> {
        self.admin(cx, "remove the certificates for builders", "certificates.remove")
            .await?;
        self.certificates_change(cx, revision, "certificates.remove", |after| {
            if after.pem.is_empty() {
                return Err(Error::not_found("certificate bundle", "to remove"));
            }
            after.pem.clear();
            after.inject = false;
            Ok(())
        })
        .await
    }

    async fn certificates_change(
        &self,
        cx: &OpContext,
        revision: Option<i64>,
        action: &str,
        change: impl FnOnce(&mut CertificateBundle) -> Result<()> + Send,
    ) -> Result<CertificatesView> {
        let actor = cx.actor()?;
        let mut tx = self.write().await?;
        let before = tx.certificate_bundle().await?;
        let current = before.as_ref().map_or(0, |stored| stored.revision);
        if revision.is_some_and(|revision| revision != current) {
            return Err(Error::Conflict {
                message: "Somebody else changed the certificates after you opened them.".into(),
                hint: Some(format!("Open {WHERE} again to see the change, then make yours.")),
            });
        }
        let mut after = before.clone().unwrap_or_default();
        change(&mut after)?;
        after.revision = current + 1;
        after.updated_ms = self.now_ms();
        after.updated_by.clone_from(&actor.username);
        tx.certificate_bundle_put(&after).await?;
        let details = json!({ "before": self.told(before.as_ref())?, "after": self.told(Some(&after))? });
        self.audit_add(&mut *tx, cx, action, "bundle", Outcome::Done, details)
            .await?;
        tx.save().await?;
        self.certificates_view(Some(after))
    }

    /// What the audit log says of a bundle.
    fn told(&self, stored: Option<&CertificateBundle>) -> Result<serde_json::Value> {
        let Some(stored) = stored else {
            return Ok(json!({ "inject": false, "certificates": [] }));
        };
        let bundle = self.bundle_of(stored)?;
        let certificates: Vec<_> = bundle
            .certificates
            .iter()
            .map(|certificate| json!({ "subject": certificate.subject, "sha256": certificate.sha256 }))
            .collect();
        Ok(json!({ "inject": stored.inject, "certificates": certificates }))
    }

    fn bundle_of(&self, stored: &CertificateBundle) -> Result<Bundle> {
        bundle::stored(&stored.pem, self.now_ms())
            .map_err(|error| Error::bug(format!("the stored certificates cannot be read: {error}")))
    }

    fn certificates_view(&self, stored: Option<CertificateBundle>) -> Result<CertificatesView> {
        let revision = stored.as_ref().map_or(0, |stored| stored.revision);
        let stored = stored.unwrap_or_default();
        let bundle = self.bundle_of(&stored)?;
        let known = revision > 0;
        Ok(CertificatesView {
            inject: stored.inject,
            warnings: bundle::warnings(&bundle.certificates),
            fingerprint: (!bundle.pem.is_empty()).then(|| bundle.fingerprint()),
            certificates: bundle.certificates,
            pem: bundle.pem,
            path: BUNDLE_PATH.into(),
            revision,
            updated_ms: known.then_some(stored.updated_ms),
            updated_by: known.then_some(stored.updated_by),
        })
    }

    /// The bundle that a builder gets that starts now, if injection is on.
    pub(crate) async fn certificates_for_builder(&self, tx: &mut dyn Repository) -> Result<Option<Bundle>> {
        let injected = injected(tx).await?;
        injected.map(|stored| self.bundle_of(&stored)).transpose()
    }

    /// For questions to registries: what builders are made to trust, these trust too.
    pub(crate) async fn registry_client(&self) -> Result<Arc<RegistryClient>> {
        let injected = injected(&mut *self.read().await?).await?;
        self.inner
            .registries
            .client(injected.as_ref().map_or("", |stored| stored.pem.as_str()))
    }
}

/// The bundle as it is stored, if injection is on.
async fn injected(tx: &mut dyn Repository) -> Result<Option<CertificateBundle>> {
    let stored = tx.certificate_bundle().await?;
    Ok(stored.filter(|stored| stored.inject && !stored.pem.is_empty()))
}

//! What a builder gets of the private certificates, and what the worker's page says about it.

use prt_types::certificates::{BUNDLE_PATH, WorkerCertificates};

use super::{plan::builder_main_process, provision::Failure};
use crate::{
    Orchestrator,
    certificates::Bundle,
    engine::{ContainerPlan, FileInContainer, WorkerPlan},
    error::Result,
    store::{Repository, Worker, WorkerBundle},
};

/// Nobody's to write: the builder's user is another one, or root, for whom the agent mounts it read-only.
const READ_ONLY: u32 = 0o444;

impl Orchestrator {
    /// Adds the bundle to a builder that is about to start, and notes it with the worker.
    pub(super) async fn worker_give_certificates(
        &self,
        worker: &Worker,
        plan: &mut WorkerPlan,
        bundle: &Bundle,
    ) -> Result<(), Failure> {
        let Some(builder) = &mut plan.builder else {
            return Ok(());
        };
        let mut tx = self.write().await?;
        let given = WorkerBundle {
            fingerprint: bundle.fingerprint(),
            subjects: bundle.subjects(),
            trusted: give(builder, bundle),
        };
        tx.worker_bundle_add(worker.id, &given)
            .await
            .map_err(crate::Error::from)?;
        tx.save().await.map_err(crate::Error::from)?;
        let count = match given.subjects.len() {
            1 => "1 private certificate".to_owned(),
            count => format!("{count} private certificates"),
        };
        self.worker_event(
            worker,
            "console",
            "Certificates",
            format!("The builder gets {count}. {}", note(given.trusted)),
        )
        .await;
        Ok(())
    }

    /// What a worker's builder got, for its page.
    pub(super) async fn worker_certificates(
        &self,
        tx: &mut dyn Repository,
        worker: &Worker,
    ) -> Result<Option<WorkerCertificates>> {
        Ok(tx.worker_bundle(worker.id).await?.map(|given| WorkerCertificates {
            fingerprint: given.fingerprint,
            subjects: given.subjects,
            path: BUNDLE_PATH.into(),
            trusted: given.trusted,
            note: note(given.trusted),
        }))
    }
}

/// Puts the bundle into the plan; whether the builder's trust store gets it, too.
fn give(builder: &mut ContainerPlan, bundle: &Bundle) -> bool {
    builder.files.push(FileInContainer {
        path: BUNDLE_PATH.into(),
        content: bundle.pem.clone().into_bytes(),
        mode: READ_ONLY,
        owner: (0, 0),
    });
    // Only root can write to the trust store, and only a privileged builder is root.
    let trusted = builder.security.privileged;
    if trusted {
        builder.entrypoint = Some(builder_main_process(Some(BUNDLE_PATH)));
    }
    trusted
}

fn note(trusted: bool) -> String {
    if trusted {
        format!(
            "They are in the builder's trust store: registries whose certificates they vouch for work without any configuration. \
             The bundle is also at {BUNDLE_PATH}."
        )
    } else {
        format!(
            "They are at {BUNDLE_PATH}, and vouch for the registries that the console's configuration lists without an authority of their \
             own. For others write ca = [\"{BUNDLE_PATH}\"] in the build configuration. They are not in the builder's trust store: a \
             restricted builder does not run as root and cannot write to it. A worker size whose security context is Privileged has it."
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prt_types::{security_contexts::SecurityContext, workers::ContainerRole};

    use super::*;
    use crate::security_contexts;

    fn bundle() -> Bundle {
        Bundle {
            pem: "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n".into(),
            certificates: vec![],
        }
    }

    fn builder(context: SecurityContext) -> ContainerPlan {
        ContainerPlan {
            image: "sha256:1".into(),
            entrypoint: None,
            command: Some(vec!["buildkitd".into()]),
            env: BTreeMap::new(),
            limits: prt_types::worker_sizes::Limits::default(),
            security: security_contexts::settings(
                &security_contexts::built_in(&context).unwrap(),
                ContainerRole::Builder,
            ),
            mounts: vec![],
            tmpfs: vec![],
            files: vec![],
        }
    }

    #[test]
    fn every_builder_gets_the_file_and_only_a_privileged_one_trusts_it() {
        for context in [SecurityContext::Default, SecurityContext::Restricted] {
            let mut plan = builder(context);
            assert!(!give(&mut plan, &bundle()));
            assert_eq!((plan.entrypoint, plan.command.unwrap().len()), (None, 1));
            let file = &plan.files[0];
            assert_eq!(
                (file.path.as_str(), file.mode, file.owner),
                (BUNDLE_PATH, 0o444, (0, 0))
            );
        }
        let mut plan = builder(SecurityContext::Privileged);
        assert!(give(&mut plan, &bundle()));
        let entrypoint = plan.entrypoint.unwrap();
        assert!(
            entrypoint.windows(2).any(|pair| pair == ["--trust", BUNDLE_PATH]),
            "{entrypoint:?}"
        );
        assert_eq!(plan.command.unwrap(), ["buildkitd"], "what the image starts");
        assert!(note(false).contains("does not run as root") && note(true).contains("without any configuration"));
    }
}

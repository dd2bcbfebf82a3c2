//! Getting a worker's images, and what it means when one does not come.

use std::sync::Arc;

use prt_types::{container_images::PullPolicy, workers::WorkerStatus};

use super::provision::Failure;
use crate::{
    Orchestrator,
    engine::{EngineError, EngineImage, OnProgress, RegistryLogin},
    failures::{Asked, Direction, RegistryFailure},
    images::host_of,
    store::Worker,
};

impl Orchestrator {
    #[tracing::instrument(skip_all, fields(container.image.name = reference))]
    pub(super) async fn pull(
        &self,
        worker: &Worker,
        reference: &str,
        policy: PullPolicy,
        login: Option<&RegistryLogin>,
    ) -> Result<EngineImage, Failure> {
        let (progress, mut words) = tokio::sync::watch::channel(String::new());
        let report: OnProgress = Arc::new(move |text| _ = progress.send(text));
        let this = self.clone();
        let id = worker.id;
        let name = reference.to_owned();
        let reporter = tokio::spawn(async move {
            while words.changed().await.is_ok() {
                let text = words.borrow_and_update().clone();
                let message = format!("Pulling {name}: {text}");
                let changed = this.worker_change(id, None, |row| {
                    let provisioning = row.status == WorkerStatus::Provisioning;
                    if provisioning {
                        row.message = message;
                    }
                    provisioning
                });
                if changed.await.is_err() {
                    break;
                }
            }
        });
        let image = self.inner.engine.ensure_image(reference, policy, login, report).await;
        reporter.abort();
        let image = image.map_err(|error| not_pulled(error, reference, login, &worker.image))?;
        self.worker_event(worker, "console", "Image", format!("{reference} is present."))
            .await;
        Ok(image)
    }
}

/// Says of a failed pull what a build says of the same fault. What else can go wrong is the engine's to tell. `own` is the worker's
/// image: a credential that is given with a worker goes to its registry only.
fn not_pulled(error: EngineError, reference: &str, login: Option<&RegistryLogin>, own: &str) -> Failure {
    let failure = Failure::from(error);
    let words = failure.message.strip_prefix(&format!("pulling {reference}: "));
    let Some(registry) = words.and_then(RegistryFailure::read) else {
        return failure;
    };
    let asked = Asked {
        direction: Direction::Pull,
        reference,
        user: login.map(|login| login.username.as_str()),
        place: "",
        credential: if host_of(own) == host_of(reference) {
            "repo_username and repo_password, or repo_secret_name"
        } else {
            "an admin sets it in the Container Image"
        },
        trust: "The engine pulls the image: its host must trust the registry, or list it as insecure.",
        disk: "The engine's disk",
    };
    Failure {
        reason: registry.fault.worker_reason(),
        message: asked.words(&registry),
    }
}

#[cfg(test)]
mod tests {
    use prt_types::workers::WorkerReason as R;

    use super::*;
    use crate::engine::EngineErrorKind;

    fn failed(own: &str, words: &str, user: Option<&str>) -> (R, String) {
        let login = user.map(|user| RegistryLogin {
            host: "r.io".into(),
            username: user.into(),
            password: "canary".into(),
        });
        let error = EngineError::new(EngineErrorKind::Other, format!("pulling r.io/x:1: {words}"));
        let Failure { reason, message } = not_pulled(error, "r.io/x:1", login.as_ref(), own);
        (reason, message)
    }

    #[test]
    fn what_a_failed_pull_means() {
        let unauthorized = "unauthorized: authentication required";
        for (words, user, reason, said) in [
            (
                unauthorized,
                Some("ada"),
                R::PullDenied,
                "The registry r.io refused to let r.io/x:1 be pulled by ada: UNAUTHORIZED: authentication required. Give a credential for \
                 r.io that may pull it (repo_username and repo_password, or repo_secret_name).",
            ),
            (
                unauthorized,
                None,
                R::PullDenied,
                "The registry r.io refused to let r.io/x:1 be pulled: UNAUTHORIZED: authentication required. Give a credential for r.io \
                 (repo_username and repo_password, or repo_secret_name).",
            ),
            (
                "denied: the project's quota is used up",
                Some("ada"),
                R::PullDenied,
                "by ada: DENIED: the project's quota is used up. Do what the registry says, or",
            ),
            (
                "manifest for r.io/x:1 not found: manifest unknown: manifest unknown",
                Some("ada"),
                R::NoSuchImage,
                "The registry r.io has no image r.io/x:1: MANIFEST_UNKNOWN. Check its name and tag; perhaps it is hidden from ada.",
            ),
            (
                "name unknown: create it first in the portal",
                None,
                R::NoSuchImage,
                "NAME_UNKNOWN: create it first in the portal. Check its name and tag; a private image also needs a credential",
            ),
            (
                "toomanyrequests: slow down",
                Some("ada"),
                R::RateLimited,
                "The registry r.io limits the number of requests, and the limit is reached by ada: TOOMANYREQUESTS: slow down.",
            ),
            (
                "received unexpected HTTP status: 503 Service Unavailable",
                None,
                R::RegistryUnreachable,
                "The registry r.io cannot serve r.io/x:1 now: 503 Service Unavailable. Try again later",
            ),
            (
                "Get \"https://r.io/v2/\": x509: certificate signed by unknown authority",
                None,
                R::RegistryUnreachable,
                "its certificate is not trusted. The engine pulls the image",
            ),
            (
                "Get \"https://r.io/v2/\": dial tcp 10.0.0.1:5000: connect: connection refused",
                None,
                R::RegistryUnreachable,
                "The registry r.io cannot be reached to pull r.io/x:1: nothing answers there. Is the name right",
            ),
            (
                "no matching manifest for linux/amd64 in the manifest list entries",
                None,
                R::WrongArchitecture,
                "The image r.io/x:1 is for another processor architecture",
            ),
            (
                "filesystem layer verification failed for digest sha256:00",
                None,
                R::CorruptImage,
                "What the registry r.io sent of r.io/x:1 is damaged",
            ),
            (
                "write /var/lib/docker/tmp/x: no space left on device",
                None,
                R::DiskFull,
                "The engine's disk is full",
            ),
        ] {
            let (found, message) = failed("r.io/y:2", words, user);
            assert_eq!(found, reason, "{message}");
            assert!(message.contains(said), "{message}");
        }
        let (_, message) = failed("other.io/x:1", unauthorized, None);
        assert!(message.contains("an admin sets it"), "{message}");
        // Not a registry's answer.
        let own = "no image r.io/x:1 in the engine, and the pull policy is Never";
        let error = EngineError::new(EngineErrorKind::NoSuchImage, own);
        assert_eq!(not_pulled(error, "r.io/x:1", None, "r.io/y:2").message, own);
    }
}

//! Getting a worker's images, and what it means when one does not come.

use std::sync::Arc;

use prt_types::{
    container_images::PullPolicy,
    workers::{WorkerReason, WorkerStatus},
};

use super::provision::Failure;
use crate::{
    Orchestrator,
    builds::Unreachable,
    engine::{EngineError, EngineImage, OnProgress, RegistryLogin},
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

/// Says of a failed pull what to do about it, with the registry's own words. What else can go wrong is the engine's to tell. `own` is
/// the worker's image: a login that is given with a worker goes to its registry only.
fn not_pulled(error: EngineError, reference: &str, login: Option<&RegistryLogin>, own: &str) -> Failure {
    let host = host_of(reference);
    let user = login.map(|login| login.username.as_str());
    let mut failure = Failure::from(error);
    let Some(words) = failure.message.strip_prefix(&format!("pulling {reference}: ")) else {
        return failure;
    };
    let give = if host_of(own) == host {
        "give a login that may pull it (repo_username and repo_password, or repo_secret_name)"
    } else {
        "ask an admin to give its Container Image a login that may pull it"
    };
    let lower = words.to_lowercase();
    let said = match (failure.reason, user) {
        (WorkerReason::PullDenied, _) if lower.contains("toomanyrequests") => {
            format!("The registry {host} has reached its limit of pulls. Try again later, or {give}")
        }
        (WorkerReason::PullDenied, Some(user)) => format!(
            "The registry {host} refuses to let {user} pull {reference}. Check the user name and the password, or {give}"
        ),
        (WorkerReason::PullDenied, None) => format!(
            "The registry {host} refuses to let {reference} be pulled without a login. Look at its name, or {give}"
        ),
        (WorkerReason::NoSuchImage, Some(user)) => {
            format!("There is no image {reference}, or it is not for {user}. Look at its name and tag")
        }
        (WorkerReason::NoSuchImage, None) => {
            format!("There is no image {reference}, or it needs a login. Look at its name and tag")
        }
        (WorkerReason::RegistryUnreachable, _) => {
            let said = format!("The registry {host} cannot be reached to pull {reference}");
            match Unreachable::read(&lower) {
                Some(unreachable) => format!(
                    "{said}: {}. {}",
                    unreachable.why,
                    unreachable
                        .advice("The engine pulls it: its host has to trust the registry, or list it as insecure")
                ),
                None => said,
            }
        }
        _ => return failure,
    };
    failure.message = format!("{said} ({words}).");
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineErrorKind;

    #[test]
    fn what_a_failed_pull_means() {
        let login = RegistryLogin {
            host: "r.io".into(),
            username: "ada".into(),
            password: "canary".into(),
        };
        let failed_for = |own: &str, kind, message: &str, login| {
            let Failure { reason, message } = not_pulled(EngineError::new(kind, message), "r.io/x:1", login, own);
            (reason, message)
        };
        let failed = |kind, message: &str, login| failed_for("r.io/y:2", kind, message, login);
        let denied = "pulling r.io/x:1: unauthorized: authentication required";
        let (reason, message) = failed(EngineErrorKind::PullDenied, denied, Some(&login));
        assert_eq!(reason, WorkerReason::PullDenied);
        assert!(
            message.starts_with(
                "The registry r.io refuses to let ada pull r.io/x:1. Check the user name and the password"
            ),
            "{message}"
        );
        assert!(
            message.ends_with("(unauthorized: authentication required)."),
            "{message}"
        );
        let (_, message) = failed(EngineErrorKind::PullDenied, denied, None);
        assert!(
            message.contains("without a login. Look at its name, or give a login"),
            "{message}"
        );
        let (_, message) = failed_for("other.io/x:1", EngineErrorKind::PullDenied, denied, None);
        assert!(message.contains("Look at its name, or ask an admin"), "{message}");
        let missing = "pulling r.io/x:1: manifest unknown: manifest unknown";
        let (reason, message) = failed(EngineErrorKind::NoSuchImage, missing, Some(&login));
        assert_eq!(reason, WorkerReason::NoSuchImage);
        assert!(message.contains("or it is not for ada. Look at its name"), "{message}");
        let (_, message) = failed(EngineErrorKind::NoSuchImage, missing, None);
        assert!(message.contains("or it needs a login. Look at its name"), "{message}");
        let untrusted = "pulling r.io/x:1: Get \"https://r.io/v2/\": x509: certificate signed by unknown authority";
        let (reason, message) = failed(EngineErrorKind::RegistryUnreachable, untrusted, None);
        assert_eq!(reason, WorkerReason::RegistryUnreachable);
        assert!(
            message.contains("its certificate is not trusted. The engine pulls it"),
            "{message}"
        );
        for (words, said) in [
            (
                "http: server gave HTTP response to HTTPS client",
                "it speaks plain HTTP. The engine pulls it",
            ),
            (
                "remote error: tls: certificate required",
                "comes about. The engine pulls it",
            ),
            (
                "dial tcp 10.0.0.1:5000: connect: connection refused",
                "nothing answers there. Is the name right",
            ),
            (
                "received unexpected HTTP status: 503 Service Unavailable",
                "to pull r.io/x:1 (received unexpected",
            ),
        ] {
            let (_, message) = failed(
                EngineErrorKind::RegistryUnreachable,
                &format!("pulling r.io/x:1: {words}"),
                None,
            );
            assert!(message.contains(said), "{message}");
        }
        let (_, message) = failed(
            EngineErrorKind::PullDenied,
            "pulling r.io/x:1: toomanyrequests: slow down",
            Some(&login),
        );
        assert!(message.contains("has reached its limit of pulls"), "{message}");
        // Not a registry's answer.
        let own = "no image r.io/x:1 in the engine, and the pull policy is Never";
        assert_eq!(failed(EngineErrorKind::NoSuchImage, own, None).1, own);
        let full = "pulling r.io/x:1: no space left on device";
        assert_eq!(failed(EngineErrorKind::DiskFull, full, None).1, full);
    }
}

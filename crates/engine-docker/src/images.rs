//! Making an image present and describing it.

use std::time::Instant;

use bollard::{auth::DockerCredentials, models::ImageInspect, query_parameters::CreateImageOptionsBuilder};
use futures::StreamExt as _;
use prt_core::engine::{EngineError, EngineErrorKind, EngineImage, EngineResult, OnProgress, RegistryLogin};
use prt_types::container_images::PullPolicy;

use crate::{DockerEngine, errors, progress::PullProgress};

impl DockerEngine {
    pub(crate) async fn image(
        &self,
        reference: &str,
        policy: PullPolicy,
        login: Option<&RegistryLogin>,
        progress: OnProgress,
    ) -> EngineResult<EngineImage> {
        check_reference(reference)?;
        let present = if policy == PullPolicy::Always && !is_id(reference) {
            None
        } else {
            self.inspect_image(reference).await?
        };
        let (image, pulled_digest) = match present {
            Some(image) => (image, None),
            None if policy == PullPolicy::Never || is_id(reference) => {
                return Err(absent(reference));
            }
            None => {
                let digest = self.pull(reference, login, progress).await?;
                (
                    self.inspect_image(reference).await?.ok_or_else(|| absent(reference))?,
                    digest,
                )
            }
        };
        let digest = pulled_digest.or_else(|| digest_for(reference, image.repo_digests.as_deref().unwrap_or_default()));
        let config = image.config.unwrap_or_default();
        Ok(EngineImage {
            id: image.id.unwrap_or_else(|| reference.into()),
            digest,
            architecture: image.architecture.unwrap_or_default(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            user: config.user.unwrap_or_default(),
        })
    }

    pub(crate) async fn inspect_image(&self, reference: &str) -> EngineResult<Option<ImageInspect>> {
        match self.docker().await?.inspect_image(reference).await {
            Ok(image) => Ok(Some(image)),
            Err(e) if errors::status(&e) == Some(404) => Ok(None),
            Err(e) => Err(errors::from(e, &format!("looking for the image {reference}"))),
        }
    }

    /// Returns the digest that the registry gave.
    async fn pull(
        &self,
        reference: &str,
        login: Option<&RegistryLogin>,
        progress: OnProgress,
    ) -> EngineResult<Option<String>> {
        let options = CreateImageOptionsBuilder::new()
            .from_image(&with_tag(reference))
            .build();
        let credentials = login.map(|login| DockerCredentials {
            username: Some(login.username.clone()),
            password: Some(login.password.expose().into()),
            serveraddress: Some(login.host.clone()),
            ..Default::default()
        });
        let mut messages = self.docker().await?.create_image(Some(options), None, credentials);
        let mut summary = PullProgress::default();
        while let Some(message) = messages.next().await {
            let message = message.map_err(|e| errors::from_pull(e, reference))?;
            if let Some(words) = summary.take(&message, Instant::now()) {
                progress(words);
            }
        }
        if let Some(words) = summary.rest() {
            progress(words);
        }
        Ok(summary.digest().map(Into::into))
    }
}

fn absent(reference: &str) -> EngineError {
    EngineError::new(
        EngineErrorKind::NoSuchImage,
        format!("the container engine has no image {reference}"),
    )
}

fn is_id(reference: &str) -> bool {
    reference.starts_with("sha256:")
}

/// The reference becomes part of a path of the engine's API: nothing may lead out of it.
fn check_reference(reference: &str) -> EngineResult<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/' | '@' | '+');
    let parts_are_names = reference
        .split('/')
        .all(|part| !part.is_empty() && part.chars().any(|c| c.is_ascii_alphanumeric()));
    if parts_are_names && !reference.contains("..") && reference.chars().all(allowed) {
        return Ok(());
    }
    Err(EngineError::new(
        EngineErrorKind::NoSuchImage,
        format!("{reference:?} is not an image reference"),
    ))
}

/// Without a tag the engine would pull every tag there is.
fn with_tag(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    if last.contains(':') || reference.contains('@') {
        reference.into()
    } else {
        format!("{reference}:latest")
    }
}

/// The digest under which the engine knows the image in the repository that was asked for.
fn digest_for(reference: &str, repo_digests: &[String]) -> Option<String> {
    if let Some((_, digest)) = reference.split_once('@') {
        return Some(digest.into());
    }
    let wanted = repository(reference);
    repo_digests
        .iter()
        .filter_map(|entry| entry.split_once('@'))
        .find(|(name, _)| repository(name) == wanted)
        .map(|(_, d)| d.into())
}

/// The repository without tag and without the names that Docker leaves out.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    let name = match name.rfind(':') {
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    };
    let short = name
        .strip_prefix("docker.io/")
        .or_else(|| name.strip_prefix("index.docker.io/"))
        .unwrap_or(name);
    short.strip_prefix("library/").unwrap_or(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_always_named() {
        for (reference, full) in [
            ("debian", "debian:latest"),
            ("debian:12", "debian:12"),
            ("host:5000/a/b", "host:5000/a/b:latest"),
            ("host:5000/a/b:1", "host:5000/a/b:1"),
            ("a@sha256:00", "a@sha256:00"),
        ] {
            assert_eq!(with_tag(reference), full);
        }
    }

    #[test]
    fn references_cannot_leave_their_place_in_the_path() {
        for good in ["debian", "host:5000/a/b_c-d:1.2", "a@sha256:00ff", "sha256:00ff"] {
            assert!(check_reference(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "../containers",
            "a/../b",
            "a b",
            "a?b",
            "a#b",
            "a%2e",
            "/a",
            "a//b",
            "a/./b",
        ] {
            assert_eq!(
                check_reference(bad).unwrap_err().kind,
                EngineErrorKind::NoSuchImage,
                "{bad}"
            );
        }
    }

    #[test]
    fn the_digest_is_that_of_the_repository_asked() {
        let known = [
            "ghcr.io/x/y@sha256:1".into(),
            "debian@sha256:2".into(),
            "host:5000/y@sha256:3".into(),
        ];
        for (reference, digest) in [
            ("ghcr.io/x/y:1", Some("sha256:1")),
            ("docker.io/library/debian:12", Some("sha256:2")),
            ("host:5000/y", Some("sha256:3")),
            ("host:5000/y@sha256:9", Some("sha256:9")),
            ("host:5001/y", None),
        ] {
            assert_eq!(digest_for(reference, &known).as_deref(), digest, "{reference}");
        }
    }
}

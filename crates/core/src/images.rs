//! Image references: what a name that somebody typed means.
//!
//! The grammar and its normal form are those of the distribution specification, by `oci-spec`. Ours on top: a name without a slash
//! is short for the platform's registry, and a missing tag is the platform version.

use std::fmt;

use oci_spec::distribution::Reference;

/// A full image reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// `host[:port]`.
    pub registry: String,
    /// Path within the registry.
    pub repository: String,
    /// Tag; unset only with a digest.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

/// The text is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no image reference: {reason}. Write host/repository:tag, or a short name such as practicus-minimal."
)]
pub struct InvalidImage {
    text: String,
    reason: String,
}

impl ImageRef {
    /// Reads what somebody typed. `default_tag` completes a reference without tag and digest.
    pub fn resolve(text: &str, default_registry: &str, default_tag: &str) -> Result<Self, InvalidImage> {
        let invalid = |reason: &str| InvalidImage {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.trim() != text || text.is_empty() {
            return Err(invalid(if text.trim().is_empty() {
                "it is empty"
            } else {
                "it begins or ends with a space"
            }));
        }
        // `name`, `name:tag` and `name@digest` without a slash are short; with one, the part before it may be a host.
        let full = if text.contains('/') {
            text.to_owned()
        } else {
            format!("{}/{text}", default_registry.trim_end_matches('/'))
        };
        let parsed: Reference = full
            .parse()
            .map_err(|error: oci_spec::distribution::ParseError| invalid(&error.to_string()))?;
        let last = full.rsplit('/').next().unwrap_or_default();
        let tagged = last.split('@').next().unwrap_or_default().contains(':');
        let digest = parsed.digest().map(str::to_owned);
        let tag = match (tagged, &digest) {
            (true, _) => parsed.tag().map(str::to_owned),
            (false, Some(_)) => None,
            (false, None) => Some(default_tag.to_owned()),
        };
        Ok(Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            tag,
            digest,
        })
    }

    /// `host/repository`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The tag that decides which image this is: none if a digest does.
    pub fn effective_tag(&self) -> Option<&str> {
        self.tag.as_deref().filter(|_| self.digest.is_none())
    }

    /// The same image pinned to a digest.
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}@{digest}", self.name())
    }
}

/// Whether a registry takes it as a tag.
pub fn is_tag(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let other = |c: char| first(c) || c == '.' || c == '-';
    text.len() <= 128 && text.starts_with(first) && text.chars().all(other)
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The registry of a reference as it is written.
pub fn host_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn resolve(text: &str) -> Result<String, InvalidImage> {
        ImageRef::resolve(text, "ghcr.io/practicusai", "25.5.3").map(|image| image.to_string())
    }

    #[test]
    fn names_are_completed_as_the_platform_does() {
        for (typed, full) in [
            ("practicus-minimal", "ghcr.io/practicusai/practicus-minimal:25.5.3"),
            (
                "practicus-minimal:24.1.0",
                "ghcr.io/practicusai/practicus-minimal:24.1.0",
            ),
            ("h:5000/a/b", "h:5000/a/b:25.5.3"),
            ("h:5000/a/b:1", "h:5000/a/b:1"),
            (
                "my-registry.practicus.my-company.com/demo/x",
                "my-registry.practicus.my-company.com/demo/x:25.5.3",
            ),
            ("localhost/a", "localhost/a:25.5.3"),
            ("library/python:3.12", "docker.io/library/python:3.12"),
        ] {
            assert_eq!(resolve(typed).as_deref(), Ok(full), "{typed}");
        }
        assert_eq!(resolve(&format!("h:5000/a@{DIGEST}")), Ok(format!("h:5000/a@{DIGEST}")));
        assert_eq!(
            resolve(&format!("h/a:1@{DIGEST}")),
            Ok(format!("docker.io/h/a:1@{DIGEST}"))
        );
        assert_eq!(
            resolve(&format!("x@{DIGEST}")),
            Ok(format!("ghcr.io/practicusai/x@{DIGEST}"))
        );
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for typed in [
            "",
            " ",
            " a",
            "a b",
            "UPPER/Case",
            "h:5000/",
            "a/b:",
            "a/b:ta g",
            "a//b",
            "https://h/a",
            "a/b@sha256:12",
            "../a",
        ] {
            assert!(resolve(typed).is_err(), "{typed:?} was taken as {:?}", resolve(typed));
        }
    }
}

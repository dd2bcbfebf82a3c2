//! Reads the text of a failed pull or push, as containerd (which BuildKit and Kubernetes pull with) and the Docker Engine write it.

use super::{answer::Answer, unreachable::Unreachable};

/// What a registry did not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It refused: no right, or no credential.
    Denied,
    /// It has no such image.
    Missing,
    /// It counts requests, and there were too many.
    RateLimited,
    /// It answers that it cannot answer.
    Unavailable,
    /// It refused for a reason of its own, such as a tag that may not change.
    Refused,
    /// No connection came about.
    Unreachable(Unreachable),
    /// The image is for another architecture.
    WrongArchitecture,
    /// What it sent is not what it should be.
    Corrupt,
    /// There is no room for what it sent.
    DiskFull,
}

/// A failed pull or push, read from its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryFailure {
    /// What happened.
    pub fault: Fault,
    /// The host that was asked, if the text has an address.
    pub asked: Option<String>,
    /// Whether that host was asked in place of another registry.
    pub as_mirror: bool,
    /// What the registry said.
    pub(crate) answer: Answer,
}

impl RegistryFailure {
    fn of(fault: Fault) -> Self {
        Self {
            fault,
            asked: None,
            as_mirror: false,
            answer: Answer::default(),
        }
    }

    /// Reads the text. `None` if it tells of nothing that a registry did.
    pub fn read(text: &str) -> Option<Self> {
        let text = innermost(text.trim());
        // The registry's own words come first: what follows a code can be any text.
        if let Some(answer) = Answer::of_text(text) {
            let fault = fault_of(None, answer.code.as_deref())?;
            return Some(Self {
                answer,
                ..Self::of(fault)
            });
        }
        status(text)
            .or_else(|| request(text))
            .or_else(|| docker_status(text))
            .or_else(|| code(text))
            .or_else(|| own_words(text))
    }
}

/// Without what the Docker Engine and BuildKit put before the registry's words; these parts hold references, which have no spaces.
fn innermost(text: &str) -> &str {
    const LOGIN: &str = " or may require 'docker login'";
    let text = text.strip_prefix("Error response from daemon: ").unwrap_or(text);
    for (begin, end) in [
        ("pull access denied for ", LOGIN),
        ("push access denied for ", LOGIN),
        ("manifest for ", " not found"),
    ] {
        let after = text.strip_prefix(begin).and_then(|rest| rest.split_once(end));
        if let Some(rest) = after.and_then(|(_, rest)| rest.strip_prefix(": ")) {
            return rest;
        }
    }
    for begin in [
        "error pulling image configuration: ",
        "download failed after attempts=6: ",
    ] {
        if let Some(rest) = text.strip_prefix(begin) {
            return innermost(rest);
        }
    }
    text
}

/// containerd: `unexpected status from GET request to https://r.io/v2/x/manifests/1: 429 Too Many Requests`, then the registry's words
/// on lines of their own.
fn status(text: &str) -> Option<RegistryFailure> {
    let (_, rest) = text.split_once("unexpected status from ")?;
    let (_, rest) = rest.split_once(" request to ")?;
    let (address, rest) = rest.split_once(": ")?;
    let status = number(rest)?;
    // Known errors stand on lines of their own, any other body follows the status.
    let (line, errors) = rest.split_once('\n').unwrap_or((rest, ""));
    let line = line.split_once(" (Retry-After: ").map_or(line, |(line, _)| line);
    let body = line.split_once(": ").map(|(words, _)| &rest[words.len() + 2..]);
    let said = match body {
        Some(body) => Answer::of_body(status, body.as_bytes()),
        None => Answer::of_text(errors).unwrap_or_default(),
    };
    let fault = fault_of(Some(status), said.code.as_deref())?;
    let (asked, as_mirror) = host_and_mirror(address);
    Some(RegistryFailure {
        fault,
        asked,
        as_mirror,
        answer: Answer {
            status: Some(status),
            ..said
        },
    })
}

/// Go's HTTP client: `Head "https://r.io/v2/x/manifests/1": dial tcp: lookup r.io: no such host`. The Docker Engine puts the registry's
/// own words after the address too.
fn request(text: &str) -> Option<RegistryFailure> {
    let (at, verb) = ["Get \"", "Head \"", "Post \"", "Put \"", "Patch \"", "Delete \""]
        .into_iter()
        .filter_map(|verb| {
            let at = text.find(verb)?;
            (at == 0 || text[..at].ends_with(' ')).then_some((at, verb))
        })
        .min()?;
    let (address, cause) = text[at + verb.len()..].split_once("\": ")?;
    let (asked, as_mirror) = host_and_mirror(address);
    let found = match Answer::of_text(cause) {
        Some(answer) => RegistryFailure {
            answer: answer.clone(),
            ..RegistryFailure::of(fault_of(None, answer.code.as_deref())?)
        },
        None if cause.trim() == "no basic auth credentials" => RegistryFailure::of(Fault::Denied),
        None => docker_status(cause)
            .or_else(|| Unreachable::of_cause(cause).map(|why| RegistryFailure::of(Fault::Unreachable(why))))?,
    };
    Some(RegistryFailure {
        asked,
        as_mirror,
        ..found
    })
}

/// The Docker Engine, where the registry's answer is not what it should be.
fn docker_status(text: &str) -> Option<RegistryFailure> {
    let (status, body) = if let Some(rest) = text.strip_prefix("received unexpected HTTP status: ") {
        (number(rest)?, "")
    } else {
        let rest = text.strip_prefix("error parsing HTTP ")?;
        (
            number(rest)?,
            rest.split_once(": \"")
                .map_or("", |(_, body)| body.trim_end_matches('"')),
        )
    };
    let body = body.replace("\\\"", "\"").replace("\\n", "\n");
    let answer = Answer::of_body(status, body.as_bytes());
    Some(RegistryFailure {
        answer,
        ..RegistryFailure::of(fault_of(Some(status), None)?)
    })
}

/// Podman, which puts the registry's words last: `reading manifest 1 in r.io/x: manifest unknown`. The first code counts: what is before
/// it is Podman's own.
fn code(text: &str) -> Option<RegistryFailure> {
    let answer = text
        .match_indices(": ")
        .filter_map(|(at, colon)| Answer::of_text(&text[at + colon.len()..]))
        .find(|answer| answer.code.as_deref() != Some("UNKNOWN"))?;
    Some(RegistryFailure {
        answer: answer.clone(),
        ..RegistryFailure::of(fault_of(None, answer.code.as_deref())?)
    })
}

/// Sentences of the engine and of containerd that carry no words of the registry.
fn own_words(text: &str) -> Option<RegistryFailure> {
    const PLATFORM: [&str; 2] = [
        "no match for platform in manifest",
        "does not match the specified platform",
    ];
    const CORRUPT: [&str; 17] = [
        // What the Docker Engine says of a manifest that is none.
        "missing signature key",
        "error unmarshalling content: ",
        "unknown blob",
        "filesystem layer verification failed for digest",
        "failed to register layer: ",
        "failed to extract layer",
        "could not fetch content descriptor ",
        "encountered unknown type ",
        ": archive/tar: ",
        ": gzip: ",
        "short read: expected ",
        "unexpected commit digest ",
        "unexpected commit size ",
        "mismatched image rootfs and manifest layers",
        "error unpacking image",
        "image config verification failed for digest",
        "manifest verification failed for digest",
    ];
    const DENIED: [&str; 3] = [
        "no basic auth credentials",
        "server message: insufficient_scope: authorization failed",
        "authorization failed",
    ];
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    let fault = if text.ends_with("no space left on device") || text.ends_with("disk quota exceeded") {
        Fault::DiskFull
    } else if text.starts_with("no matching manifest for ") || says(&PLATFORM) {
        Fault::WrongArchitecture
    } else if says(&CORRUPT) {
        Fault::Corrupt
    } else if DENIED.iter().any(|words| text.ends_with(words)) || text.starts_with("pull access denied") {
        Fault::Denied
    } else if text.ends_with(": not found") || text.ends_with("does not exist") || text.starts_with("No such image") {
        Fault::Missing
    } else if text.ends_with("unexpected EOF") {
        Fault::Corrupt
    } else {
        Fault::Unreachable(Unreachable::of_cause(text)?)
    };
    Some(RegistryFailure::of(fault))
}

/// What the status means, and the code where that says more.
pub(super) fn fault_of(status: Option<u16>, code: Option<&str>) -> Option<Fault> {
    Some(match (code, status) {
        (Some("TOOMANYREQUESTS"), _) | (_, Some(429)) => Fault::RateLimited,
        (Some("UNAVAILABLE"), _) | (_, Some(500..=599)) => Fault::Unavailable,
        (Some("DENIED" | "UNAUTHORIZED"), _) | (_, Some(401 | 403)) => Fault::Denied,
        // The image is there, and a part of it is not.
        (Some("BLOB_UNKNOWN" | "MANIFEST_BLOB_UNKNOWN"), _) => Fault::Corrupt,
        (Some("MANIFEST_UNKNOWN" | "NAME_UNKNOWN"), _) | (_, Some(404)) => Fault::Missing,
        (None, None) => return None,
        (_, Some(0..=399)) => return None,
        (_, _) => Fault::Refused,
    })
}

fn number(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The host of an address, and whether it was asked in place of another registry, whose name then stands in the query.
fn host_and_mirror(address: &str) -> (Option<String>, bool) {
    let Ok(url) = url::Url::parse(address) else {
        return (None, false);
    };
    let host = url.host_str().map(|host| match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    });
    let as_mirror = url.query_pairs().any(|(name, registry)| {
        let registry = if registry == "docker.io" {
            "registry-1.docker.io"
        } else {
            &registry
        };
        name == "ns" && host.as_deref() != Some(registry)
    });
    (host, as_mirror)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Fault, String) {
        let failure = RegistryFailure::read(text).unwrap_or_else(|| panic!("nothing is read from: {text}"));
        (failure.fault, failure.answer.words().unwrap_or_default())
    }

    #[test]
    fn what_the_engine_says_of_a_pull() {
        use Fault as F;
        for (text, fault, words) in [
            (
                "pull access denied for a/b, repository does not exist or may require 'docker login': denied: requested access to the \
                 resource is denied",
                F::Denied,
                "DENIED: requested access to the resource is denied",
            ),
            (
                "Head \"https://registry:5000/v2/a/manifests/1\": unauthorized: authentication required",
                F::Denied,
                "UNAUTHORIZED: authentication required",
            ),
            (
                "Get \"http://10.0.0.1:5000/v2/a/manifests/1\": no basic auth credentials",
                F::Denied,
                "",
            ),
            (
                "manifest for debian:99 not found: manifest unknown: manifest unknown",
                F::Missing,
                "MANIFEST_UNKNOWN",
            ),
            (
                "name unknown: create it first in the portal",
                F::Missing,
                "NAME_UNKNOWN: create it first in the portal",
            ),
            (
                "no matching manifest for linux/amd64 in the manifest list entries",
                F::WrongArchitecture,
                "",
            ),
            ("write /var/lib/docker/tmp/x: no space left on device", F::DiskFull, ""),
            (
                "toomanyrequests: You have reached your pull rate limit.",
                F::RateLimited,
                "TOOMANYREQUESTS: You have reached your pull rate limit",
            ),
            (
                "received unexpected HTTP status: 503 Service Unavailable",
                F::Unavailable,
                "503 Service Unavailable",
            ),
            (
                "error parsing HTTP 403 response body: invalid character 'q': \"quota of\\nthe project is used up\"",
                F::Denied,
                "403 Forbidden: quota of the project is used up",
            ),
            (
                "filesystem layer verification failed for digest sha256:00",
                F::Corrupt,
                "",
            ),
            ("failed to register layer: unexpected EOF", F::Corrupt, ""),
            (
                "error pulling image configuration: download failed after attempts=1: denied: would exceed the quota",
                F::Denied,
                "DENIED: would exceed the quota",
            ),
            (
                "error pulling image configuration: download failed after attempts=1: unknown blob",
                F::Corrupt,
                "",
            ),
            (
                "initializing source docker://r.io/x:1: reading manifest 1 in r.io/x: manifest unknown",
                F::Missing,
                "MANIFEST_UNKNOWN",
            ),
            // A registry can say what it wants.
            (
                "denied: no space left on device, connection refused, toomanyrequests",
                F::Denied,
                "DENIED: no space left on device, connection refused, toomanyrequests",
            ),
            ("unknown: manifest unknown", F::Refused, "UNKNOWN: manifest unknown"),
        ] {
            assert_eq!(read(text), (fault, words.to_owned()), "{text}");
        }
        for (text, why) in [
            (
                "Get \"https://registry:5000/v2/\": dial tcp: lookup registry on 10.0.0.2:53: no such host",
                "there is no such host name",
            ),
            (
                "Get \"https://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
                "nothing answers there",
            ),
            (
                "Get \"https://10.9.9.9/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while \
                 awaiting headers)",
                "it does not answer in time",
            ),
            (
                "Get \"https://h:5000/v2/\": x509: certificate signed by unknown authority",
                "its certificate is not trusted",
            ),
            (
                "Get \"https://h:5000/v2/\": http: server gave HTTP response to HTTPS client",
                "it speaks plain HTTP",
            ),
            ("Get \"https://h:5000/v2/\": EOF", "it broke the connection"),
        ] {
            let (fault, _) = read(text);
            assert!(
                matches!(fault, F::Unreachable(found) if found.why == why),
                "{text}: {fault:?}"
            );
        }
        assert_eq!(RegistryFailure::read("something else"), None);
    }

    #[test]
    fn containerd_tells_address_status_and_the_registrys_words() {
        let text = "failed to copy: httpReadSeeker: failed open: unexpected status from GET request to \
                    http://mirror.example.com:5080/v2/library/alpine/manifests/1?ns=docker.io: 429 Too Many Requests (Retry-After: \
                    2026-01-01T00:00:02Z)\ntoomanyrequests: slow down";
        let failure = RegistryFailure::read(text).unwrap();
        assert_eq!(failure.fault, Fault::RateLimited);
        assert_eq!(failure.asked.as_deref(), Some("mirror.example.com:5080"));
        assert!(failure.as_mirror);
        assert_eq!(failure.answer.words().unwrap(), "TOOMANYREQUESTS: slow down");
        let hub = "unexpected status from HEAD request to https://registry-1.docker.io/v2/a/b/manifests/1?ns=docker.io: 401 Unauthorized";
        let failure = RegistryFailure::read(hub).unwrap();
        assert!(!failure.as_mirror && failure.fault == Fault::Denied);
        // The code that containerd does not know is lost, the status is not.
        let text = "unexpected status from POST request to https://r.io/v2/x/blobs/uploads/: 404 Not Found\nunknown: create it first";
        assert_eq!(read(text), (Fault::Missing, "404 Not Found: create it first".into()));
        assert_eq!(
            read(
                "unexpected status from PUT request to https://r.io/v2/x/manifests/1: 409 Conflict\nunknown: the tag is immutable"
            ),
            (Fault::Refused, "409 Conflict: the tag is immutable".into())
        );
        let text = "unexpected status from POST request to https://r.io/v2/x/blobs/uploads/: 503 Service Unavailable: read-only,\nback at \
                    18:00";
        assert_eq!(
            read(text),
            (
                Fault::Unavailable,
                "503 Service Unavailable: read-only, back at 18:00".into()
            )
        );
        assert_eq!(read("r.io/nope:1: not found").0, Fault::Missing);
        assert_eq!(
            read("no match for platform in manifest: not found").0,
            Fault::WrongArchitecture
        );
    }
}

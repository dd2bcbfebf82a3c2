//! The engine's failures as kinds and readable words.

use bollard::errors::Error;
use prt_core::{
    engine::{EngineError, EngineErrorKind as Kind},
    failures::RegistryFailure,
};

/// Any failed call; `doing` says what we wanted, e.g. `creating a volume`.
pub fn from(error: Error, doing: &str) -> EngineError {
    let (kind, words) = match &error {
        Error::DockerResponseServerError { status_code, message } => {
            (of_response(*status_code, message), readable(message))
        }
        Error::DockerStreamError { error } => (of_response(500, error), readable(error)),
        Error::SocketNotFoundError(socket) => (Kind::Unreachable, format!("there is no container engine at {socket}")),
        Error::RequestTimeoutError => (Kind::Unreachable, "the container engine does not answer".into()),
        Error::HyperLegacyError { .. } | Error::HyperResponseError { .. } | Error::IOError { .. } => (
            Kind::Unreachable,
            format!("the container engine does not answer: {}", deepest(&error)),
        ),
        other => (Kind::Other, other.to_string()),
    };
    EngineError::new(kind, format!("{doing}: {words}")).caused_by(error)
}

/// A failed pull, where the engine passes on what the registry said.
pub fn from_pull(error: Error, reference: &str) -> EngineError {
    let words = match &error {
        Error::DockerResponseServerError { message, .. } => message,
        Error::DockerStreamError { error } => error,
        _ => return from(error, &format!("pulling {reference}")),
    };
    let status = if let Error::DockerResponseServerError { status_code, .. } = &error {
        *status_code
    } else {
        500
    };
    let kind = of_pull(status, words);
    EngineError::new(kind, format!("pulling {reference}: {}", readable(words))).caused_by(error)
}

/// A container that could not be started, whatever status the engine chose for it.
pub fn from_start(error: Error, state_error: Option<String>, what: &str) -> EngineError {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            let words = state_error
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| message.clone());
            let kind = match of_response(status_code, &message) {
                kind @ Kind::DiskFull => kind,
                _ => Kind::CannotStart,
            };
            EngineError::new(kind, format!("starting {what}: {}", readable(&words)))
                .caused_by(Error::DockerResponseServerError { status_code, message })
        }
        other => from(other, &format!("starting {what}")),
    }
}

pub fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

fn of_response(status: u16, message: &str) -> Kind {
    const GONE: [&str; 5] = [
        "no such container",
        "no such exec",
        "is not running",
        // Podman's words.
        "no container with name",
        "no exec session",
    ];
    const NOT_UP: [&str; 2] = ["is restarting", "stopped"];
    const PAUSED: [&str; 2] = ["is paused", "paused state"];

    let text = message.to_lowercase();
    let says = |words: &str| text.contains(words);
    if says("no space left on device") || says("disk quota exceeded") {
        Kind::DiskFull
    } else if says("no such image") || says("image not known") {
        Kind::NoSuchImage
    } else if says("could not find the file") || says("no such file or directory") {
        Kind::NoSuchFile
    } else if status == 409 && PAUSED.iter().any(|words| says(words)) {
        Kind::Paused
    } else if GONE.iter().any(|words| says(words)) || (status == 409 && NOT_UP.iter().any(|words| says(words))) {
        Kind::NoSuchContainer
    } else {
        Kind::Other
    }
}

/// The registry's part is read as in builds; the rest is the engine's.
fn of_pull(status: u16, message: &str) -> Kind {
    match RegistryFailure::read(message) {
        Some(failure) => failure.fault.engine_kind(),
        None if status == 404 || message.contains("invalid reference format") => Kind::NoSuchImage,
        None if status == 502 || status == 503 => Kind::RegistryUnreachable,
        None => Kind::Other,
    }
}

/// Without the engine's own prefixes and line ends.
pub fn readable(message: &str) -> String {
    if message.contains("could not select device driver") {
        return "the engine has no GPU runtime, and the worker size asks for GPUs".into();
    }
    let text = message.trim();
    text.strip_prefix("Error response from daemon: ")
        .unwrap_or(text)
        .trim_end_matches(": unknown")
        .to_string()
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_are_classified() {
        let table = [
            (
                404,
                "pull access denied for a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                Kind::PullDenied,
            ),
            (
                500,
                "Head \"https://registry:5000/v2/a/manifests/1\": unauthorized: authentication required",
                Kind::PullDenied,
            ),
            (
                500,
                "Get \"http://10.0.0.1:5000/v2/a/manifests/1\": no basic auth credentials",
                Kind::PullDenied,
            ),
            (
                404,
                "manifest for debian:99 not found: manifest unknown: manifest unknown",
                Kind::NoSuchImage,
            ),
            (
                404,
                "name unknown: repository name not known to registry",
                Kind::NoSuchImage,
            ),
            (
                500,
                "Get \"https://registry:5000/v2/\": dial tcp: lookup registry on 10.0.0.2:53: no such host",
                Kind::RegistryUnreachable,
            ),
            (
                500,
                "Get \"https://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
                Kind::RegistryUnreachable,
            ),
            (
                500,
                "Get \"https://10.9.9.9/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
                Kind::RegistryUnreachable,
            ),
            (
                500,
                "Get \"https://h:5000/v2/\": x509: certificate signed by unknown authority",
                Kind::RegistryUnreachable,
            ),
            (
                500,
                "Get \"https://h:5000/v2/\": http: server gave HTTP response to HTTPS client",
                Kind::RegistryUnreachable,
            ),
            (
                404,
                "no matching manifest for linux/amd64 in the manifest list entries",
                Kind::WrongArchitecture,
            ),
            (
                500,
                "write /var/lib/docker/tmp/x: no space left on device",
                Kind::DiskFull,
            ),
            (
                500,
                "toomanyrequests: You have reached your pull rate limit",
                Kind::PullDenied,
            ),
            (500, "Get \"https://h:5000/v2/\": EOF", Kind::RegistryUnreachable),
            (
                503,
                "received unexpected HTTP status: 503 Service Unavailable",
                Kind::RegistryUnreachable,
            ),
            (500, "something else", Kind::Other),
        ];
        for (status, text, kind) in table {
            assert_eq!(of_pull(status, text), kind, "{text}");
        }
    }

    #[test]
    fn calls_are_classified() {
        let table = [
            (404, "No such container: prt-1-primary", Kind::NoSuchContainer),
            (409, "Container abc is not running", Kind::NoSuchContainer),
            (
                409,
                "Container abc is paused, unpause the container before exec",
                Kind::Paused,
            ),
            (404, "No such exec instance: 1", Kind::NoSuchContainer),
            (404, "Could not find the file /x in container abc", Kind::NoSuchFile),
            (404, "No such image: a:1", Kind::NoSuchImage),
            (500, "mkdir /var/lib/docker: no space left on device", Kind::DiskFull),
            (500, "driver failed", Kind::Other),
        ];
        for (status, text, kind) in table {
            assert_eq!(of_response(status, text), kind, "{text}");
        }
    }

    #[test]
    fn a_failed_start_says_why() {
        let error = Error::DockerResponseServerError {
            status_code: 400,
            message: "OCI runtime create failed: x: unknown".into(),
        };
        let error = from_start(error, None, "the primary container");
        assert_eq!(error.kind, Kind::CannotStart);
        assert_eq!(
            error.message,
            "starting the primary container: OCI runtime create failed: x"
        );
    }
}

//! The way to the engine, and from the console into a worker's network.

use std::{net::IpAddr, time::Duration};

use bollard::Docker;
use http::HeaderValue;
use prt_core::engine::{Duplex, EngineError, EngineErrorKind, EngineInfo, EngineResult};
use prt_types::{ids::WorkerId, workers::ContainerRole};
use tokio::{
    net::TcpStream,
    sync::{Mutex, OnceCell, RwLock},
};

use crate::{errors, labels};

/// The client's own limit, which says nothing about the body of an answer: the port's limits are in `limits.rs`.
const LONG: Duration = Duration::from_hours(24);
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
const AUTH_HEADER: &str = "x-registry-auth";

/// A Docker Engine, or Podman behind its compatible API.
pub struct DockerEngine {
    pub(crate) instance: String,
    host: Option<String>,
    session: OnceCell<Session>,
    /// Held while the shared network is looked for, made or removed: the engine would make a second one of the same name, and of two ends
    /// at once the second is the one that sees that none is left.
    pub(crate) network_lock: Mutex<()>,
    /// Read by starts between their look for the network and their containers, which then keep it.
    pub(crate) network_joining: RwLock<()>,
}

/// A client whose API version is agreed upon.
pub(crate) struct Session {
    pub docker: Docker,
    /// Podman resolves paths of an upload differently.
    pub podman: bool,
}

impl DockerEngine {
    /// An engine for one installation. `instance` goes into labels and the network's name; `host` is `unix://` or `tcp://`, unset =
    /// `DOCKER_HOST` or the default socket. The engine is contacted at the first call, so that a console starts without it.
    pub fn connect(instance: &str, host: Option<&str>) -> EngineResult<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if instance.is_empty() || instance.len() > 48 || !instance.chars().all(allowed) {
            let message = format!("instance name {instance:?} must be 1 to 48 letters, digits, '-', '_' or '.'");
            return Err(EngineError::new(EngineErrorKind::Other, message));
        }
        if let Some(host) = host.filter(|host| {
            !["unix://", "tcp://", "http://"]
                .iter()
                .any(|scheme| host.starts_with(scheme))
        }) {
            let message = format!("engine address {host:?} must start with unix:// or tcp://");
            return Err(EngineError::new(EngineErrorKind::Other, message));
        }
        Ok(Self {
            instance: instance.into(),
            host: host.map(Into::into),
            session: OnceCell::new(),
            network_lock: Mutex::new(()),
            network_joining: RwLock::new(()),
        })
    }

    pub(crate) async fn session(&self) -> EngineResult<&Session> {
        self.session.get_or_try_init(|| self.open()).await
    }

    pub(crate) async fn docker(&self) -> EngineResult<&Docker> {
        Ok(&self.session().await?.docker)
    }

    async fn open(&self) -> EngineResult<Session> {
        let docker = match &self.host {
            Some(host) => Docker::connect_with_host(host),
            None => Docker::connect_with_defaults(),
        }
        .map_err(|e| errors::from(e, "connecting to the container engine"))?
        .with_request_modifier(|mut request| {
            if let Some(value) = request.headers().get(AUTH_HEADER).and_then(url_safe) {
                request.headers_mut().insert(AUTH_HEADER, value);
            }
            request
        })
        .with_timeout(LONG);
        let docker = docker
            .negotiate_version()
            .await
            .map_err(|e| errors::from(e, "asking the container engine for its version"))?;
        let version = docker
            .version()
            .await
            .map_err(|e| errors::from(e, "asking the container engine for its version"))?;
        let podman = version
            .components
            .unwrap_or_default()
            .iter()
            .any(|part| part.name.starts_with("Podman"));
        Ok(Session { docker, podman })
    }

    pub(crate) async fn describe(&self) -> EngineResult<EngineInfo> {
        let session = self.session().await?;
        let info = session
            .docker
            .info()
            .await
            .map_err(|e| errors::from(e, "asking the container engine what it is"))?;
        let product = if session.podman { "Podman" } else { "Docker" };
        Ok(EngineInfo {
            name: format!("{product} {}", info.server_version.unwrap_or_default()),
            architecture: architecture(&info.architecture.unwrap_or_default()).into(),
            cpus: info.ncpu.unwrap_or_default(),
            memory_mib: info.mem_total.unwrap_or_default() >> 20,
        })
    }

    /// Asks for the address each time: it changes when a container is started again.
    pub(crate) async fn dial(&self, worker: WorkerId, port: u16) -> EngineResult<Box<dyn Duplex>> {
        let address = self.address(worker).await?;
        let failed = |why: String| {
            EngineError::new(
                EngineErrorKind::Other,
                format!("port {port} of the worker does not answer: {why}"),
            )
        };
        match tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect((address, port))).await {
            Ok(Ok(stream)) => {
                // Small frames of a terminal must not wait for more.
                stream.set_nodelay(true).map_err(|e| failed(e.to_string()))?;
                Ok(Box::new(stream))
            }
            Ok(Err(e)) => Err(failed(e.to_string()).caused_by(e)),
            Err(_) => Err(failed(format!("no connection within {} s", DIAL_TIMEOUT.as_secs()))),
        }
    }

    async fn address(&self, worker: WorkerId) -> EngineResult<IpAddr> {
        let container = self.inspect(worker, ContainerRole::Primary).await?;
        let wanted = labels::network_name(&self.instance);
        container
            .and_then(|c| c.network_settings?.networks?.remove(&wanted)?.ip_address?.parse().ok())
            .ok_or_else(|| {
                EngineError::new(
                    EngineErrorKind::NoSuchContainer,
                    "the worker's primary container does not run",
                )
            })
    }
}

/// bollard writes the login in the standard base64 alphabet, the engine reads the URL-safe one and silently pulls without a login when
/// it meets `+` or `/` (a password with `~` or an umlaut is enough).
fn url_safe(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?.replace('+', "-").replace('/', "_");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `info` says what the kernel calls it, images say what Go calls it.
pub(crate) fn architecture(kernel: &str) -> &str {
    match kernel {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "arm",
        "i686" | "i386" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_names_are_checked() {
        assert!(DockerEngine::connect("home-1", None).is_ok());
        for bad in ["", "a b", "a/b", "a=b", &"x".repeat(49)] {
            assert!(DockerEngine::connect(bad, None).is_err(), "{bad}");
        }
        assert!(DockerEngine::connect("a", Some("ssh://host")).is_err());
    }

    #[test]
    fn logins_use_the_alphabet_that_the_engine_reads() {
        let value = url_safe(&HeaderValue::from_static("ab+/cd==")).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(value.to_str().unwrap(), "ab-_cd==");
    }
}

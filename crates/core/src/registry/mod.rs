//! Asks registries whether a login works and whether it may push, so that a wrong password is told before a long build and not
//! after it.
//!
//! What is asked for comes from users, so the requests are confined: a name is looked up once and the connection goes to what was
//! found; addresses that are not public are refused unless the installation lists the registry; a login goes to the registry that it is
//! for and to that registry's token service, and there is no other redirect. All of it within [`TIME_LIMIT`].

mod address;
mod asking;
mod challenge;
mod error;
pub(crate) mod login;
pub(crate) mod scope;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use prt_types::builds::RegistryCredential;
use reqwest::{Certificate, Client, redirect};
use tokio::time::Instant;
use url::Url;

use self::{address::Resolver, asking::Asking, error::deepest};
use crate::{
    error::{Error, Result},
    settings::{RegistrySettings, Settings},
};

pub use self::error::RegistryError;

/// All requests of one question together: a registry may take two seconds for each, or ask for a pause of that length.
pub const TIME_LIMIT: Duration = Duration::from_secs(8);
/// To connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// No answer that matters is longer.
const BODY_LIMIT: usize = 64 * 1024;

type Answer<T> = std::result::Result<T, RegistryError>;

/// Gives clients that trust what builders trust, one at a time: each holds connections and the machine's certificates.
#[derive(Debug)]
pub struct Registries {
    settings: Arc<Settings>,
    /// The private certificates as PEM, empty = none, and the client that trusts them.
    current: Mutex<(String, Arc<RegistryClient>)>,
}

impl Registries {
    /// With the installation's settings. Fails if an authority's file cannot be read.
    pub fn new(settings: &Arc<Settings>) -> Result<Self> {
        Ok(Self {
            settings: Arc::clone(settings),
            current: Mutex::new((String::new(), Arc::new(RegistryClient::new(settings, "")?))),
        })
    }

    /// The client that trusts the private certificates besides those of the machine and of the settings.
    pub fn client(&self, private: &str) -> Result<Arc<RegistryClient>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != private {
            *current = (
                private.to_owned(),
                Arc::new(RegistryClient::new(&self.settings, private)?),
            );
        }
        Ok(Arc::clone(&current.1))
    }
}

/// Talks to registries.
#[derive(Debug)]
pub struct RegistryClient {
    listed: BTreeMap<String, Peer>,
    public: Peer,
    limit: Duration,
}

/// How to connect to one registry, or to all that are not listed. The clients are made when first needed: each holds the
/// machine's certificates.
#[derive(Debug)]
struct Peer {
    settings: RegistrySettings,
    /// Whether addresses that are not public are allowed.
    private_too: bool,
    resolver: Resolver,
    authority: Vec<Certificate>,
    verified: OnceLock<Client>,
    unverified: OnceLock<Client>,
}

impl RegistryClient {
    fn new(settings: &Settings, private: &str) -> Result<Self> {
        let private = Certificate::from_pem_bundle(private.as_bytes())
            .map_err(|error| Error::internal("reading the private certificates", error))?;
        let mut listed = BTreeMap::new();
        for (host, registry) in &settings.registries {
            let authority = match &registry.ca_file {
                None => private.clone(),
                Some(path) => {
                    let wrong = |reason: String| {
                        let message = format!(
                            "The authority of registry {host}, {}, cannot be used: {reason}.",
                            path.display()
                        );
                        Error::field("registries", message)
                    };
                    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
                    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
                    if found.is_empty() {
                        return Err(wrong("it holds no certificate".into()));
                    }
                    found
                }
            };
            listed.insert(
                host.to_ascii_lowercase(),
                Peer::new(registry.clone(), &settings.extra_hosts, true, authority),
            );
        }
        Ok(Self {
            listed,
            public: Peer::new(RegistrySettings::default(), &settings.extra_hosts, false, private),
            limit: TIME_LIMIT,
        })
    }

    /// Whether a push to `repository` would be let in: begins an upload and gives it up. `insecure` also tries unverified TLS and
    /// plain HTTP.
    pub async fn check_push(
        &self,
        host: &str,
        repository: &str,
        login: Option<&RegistryCredential>,
        insecure: bool,
    ) -> Answer<()> {
        self.each_way(host, insecure, Question::Push { repository, login })
            .await
    }

    /// Whether a login works.
    pub async fn check_login(&self, login: &RegistryCredential, insecure: bool) -> Answer<()> {
        self.each_way(&login.host, insecure, Question::Login(login)).await
    }

    /// Tries the ways in which the registry may be reached until one works.
    async fn each_way(&self, host: &str, insecure: bool, question: Question<'_>) -> Answer<()> {
        let peer = self.peer(host);
        let (plain, verify) = (peer.settings.http, !insecure && !peer.settings.insecure);
        let schemes: &[&str] = match (plain, verify) {
            (true, true) => &["http"],
            (true, false) => &["http", "https"],
            (false, _) if insecure => &["https", "http"],
            (false, _) => &["https"],
        };
        let limit = self.limit / schemes.len() as u32;
        let mut last = None;
        for scheme in schemes {
            let base =
                Url::parse(&format!("{scheme}://{}/", endpoint(host))).map_err(|error| RegistryError::Unreachable {
                    host: host.to_owned(),
                    reason: error.to_string(),
                })?;
            let asking = Asking {
                registries: self,
                host,
                base,
                insecure,
                plain_allowed: *scheme == "http",
                until: Instant::now() + limit,
                repeated: AtomicBool::new(false),
            };
            let asked = async {
                match question {
                    Question::Push { repository, login } => asking.check_push(repository, login).await,
                    Question::Login(login) => asking.check_login(login).await,
                }
            };
            match limited(host, limit, asked).await {
                Err(error @ (RegistryError::Unreachable { .. } | RegistryError::Untrusted { .. })) => {
                    // What the first way says is closer to what was meant.
                    last = last.or(Some(error));
                }
                done => return done,
            }
        }
        Err(last.unwrap_or_else(|| RegistryError::Unreachable {
            host: host.to_owned(),
            reason: "no way to reach it".into(),
        }))
    }

    fn peer(&self, host: &str) -> &Peer {
        self.listed.get(host).unwrap_or(&self.public)
    }
}

/// What a registry is asked.
#[derive(Clone, Copy)]
enum Question<'a> {
    Push {
        repository: &'a str,
        login: Option<&'a RegistryCredential>,
    },
    Login(&'a RegistryCredential),
}

async fn limited(host: &str, limit: Duration, work: impl Future<Output = Answer<()>>) -> Answer<()> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} seconds", limit.as_secs_f32());
        Err(RegistryError::Busy {
            host: host.to_owned(),
            reason,
        })
    })
}

/// Docker Hub's registry is not where its name says.
fn endpoint(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        host => host,
    }
}

impl Peer {
    fn new(settings: RegistrySettings, extra_hosts: &[String], private_too: bool, authority: Vec<Certificate>) -> Self {
        let resolver = Resolver::new(extra_hosts, private_too);
        Self {
            settings,
            private_too,
            resolver,
            authority,
            verified: OnceLock::new(),
            unverified: OnceLock::new(),
        }
    }

    fn client(&self, insecure: bool) -> Answer<&Client> {
        let insecure = insecure || self.settings.insecure;
        let place = if insecure { &self.unverified } else { &self.verified };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .user_agent(concat!("prt-console/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(self.resolver.clone())
            .tls_certs_merge(self.authority.clone())
            .tls_danger_accept_invalid_certs(insecure)
            .no_proxy()
            .redirect(redirect::Policy::custom(same_host))
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| RegistryError::Unexpected {
                host: "This machine".into(),
                reason: deepest(&error),
            })?;
        Ok(place.get_or_init(|| client))
    }
}

/// A registry may move a path, not send a login elsewhere.
fn same_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let origin = |url: &Url| {
        (
            url.scheme().to_owned(),
            url.host_str().map(str::to_owned),
            url.port_or_known_default(),
        )
    };
    let same = attempt
        .previous()
        .last()
        .is_some_and(|from| origin(from) == origin(attempt.url()));
    if same && attempt.previous().len() < 5 {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

#[cfg(test)]
mod tests;

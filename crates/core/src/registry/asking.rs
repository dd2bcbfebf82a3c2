//! The conversation with one registry: the question, the login that it asks for, the answer.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use prt_types::builds::RegistryCredential;
use reqwest::{Method, Response, StatusCode, header};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::time::Instant;
use url::Url;

use super::{
    Answer, BODY_LIMIT, RegistryClient, RegistryError,
    address::is_public,
    challenge::{self, Challenge},
    error::broken,
};
use crate::failures::Answer as Said;

/// A question to one registry over one scheme.
pub(super) struct Asking<'a> {
    pub registries: &'a RegistryClient,
    pub host: &'a str,
    pub base: Url,
    pub insecure: bool,
    /// The registry itself speaks plain HTTP, so its token service may as well.
    pub plain_allowed: bool,
    /// When the answer is not waited for any longer.
    pub until: Instant,
    /// Whether a request was repeated because the registry asked for a pause.
    pub repeated: AtomicBool,
}

/// The pause where a registry asks for none.
const PAUSE: Duration = Duration::from_secs(1);

/// What is sent to be let in.
enum Authorization {
    Basic,
    Bearer(String),
}

impl Asking<'_> {
    pub(super) async fn check_push(&self, repository: &str, login: Option<&RegistryCredential>) -> Answer<()> {
        let url = self.url(&format!("v2/{repository}/blobs/uploads/"))?;
        let scope = format!("repository:{repository}:pull,push");
        let (answer, authorization) = self.send(Method::POST, url.clone(), login, Some(&scope)).await?;
        match answer.status() {
            StatusCode::ACCEPTED | StatusCode::CREATED => {
                if let Some(upload) = self.upload_of(&answer, &url) {
                    // Left alone it would be tidied up by the registry itself some day.
                    _ = self
                        .request(Method::DELETE, upload, login, authorization.as_ref())
                        .await;
                }
                Ok(())
            }
            StatusCode::UNAUTHORIZED if login.is_none() => Err(RegistryError::LoginNeeded {
                host: self.host.to_owned(),
            }),
            StatusCode::UNAUTHORIZED if matches!(authorization, Some(Authorization::Basic)) => Err(self.refused(login)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
                if answer.status() != StatusCode::NOT_FOUND || is_registry(&answer) =>
            {
                let missing = answer.status() == StatusCode::NOT_FOUND;
                let said = self.said(answer).await;
                // Without words of its own the status says nothing that the sentence does not.
                let said = (said.code.is_some() || said.message.is_some())
                    .then(|| said.words())
                    .flatten();
                let (host, repository) = (self.host.to_owned(), repository.to_owned());
                let username = login.map(|login| login.username.clone());
                Err(if missing {
                    RegistryError::NoRepository {
                        host,
                        repository,
                        username,
                        said,
                    }
                } else {
                    RegistryError::PushDenied {
                        host,
                        repository,
                        username,
                        said,
                    }
                })
            }
            _ => Err(self.unexpected(answer).await),
        }
    }

    pub(super) async fn check_login(&self, login: &RegistryCredential) -> Answer<()> {
        let url = self.url("v2/")?;
        let (mut answer, authorization) = self.send(Method::GET, url.clone(), Some(login), None).await?;
        if answer.status().is_success() && authorization.is_none() {
            // It lets anybody look; whether the login is known shows only when it is sent.
            answer = self
                .request(Method::GET, url, Some(login), Some(&Authorization::Basic))
                .await?;
        }
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.refused(Some(login))),
            _ => Err(self.unexpected(answer).await),
        }
    }

    /// Sends a request; if the registry asks for a login, sends it again with one.
    async fn send(
        &self,
        method: Method,
        url: Url,
        login: Option<&RegistryCredential>,
        scope: Option<&str>,
    ) -> Answer<(Response, Option<Authorization>)> {
        let answer = self.request(method.clone(), url.clone(), login, None).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok((answer, None));
        }
        let headers = answer
            .headers()
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let authorization = match (challenge::parse(headers), login) {
            (Some(Challenge::Basic), Some(_)) => Authorization::Basic,
            (
                Some(Challenge::Bearer {
                    realm,
                    service,
                    scope: wanted,
                }),
                _,
            ) => {
                let scope = wanted.as_deref().or(scope);
                Authorization::Bearer(self.token(&realm, service.as_deref(), scope, login).await?)
            }
            (Some(Challenge::Basic) | None, _) => return Ok((answer, None)),
        };
        let answer = self.request(method, url, login, Some(&authorization)).await?;
        Ok((answer, Some(authorization)))
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        login: Option<&RegistryCredential>,
    ) -> Answer<String> {
        let strange = |reason: &str| RegistryError::Unexpected {
            host: self.host.to_owned(),
            reason: reason.to_owned(),
        };
        let mut url = Url::parse(realm).map_err(|_| strange("the address of its token service cannot be read"))?;
        let encrypted = url.scheme() == "https";
        if !(encrypted || url.scheme() == "http" && self.plain_allowed) {
            return Err(strange("its token service has no encrypted address"));
        }
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", service);
        }
        for scope in scope.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()) {
            url.query_pairs_mut().append_pair("scope", scope);
        }
        if let Some(login) = login {
            url.query_pairs_mut().append_pair("account", &login.username);
        }
        let basic = login.map(|_| Authorization::Basic);
        let answer = self.request(Method::GET, url, login, basic.as_ref()).await?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST if login.is_some() => {
                return Err(self.refused(login));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(RegistryError::LoginNeeded {
                    host: self.host.to_owned(),
                });
            }
            StatusCode::TOO_MANY_REQUESTS => return Err(self.unexpected(answer).await),
            status if status.is_server_error() => return Err(self.unexpected(answer).await),
            other => return Err(strange(&format!("its token service answers {other}"))),
        }
        let body: serde_json::Value = serde_json::from_slice(&self.body(answer).await?).unwrap_or_default();
        body["token"]
            .as_str()
            .or_else(|| body["access_token"].as_str())
            .map(str::to_owned)
            .ok_or_else(|| strange("its token service gives no token"))
    }

    /// Sends a request. If the registry has no time for it, sends it once more after the pause that it asks for.
    async fn request(
        &self,
        method: Method,
        url: Url,
        login: Option<&RegistryCredential>,
        authorization: Option<&Authorization>,
    ) -> Answer<Response> {
        let answer = self
            .request_once(method.clone(), url.clone(), login, authorization)
            .await?;
        if !matches!(
            answer.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            return Ok(answer);
        }
        let pause = pause(&answer);
        // A pause that takes all the time that is left leaves none for the answer.
        if Instant::now() + pause >= self.until || self.repeated.swap(true, Ordering::Relaxed) {
            return Ok(answer);
        }
        drop(answer);
        tokio::time::sleep(pause).await;
        self.request_once(method, url, login, authorization).await
    }

    async fn request_once(
        &self,
        method: Method,
        url: Url,
        login: Option<&RegistryCredential>,
        authorization: Option<&Authorization>,
    ) -> Answer<Response> {
        let host = host_and_port(&url);
        let own = url.host() == self.base.host() && url.port_or_known_default() == self.base.port_or_known_default();
        let name = if own { self.host.to_owned() } else { host };
        let peer = self.registries.peer(&name);
        let address = match url.host() {
            Some(url::Host::Ipv4(v4)) => Some(v4.into()),
            Some(url::Host::Ipv6(v6)) => Some(v6.into()),
            Some(url::Host::Domain(_)) | None => None,
        };
        // A numeric host is not looked up, so the resolver does not see it.
        if let Some(address) = address.filter(|address| !peer.private_too && !is_public(*address)) {
            return Err(RegistryError::NotAllowed {
                host: name,
                address: address.to_string(),
            });
        }
        let mut request = peer.client(self.insecure && own)?.request(method, url);
        request = match (authorization, login) {
            (Some(Authorization::Basic), Some(login)) => {
                request.basic_auth(&login.username, Some(login.password.expose()))
            }
            (Some(Authorization::Bearer(token)), _) => request.bearer_auth(token),
            _ => request,
        };
        request.send().await.map_err(|error| broken(&name, &error))
    }

    fn url(&self, path: &str) -> Answer<Url> {
        self.base.join(path).map_err(|error| self.strange(error.to_string()))
    }

    /// Where the upload that was begun can be given up, if that is on the same registry.
    fn upload_of(&self, answer: &Response, asked: &Url) -> Option<Url> {
        let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
        let upload = asked.join(location).ok()?;
        (upload.host() == self.base.host() && upload.port_or_known_default() == self.base.port_or_known_default())
            .then_some(upload)
    }

    async fn body(&self, mut answer: Response) -> Answer<Vec<u8>> {
        let mut body = vec![];
        while let Some(chunk) = answer.chunk().await.map_err(|error| broken(self.host, &error))? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(self.strange("its answer is too long".into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn refused(&self, login: Option<&RegistryCredential>) -> RegistryError {
        let host = self.host.to_owned();
        match login {
            Some(login) => RegistryError::LoginRefused {
                host,
                username: login.username.clone(),
            },
            None => RegistryError::LoginNeeded { host },
        }
    }

    /// What the registry itself says.
    async fn said(&self, answer: Response) -> Said {
        let status = answer.status().as_u16();
        Said::of_body(status, &self.body(answer).await.unwrap_or_default())
    }

    async fn unexpected(&self, answer: Response) -> RegistryError {
        let status = answer.status();
        let words = self.said(answer).await.words();
        let reason = format!("it says {}", words.unwrap_or_else(|| status.to_string()));
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return RegistryError::Busy {
                host: self.host.to_owned(),
                reason,
            };
        }
        self.strange(reason)
    }

    fn strange(&self, reason: String) -> RegistryError {
        RegistryError::Unexpected {
            host: self.host.to_owned(),
            reason,
        }
    }
}

/// What `Retry-After` says, as seconds or as a date.
fn pause(answer: &Response) -> Duration {
    let value = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let Some(value) = value.map(str::trim) else {
        return PAUSE;
    };
    if let Ok(seconds) = value.parse() {
        return Duration::from_secs(seconds);
    }
    // Against the registry's own clock.
    let date = |text: &str| OffsetDateTime::parse(text, &Rfc2822).ok();
    let now = answer
        .headers()
        .get(header::DATE)
        .and_then(|value| date(value.to_str().ok()?));
    match (date(value), now) {
        (Some(then), Some(now)) => (then - now).try_into().unwrap_or_default(),
        _ => PAUSE,
    }
}

fn is_registry(answer: &Response) -> bool {
    answer.headers().contains_key("docker-distribution-api-version")
        || answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

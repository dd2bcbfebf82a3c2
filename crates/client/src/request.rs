//! The client itself, and what all calls share: address, token, door, errors.

use std::time::Duration;

use prt_types::{ApiError, Secret, access::Door};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;
use uuid::Uuid;

use crate::{ClientError, Result, retry::Retry};

/// How long an ordinary call may take. Transfers and waits have no limit, or their own.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest part of a foreign error body that is worth showing.
const FOREIGN_BODY_SHOWN: usize = 200;

/// A client of one console. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret>,
    door: Door,
    pub(crate) retry: Retry,
}

impl Client {
    /// A client of the console at `base_url` (`http://host:8080`, with or without a path before `/api`).
    pub fn new(base_url: &str, token: Option<Secret>) -> Result<Self> {
        let base = Url::parse(base_url.trim())
            .map_err(|error| ClientError::protocol(format!("`{base_url}` is not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(ClientError::protocol(format!(
                "`{base_url}` is not the URL of a console: it starts with http:// or https://"
            )));
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("prt-client/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirected POST would become a GET, so a redirect is told as such and not followed.
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // Without TLS there is no need for the system's certificates; a minimal container has none, which would be an error.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| ClientError::Transport {
            url: base.to_string(),
            source: Box::new(error),
        })?;
        Ok(Self {
            http,
            base,
            token,
            door: Door::Api,
            retry: Retry::default(),
        })
    }

    /// The same client, saying that it comes in by another door. The server takes it as a label for builds and audit rows.
    pub fn with_door(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The same console with another token.
    pub fn with_token(mut self, token: Option<Secret>) -> Self {
        self.token = token;
        self
    }

    /// The console's address.
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    /// The address of an endpoint; each segment is percent-encoded as a whole.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(segments);
        }
        url
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let door = match self.door {
            Door::Console => "console",
            Door::Api => "api",
            Door::Cli => "cli",
            Door::Sdk => "sdk",
            Door::System => "system",
        };
        let mut request = self.http.request(method, url).header("x-prt-door", door);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        request
    }

    /// Sends a request and turns everything but success into an error.
    pub(crate) async fn run(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| self.transport(error))?;
        self.retry.meet();
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.problem(response).await)
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T> {
        let mut patience = self.short_patience();
        loop {
            let request = self.request(Method::GET, url.clone()).timeout(CALL_TIMEOUT);
            let answer = async { self.json(self.run(request).await?).await };
            match answer.await {
                Err(error) if patience.again(&error).await => {}
                other => return other,
            }
        }
    }

    /// Makes something new, once: each try carries the same idempotency key. Without a limit of its own on how long the console may take.
    pub(crate) async fn create<T: DeserializeOwned>(&self, url: Url, body: &impl Serialize) -> Result<T> {
        let key = Uuid::new_v4().to_string();
        let mut patience = self.patience();
        loop {
            let request = self.request(Method::POST, url.clone()).header("idempotency-key", &key);
            let answer = async { self.json(self.run(request.json(body)).await?).await };
            match answer.await {
                Err(error) if patience.again(&error).await => {}
                other => return other,
            }
        }
    }

    pub(crate) async fn send<T: DeserializeOwned>(&self, method: Method, url: Url, body: &impl Serialize) -> Result<T> {
        self.json(
            self.run(self.request(method, url).timeout(CALL_TIMEOUT).json(body))
                .await?,
        )
        .await
    }

    /// As [`Self::send`], without a limit of its own on how long the console may take.
    pub(crate) async fn send_patiently<T: DeserializeOwned>(&self, url: Url, body: &impl Serialize) -> Result<T> {
        self.json(self.run(self.request(Method::POST, url).json(body)).await?)
            .await
    }

    pub(crate) async fn delete(&self, url: Url) -> Result<()> {
        self.run(self.request(Method::DELETE, url).timeout(CALL_TIMEOUT))
            .await
            .map(drop)
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T> {
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| self.transport(error))?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Protocol {
            status: Some(status),
            message: format!(
                "the answer of {} is not what was expected (is it a prt-console of this version?): {error}",
                self.base
            ),
        })
    }

    pub(crate) fn transport(&self, error: reqwest::Error) -> ClientError {
        ClientError::Transport {
            url: self.base.to_string(),
            source: Box::new(error.without_url()),
        }
    }

    async fn problem(&self, response: Response) -> ClientError {
        let status = response.status();
        let location = response
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(ToOwned::to_owned);
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return self.transport(error),
        };
        if let Ok(error) = serde_json::from_slice::<ApiError>(&body) {
            return ClientError::Api(error);
        }
        ClientError::Protocol {
            status: Some(status.as_u16()),
            message: self.foreign(status, location, &body),
        }
    }

    /// Words for an error that the console did not write.
    fn foreign(&self, status: StatusCode, location: Option<String>, body: &[u8]) -> String {
        if let Some(location) = location {
            return format!("{} redirects to {location}: use that address", self.base);
        }
        let body = String::from_utf8_lossy(body);
        let text = body.trim();
        let mut message = format!("{} answers {status}", self.base);
        if !text.is_empty() && !text.starts_with('<') {
            message.push_str(": ");
            message.extend(text.chars().filter(|c| !c.is_control()).take(FOREIGN_BODY_SHOWN));
        }
        message
    }
}

/// Appends what is given as a query parameter.
pub(crate) fn with_query(mut url: Url, name: &str, value: Option<impl ToString>) -> Url {
    if let Some(value) = value {
        url.query_pairs_mut().append_pair(name, &value.to_string());
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_a_path_and_encode_segments() {
        let client = Client::new("http://host:8080/prt/?x=1", None).unwrap();
        assert_eq!(
            client.url(&["workers", "a/b c"]).as_str(),
            "http://host:8080/prt/api/v1/workers/a%2Fb%20c"
        );
        let client = Client::new(" http://host ", None).unwrap();
        let url = with_query(client.url(&["workers"]), "all", Some(true));
        assert_eq!(
            with_query(url, "none", None::<u8>).as_str(),
            "http://host/api/v1/workers?all=true"
        );
    }

    #[test]
    fn an_address_without_scheme_is_refused_in_words() {
        for wrong in ["localhost:8080", "", "ftp://host", "host"] {
            assert!(
                matches!(Client::new(wrong, None), Err(ClientError::Protocol { .. })),
                "{wrong}"
            );
        }
    }
}

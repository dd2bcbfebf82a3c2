//! A registry that really tells accounts apart: each may pull some repositories, and push to some.
//!
//! It stands in front of a test's own registry, asks for a login like one with password file, and remembers who asked what. What an
//! account may not do is refused with 403.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use prt_types::builds::{CredentialUse, RegistryCredential};
use tokio::task::JoinHandle;

use super::OwnRegistry;

/// Somebody whom the registry knows. Repositories are named by how they begin.
#[derive(Clone)]
pub struct Account {
    user: &'static str,
    password: String,
    pulls: &'static str,
    pushes: Option<&'static str>,
}

/// The registry with its accounts.
pub struct Gate {
    pub registry: OwnRegistry,
    /// `address:port`.
    pub host: String,
    accounts: Vec<Account>,
    log: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Door {
    upstream: String,
    accounts: Vec<Account>,
    log: Arc<Mutex<Vec<String>>>,
    http: reqwest::Client,
}

impl Account {
    pub fn reader(user: &'static str, pulls: &'static str) -> Self {
        Self {
            user,
            password: format!("gate-{}", uuid::Uuid::new_v4().simple()),
            pulls,
            pushes: None,
        }
    }

    pub fn writer(user: &'static str, repositories: &'static str) -> Self {
        Self {
            pushes: Some(repositories),
            ..Self::reader(user, repositories)
        }
    }

    fn may(&self, method: &Method, repository: &str) -> bool {
        // The registry's own address only says whether the login is known.
        repository.is_empty()
            || if method == Method::GET || method == Method::HEAD {
                repository.starts_with(self.pulls)
            } else {
                self.pushes.is_some_and(|pushes| repository.starts_with(pushes))
            }
    }
}

impl Gate {
    pub async fn start(accounts: Vec<Account>) -> Self {
        let registry = OwnRegistry::http().start().await;
        let address = registry.host.split(':').next().expect("an address").to_owned();
        let listener = tokio::net::TcpListener::bind((address.as_str(), 0))
            .await
            .expect("a free port on the engine's bridge");
        let host = listener.local_addr().expect("an address").to_string();
        let log = Arc::new(Mutex::new(vec![]));
        let door = Door {
            upstream: registry.url(),
            accounts: accounts.clone(),
            log: log.clone(),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
        };
        let app = Router::new().fallback(through).with_state(door);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("the gate serves") });
        Self {
            registry,
            host,
            accounts,
            log,
            task,
        }
    }

    /// An account's login, for a path of the registry and a use.
    pub fn login(&self, user: &str, path: &str, only: Option<CredentialUse>) -> RegistryCredential {
        let account = self.accounts.iter().find(|account| account.user == user);
        RegistryCredential {
            host: format!("{}{path}", self.host),
            username: user.into(),
            password: account.expect("there is such an account").password.as_str().into(),
            only,
        }
    }

    /// Who asked what since the last time: `200 ada GET /v2/base/bb/manifests/1`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().expect("not poisoned"))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn through(State(door): State<Door>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let login = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|value| String::from_utf8(STANDARD.decode(value).ok()?).ok());
    let account = door
        .accounts
        .iter()
        .find(|account| login.as_deref() == Some(&format!("{}:{}", account.user, account.password)));
    let repository = uri.path().trim_start_matches("/v2").trim_start_matches('/');
    let answer = match account {
        None => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Basic realm=\"gate\"")],
        )
            .into_response(),
        Some(account) if !account.may(&method, repository) => {
            let error = r#"{"errors":[{"code":"DENIED","message":"not for this account"}]}"#;
            (
                StatusCode::FORBIDDEN,
                [(header::CONTENT_TYPE, "application/json")],
                error,
            )
                .into_response()
        }
        Some(_) => door.pass_on(&method, &uri, &headers, body).await,
    };
    let user = account.map_or("-", |account| account.user);
    let line = format!("{} {user} {method} {}", answer.status().as_u16(), uri.path());
    door.log.lock().expect("not poisoned").push(line);
    answer
}

impl Door {
    async fn pass_on(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Response {
        let mut headers = headers.clone();
        for name in [
            header::AUTHORIZATION,
            header::HOST,
            header::TRANSFER_ENCODING,
            header::CONTENT_LENGTH,
        ] {
            headers.remove(name);
        }
        let answer = self
            .http
            .request(method.clone(), format!("{}{uri}", self.upstream))
            .headers(headers)
            .body(body)
            .send()
            .await
            .expect("the registry answers");
        let mut back = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            if name != header::TRANSFER_ENCODING && name != header::CONNECTION {
                back = back.header(name, value);
            }
        }
        let body = answer.bytes().await.expect("the registry's answer");
        back.body(Body::from(body)).expect("an answer")
    }
}

//! A registry that really tells accounts apart: each may pull some repositories, and push to some.
//!
//! It stands in front of a test's own registry, and remembers who asked what. It asks for a login with each request, as one with a
//! password file, or has tokens given for it, as large registries do: <https://distribution.github.io/distribution/spec/auth/token/>.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, State},
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

/// How the registry has its callers log in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Password,
    Token,
}

#[derive(Clone)]
struct Door {
    host: String,
    upstream: String,
    asks: Asks,
    accounts: Vec<Account>,
    tokens: Arc<Mutex<HashMap<String, Token>>>,
    log: Arc<Mutex<Vec<String>>>,
    http: reqwest::Client,
}

struct Token {
    user: &'static str,
    /// What was asked for: `repository:base/bb:pull`.
    scopes: Vec<String>,
}

impl Token {
    fn covers(&self, method: &Method, repository: &str) -> bool {
        let Some(name) = name(repository) else { return true };
        self.scopes.iter().any(|scope| {
            let actions = scope.strip_prefix(&format!("repository:{name}:")).unwrap_or_default();
            actions
                .split(',')
                .any(|action| action == if reads(method) { "pull" } else { "push" })
        })
    }
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
            || if reads(method) {
                repository.starts_with(self.pulls)
            } else {
                self.pushes.is_some_and(|pushes| repository.starts_with(pushes))
            }
    }
}

impl Gate {
    pub async fn start(asks: Asks, accounts: Vec<Account>) -> Self {
        let registry = OwnRegistry::http().start().await;
        let address = registry.host.split(':').next().expect("an address").to_owned();
        let listener = tokio::net::TcpListener::bind((address.as_str(), 0))
            .await
            .expect("a free port on the engine's bridge");
        let host = listener.local_addr().expect("an address").to_string();
        let log = Arc::new(Mutex::new(vec![]));
        let door = Door {
            host: host.clone(),
            upstream: registry.url(),
            asks,
            accounts: accounts.clone(),
            tokens: Arc::default(),
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
    let wants_token = door.asks == Asks::Token && uri.path() == TOKENS;
    let account = door.caller(&headers, wants_token);
    let repository = uri.path().trim_start_matches("/v2").trim_start_matches('/');
    let answer = match account {
        // OAuth's way, which a registry need not have.
        _ if wants_token && method != Method::GET => StatusCode::NOT_FOUND.into_response(),
        None => door.ask(&method, repository),
        Some(account) if wants_token => door.token(account, &uri),
        Some(account) if !account.may(&method, repository) => match door.asks {
            Asks::Password => (StatusCode::FORBIDDEN, errors("DENIED")).into_response(),
            // For what a token does not cover another is asked for.
            Asks::Token => door.ask(&method, repository),
        },
        // Nor does the account's right help a token that was given for something else.
        Some(_) if !door.covered(&headers, &method, repository) => door.ask(&method, repository),
        Some(_) => door.pass_on(&method, &uri, &headers, body).await,
    };
    let user = account.map_or("-", |account| account.user);
    let line = format!("{} {user} {method} {}", answer.status().as_u16(), uri.path());
    door.log.lock().expect("not poisoned").push(line);
    answer
}

const TOKENS: &str = "/token";

fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Of a repository, from an address below `/v2/`.
fn name(address: &str) -> Option<&str> {
    let parts = ["/manifests/", "/blobs/", "/tags/"];
    parts.iter().find_map(|part| Some(address.split_once(part)?.0))
}

fn errors(code: &str) -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({ "errors": [{ "code": code, "message": "not for this account" }] }))
}

impl Door {
    fn caller(&self, headers: &HeaderMap, by_password: bool) -> Option<&Account> {
        let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        if self.asks == Asks::Token && !by_password {
            let tokens = self.tokens.lock().expect("not poisoned");
            let user = tokens.get(given.strip_prefix("Bearer ")?)?.user;
            return self.accounts.iter().find(|account| account.user == user);
        }
        let login = String::from_utf8(STANDARD.decode(given.strip_prefix("Basic ")?).ok()?).ok()?;
        self.accounts
            .iter()
            .find(|account| login == format!("{}:{}", account.user, account.password))
    }

    /// Whether what came as a token was given for this.
    fn covered(&self, headers: &HeaderMap, method: &Method, repository: &str) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
        let tokens = self.tokens.lock().expect("not poisoned");
        let token = given.and_then(|given| tokens.get(given.strip_prefix("Bearer ")?));
        token.is_none_or(|token| token.covers(method, repository))
    }

    fn token(&self, account: &Account, uri: &Uri) -> Response {
        let id = format!("token-{}", uuid::Uuid::new_v4().simple());
        let answer = axum::Json(serde_json::json!({ "token": id, "expires_in": 300 })).into_response();
        let Query(asked) = Query::<Vec<(String, String)>>::try_from_uri(uri).expect("pairs");
        let scopes = asked.iter().filter(|(key, _)| key == "scope");
        let token = Token {
            user: account.user,
            scopes: scopes
                .flat_map(|(_, scope)| scope.split(' ').map(str::to_owned))
                .collect(),
        };
        self.tokens.lock().expect("not poisoned").insert(id, token);
        answer
    }

    /// Asks for a login.
    fn ask(&self, method: &Method, repository: &str) -> Response {
        let challenge = match self.asks {
            Asks::Password => "Basic realm=\"gate\"".to_owned(),
            Asks::Token => {
                let does = if reads(method) { "pull" } else { "pull,push" };
                let scope =
                    name(repository).map_or(String::new(), |name| format!(",scope=\"repository:{name}:{does}\""));
                format!("Bearer realm=\"http://{}{TOKENS}\",service=\"gate\"{scope}", self.host)
            }
        };
        (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, challenge)],
            errors("UNAUTHORIZED"),
        )
            .into_response()
    }

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

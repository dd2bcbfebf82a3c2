//! The way to Jupyter: bytes both ways as they come, connections kept for the next request, websockets handed through.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, uri::PathAndQuery},
    response::{IntoResponse, Response},
};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use prt_core::{Orchestrator, store::Worker};
use prt_types::ids::WorkerId;

/// Kept for each worker: a page of JupyterLab asks for so many things at once.
const KEPT: usize = 16;
/// Whether the visitor is still allowed in is looked at so often while a websocket is open.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Of the connection, never of the one behind it.
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// JupyterLab's own name for where its theme is kept, and for its dark theme.
const THEME: &str = "/lab/api/settings/@jupyterlab/apputils-extension:themes";
const DARK: &str = r#"{"raw":"{\"theme\":\"JupyterLab Dark\"}"}"#;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Connections to workers' notebooks.
#[derive(Default)]
pub struct Proxy {
    idle: Arc<Mutex<HashMap<WorkerId, Vec<SendRequest<Body>>>>>,
}

/// Says whether a visitor is still allowed in.
#[derive(Clone)]
pub struct Guard {
    pub orchestrator: Orchestrator,
    pub number: i64,
    pub cookie: String,
}

impl Guard {
    async fn left(self) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        loop {
            tick.tick().await;
            // A database that does not answer for a moment ends nobody's work.
            if matches!(
                self.orchestrator.notebook_visit(self.number, &self.cookie).await,
                Ok(None)
            ) {
                return;
            }
        }
    }
}

impl Proxy {
    /// Hands a request on. `ours` is the name of the cookie that Jupyter does not get to see.
    pub async fn forward(
        &self,
        guard: &Guard,
        worker: &Worker,
        ours: &str,
        mut request: Request,
    ) -> Result<Response, Error> {
        let upgrade = request.headers().get(header::UPGRADE).cloned();
        let client = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let path = request
            .uri()
            .path_and_query()
            .cloned()
            .unwrap_or(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(path);
        *request.version_mut() = axum::http::Version::HTTP_11;
        let headers = request.headers_mut();
        strip(headers);
        without_cookie(headers, ours);
        let token = guard.orchestrator.notebook_token(worker);
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::try_from(format!("token {}", token.expose()))?,
        );
        if let Some(upgrade) = upgrade {
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::UPGRADE, upgrade);
        }
        let mut sender = self.connection(&guard.orchestrator, worker).await?;
        let mut response = sender.send_request(request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let worker_side = hyper::upgrade::on(&mut response);
            if let Some(client) = client {
                tokio::spawn(join(client, worker_side, guard.clone()));
            }
            return Ok(response.map(Body::new).into_response());
        }
        self.keep(worker.id, sender);
        let mut response = response.map(Body::new);
        strip(response.headers_mut());
        host_only_cookies(response.headers_mut());
        Ok(response)
    }

    /// Sets JupyterLab's theme. A notebook that has no such setting stays as it is.
    pub async fn darken(&self, orchestrator: &Orchestrator, worker: &Worker) {
        let done = async {
            let token = orchestrator.notebook_token(worker);
            let request = Request::builder()
                .method("PUT")
                .uri(THEME)
                .header(header::HOST, "localhost")
                .header(header::AUTHORIZATION, format!("token {}", token.expose()))
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(DARK))?;
            let mut sender = self.connection(orchestrator, worker).await?;
            sender.send_request(request).await?;
            Ok::<(), Error>(())
        };
        // The theme is worth a moment, not a wait.
        if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(2), done).await {
            tracing::debug!(worker.name = worker.name(), %error, "the notebook's theme is not set");
        }
    }

    async fn connection(&self, orchestrator: &Orchestrator, worker: &Worker) -> Result<SendRequest<Body>, Error> {
        loop {
            let kept = self.idle().get_mut(&worker.id).and_then(Vec::pop);
            match kept {
                Some(mut sender) => {
                    if !sender.is_closed() && sender.ready().await.is_ok() {
                        return Ok(sender);
                    }
                }
                None => break,
            }
        }
        let stream = orchestrator.notebook_connect(worker).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move { connection.with_upgrades().await });
        Ok(sender)
    }

    /// For the next request, once this one's answer has been read.
    fn keep(&self, worker: WorkerId, mut sender: SendRequest<Body>) {
        let idle = Arc::clone(&self.idle);
        tokio::spawn(async move {
            if sender.ready().await.is_err() {
                return;
            }
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|_, senders| {
                senders.retain(|sender| !sender.is_closed());
                !senders.is_empty()
            });
            let senders = idle.entry(worker).or_default();
            if senders.len() < KEPT {
                senders.push(sender);
            }
        });
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, HashMap<WorkerId, Vec<SendRequest<Body>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies between browser and worker until one of them ends, or the visitor is no longer allowed in.
async fn join(client: hyper::upgrade::OnUpgrade, worker: hyper::upgrade::OnUpgrade, guard: Guard) {
    let (Ok(client), Ok(worker)) = tokio::join!(client, worker) else {
        return;
    };
    let (mut client, mut worker) = (TokioIo::new(client), TokioIo::new(worker));
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut worker) => {}
        () = guard.left() => {}
    }
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn without_cookie(headers: &mut HeaderMap, ours: &str) {
    let kept: Vec<String> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .map(str::trim)
        .filter(|pair| pair.split_once('=').is_none_or(|(name, _)| name != ours))
        .map(str::to_owned)
        .collect();
    headers.remove(header::COOKIE);
    if !kept.is_empty()
        && let Ok(value) = HeaderValue::try_from(kept.join("; "))
    {
        headers.insert(header::COOKIE, value);
    }
}

/// A cookie of a notebook is for its own host, whatever it says.
fn host_only_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<String> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|cookie| {
            let mut parts: Vec<&str> = cookie.split(';').collect();
            parts.retain(|part| !part.trim().to_ascii_lowercase().starts_with("domain="));
            parts.join(";")
        })
        .collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_gets_its_own_cookies_only_and_sets_none_for_others() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            "_xsrf=1; prt-notebook=secret; username=u".parse().unwrap(),
        );
        without_cookie(&mut headers, "prt-notebook");
        assert_eq!(headers[header::COOKIE], "_xsrf=1; username=u");
        headers.insert(header::SET_COOKIE, "a=b; Domain=localhost; Path=/".parse().unwrap());
        host_only_cookies(&mut headers);
        assert_eq!(headers[header::SET_COOKIE], "a=b; Path=/");
    }

    #[test]
    fn what_is_of_one_connection_stays_there() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, "keep-alive, x-mine".parse().unwrap());
        headers.insert("x-mine", "1".parse().unwrap());
        headers.insert(header::TRANSFER_ENCODING, "chunked".parse().unwrap());
        headers.insert(header::CONTENT_LENGTH, "3".parse().unwrap());
        strip(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), [header::CONTENT_LENGTH]);
    }
}

//! The way to Jupyter: bytes both ways as they come, connections kept for the next request, websockets handed through.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, uri::PathAndQuery},
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use prt_core::{Orchestrator, store::Worker};
use prt_types::ids::WorkerId;
use tokio::time::Instant;

/// Kept for each worker: a page of JupyterLab asks for so many things at once.
const KEPT: usize = 16;
/// Whether the visitor is still allowed in is looked at so often while a websocket or an answer is under way.
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
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

pub type Error = Box<dyn std::error::Error + Send + Sync>;

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
        // The request itself has just been let in.
        let mut tick = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
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
        // Websockets are all that Jupyter upgrades to; whatever else is asked for is answered as if it was not.
        let upgrades = request.headers().get(header::UPGRADE).is_some_and(is_websocket);
        let client = upgrades.then(|| hyper::upgrade::on(&mut request));
        let path = request
            .uri()
            .path_and_query()
            .cloned()
            .unwrap_or(PathAndQuery::from_static("/"));
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let headers = request.headers_mut();
        strip(headers);
        without_cookie(headers, ours);
        forwarded(headers, peer, guard.orchestrator.settings().protocol());
        if upgrades {
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        *request.uri_mut() = Uri::from(path);
        *request.version_mut() = axum::http::Version::HTTP_11;
        let mut response = self.ask(&guard.orchestrator, worker, request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(client) = client else {
                return Err("the worker switches protocols without being asked".into());
            };
            let worker_side = hyper::upgrade::on(&mut response);
            tokio::spawn(join(client, worker_side, guard.clone()));
        } else {
            strip(response.headers_mut());
        }
        host_only_cookies(response.headers_mut());
        Ok(response.map(|body| while_allowed(body, guard.clone())).into_response())
    }

    /// Asks Jupyter, with the token that only it and we know.
    pub async fn ask(
        &self,
        orchestrator: &Orchestrator,
        worker: &Worker,
        mut request: Request,
    ) -> Result<Response<Incoming>, Error> {
        let token = orchestrator.notebook_token(worker);
        let mut value = HeaderValue::try_from(format!("token {}", token.expose()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
        loop {
            let (mut sender, kept) = self.connection(orchestrator, worker).await?;
            match sender.try_send_request(request).await {
                Ok(response) => {
                    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                        self.keep(worker.id, sender);
                    }
                    return Ok(response);
                }
                // Jupyter closed a kept connection at this very moment, before anything was sent.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if kept => request = unsent,
                    _ => return Err(failed.into_error().into()),
                },
            }
        }
    }

    /// A connection, and whether it was used before.
    async fn connection(
        &self,
        orchestrator: &Orchestrator,
        worker: &Worker,
    ) -> Result<(SendRequest<Body>, bool), Error> {
        loop {
            let kept = self.idle().get_mut(&worker.id).and_then(Vec::pop);
            match kept {
                Some(mut sender) => {
                    if !sender.is_closed() && sender.ready().await.is_ok() {
                        return Ok((sender, true));
                    }
                }
                None => break,
            }
        }
        let stream = orchestrator.notebook_connect(worker).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move { connection.with_upgrades().await });
        Ok((sender, false))
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

/// An answer that may take long, such as a download. It breaks off when the visitor is no longer allowed in: an end would pass for
/// the whole of it.
fn while_allowed(body: Incoming, guard: Guard) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    let mut data = Body::new(body).into_data_stream();
    let mut left = Box::pin(guard.left());
    Body::from_stream(stream::poll_fn(move |cx| {
        if left.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Error::from("the visitor is no longer allowed in"))));
        }
        data.poll_next_unpin(cx).map_err(Error::from)
    }))
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

fn is_websocket(upgrade: &HeaderValue) -> bool {
    upgrade.as_bytes().eq_ignore_ascii_case(b"websocket")
}

/// What a program behind the proxy needs to write its own address, and who asked.
fn forwarded(headers: &mut HeaderMap, peer: Option<SocketAddr>, protocol: &'static str) {
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(protocol));
    let way: Vec<String> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .map(str::to_owned)
        .chain(peer.map(|peer| peer.ip().to_string()))
        .collect();
    if !way.is_empty()
        && let Ok(value) = HeaderValue::try_from(way.join(", "))
    {
        headers.insert(FORWARDED_FOR, value);
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
            let is_domain = |part: &str| {
                let name = part.split('=').next().unwrap_or_default();
                name.trim().eq_ignore_ascii_case("domain")
            };
            // The first part is the cookie itself, whatever its name.
            let mut first = true;
            let mut parts: Vec<&str> = cookie.split(';').collect();
            parts.retain(|part| std::mem::take(&mut first) || !is_domain(part));
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
        let odd = "domain=b; DOMAIN =h; domainless";
        headers.insert(header::SET_COOKIE, odd.parse().unwrap());
        host_only_cookies(&mut headers);
        assert_eq!(headers[header::SET_COOKIE], "domain=b; domainless");
    }

    #[test]
    fn the_worker_learns_how_it_was_asked() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "worker-1.workers.h".parse().unwrap());
        headers.insert(FORWARDED_PROTO, "gopher".parse().unwrap());
        headers.insert(FORWARDED_FOR, "10.0.0.9".parse().unwrap());
        forwarded(&mut headers, Some("127.0.0.1:5".parse().unwrap()), "https");
        assert_eq!(headers[FORWARDED_HOST], "worker-1.workers.h");
        assert_eq!(headers[FORWARDED_PROTO], "https");
        assert_eq!(headers[FORWARDED_FOR], "10.0.0.9, 127.0.0.1");
        let mut nobody = HeaderMap::new();
        forwarded(&mut nobody, None, "http");
        assert_eq!(nobody.keys().collect::<Vec<_>>(), [FORWARDED_PROTO]);
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

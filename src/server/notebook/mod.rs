//! Workers' notebooks, each under a host name of its own: `worker-12.workers.<host>`.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | which requests these are, who may look, where a request may come from |
//! | `proxy.rs` | the way to Jupyter in the worker |
//! | `theme.rs` | JupyterLab's light or dark |
//! | `pages.rs` | what is shown where there is no notebook to show |
//!
//! No address of the console exists under these host names, and the console's cookies do not reach them.

mod pages;
mod proxy;
mod theme;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use prt_core::{
    Orchestrator,
    notebooks::{BROWSER_LIFE, LOGIN_PATH, NotebookVisit},
};
use prt_types::workers::WorkerStatus;

pub use proxy::Proxy;

/// What a browser that was let in shows.
const COOKIE: &str = "prt-notebook";
const FRONT: &str = "/lab";

/// Serves notebooks' hosts, and hands everything else on.
#[derive(Clone)]
pub struct Notebooks {
    orchestrator: Orchestrator,
    proxy: Arc<Proxy>,
}

impl Notebooks {
    pub fn new(orchestrator: &Orchestrator) -> Self {
        Self {
            orchestrator: orchestrator.clone(),
            proxy: Arc::default(),
        }
    }
}

/// Before everything else of the router.
pub async fn by_host(State(notebooks): State<Notebooks>, request: Request, next: Next) -> Response {
    // The body cannot be shared between threads, so nothing borrows from the request while something is awaited.
    let place = place(host(&request), &notebooks.orchestrator.settings().notebook_host);
    match place {
        Place::Console => next.run(request).await,
        Place::Nowhere => pages::no_worker(&notebooks.orchestrator.settings().public_url),
        Place::Worker(number) => notebooks.serve(number, request).await,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Console,
    Worker(i64),
    Nowhere,
}

fn host(request: &Request) -> &str {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    named
        .or(request.uri().authority().map(axum::http::uri::Authority::as_str))
        .unwrap_or_default()
}

/// What a host name stands for. Everything below the notebooks' host is a notebook's or nothing, and never the console.
fn place(host: &str, notebooks: &str) -> Place {
    let host = host.to_ascii_lowercase();
    let name = |host: &str| {
        host.split(':')
            .next()
            .unwrap_or_default()
            .trim_end_matches('.')
            .to_owned()
    };
    let (host, notebooks) = (name(&host), name(notebooks));
    let Some(rest) = host.strip_suffix(&notebooks) else {
        return Place::Console;
    };
    match rest.strip_suffix('.') {
        Some(worker) => {
            let number = worker.strip_prefix("worker-").and_then(|number| number.parse().ok());
            number
                .filter(|number: &i64| *number > 0 && format!("worker-{number}") == worker)
                .map_or(Place::Nowhere, Place::Worker)
        }
        None if rest.is_empty() => Place::Nowhere,
        None => Place::Console,
    }
}

impl Notebooks {
    async fn serve(&self, number: i64, request: Request) -> Response {
        if request.uri().path() == LOGIN_PATH {
            let reads = *request.method() == Method::GET;
            let query = request.uri().query().unwrap_or_default().to_owned();
            return self.enter(number, if reads { &query } else { "" }).await;
        }
        if !comes_from_here(&request) {
            return pages::foreign();
        }
        let cookie = cookie(request.headers(), &self.cookie_name());
        let visit = match &cookie {
            Some(cookie) => self.orchestrator.notebook_visit(number, cookie).await,
            None => Ok(None),
        };
        match visit {
            Ok(Some(visit)) => self.show(visit, cookie.unwrap_or_default(), request).await,
            Ok(None) => pages::not_in(&self.orchestrator.settings().public_url, number),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a notebook's visitor cannot be looked up"
                );
                pages::unavailable()
            }
        }
    }

    async fn show(&self, visit: NotebookVisit, cookie: String, request: Request) -> Response {
        match visit.worker.status {
            WorkerStatus::Running => {}
            WorkerStatus::Provisioning => return pages::starting(&visit),
            WorkerStatus::Terminating | WorkerStatus::Terminated | WorkerStatus::Failed => {
                return pages::ended(&self.orchestrator.settings().public_url, &visit);
            }
        }
        let ours = self.cookie_name();
        let guard = proxy::Guard {
            orchestrator: self.orchestrator.clone(),
            number: visit.worker.number,
            cookie,
        };
        let mut response = match self.proxy.forward(&guard, &visit.worker, &ours, request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(worker.name = visit.worker.name(), %error, "a notebook does not answer");
                return pages::silent(&visit);
            }
        };
        confine(response.headers_mut());
        response
    }

    /// Exchanges the link's value for a cookie and takes it out of the address.
    async fn enter(&self, number: i64, query: &str) -> Response {
        let token = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("token="))
            .unwrap_or_default();
        let public_url = &self.orchestrator.settings().public_url;
        if token.is_empty() {
            return pages::not_in(public_url, number);
        }
        match self.orchestrator.notebook_enter(number, token).await {
            Ok(Some(entry)) => {
                if entry.worker.status == WorkerStatus::Running {
                    theme::set(&self.proxy, &self.orchestrator, &entry.worker, entry.dark).await;
                }
                let secure = if self.orchestrator.settings().is_https() {
                    "; Secure"
                } else {
                    ""
                };
                let cookie = format!(
                    "{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
                    self.cookie_name(),
                    entry.cookie.expose(),
                    BROWSER_LIFE.as_secs()
                );
                let headers = [
                    (header::LOCATION, FRONT.to_owned()),
                    (header::SET_COOKIE, cookie),
                    (header::REFERRER_POLICY, "no-referrer".to_owned()),
                    (header::CACHE_CONTROL, "no-store".to_owned()),
                ];
                (StatusCode::SEE_OTHER, headers).into_response()
            }
            Ok(None) => pages::used(public_url, number),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a notebook's link cannot be looked up"
                );
                pages::unavailable()
            }
        }
    }

    /// Over HTTPS the cookie is bound to this very host, whatever other hosts of the same domain set.
    fn cookie_name(&self) -> String {
        let secure = self.orchestrator.settings().is_https();
        format!("{}{COOKIE}", if secure { "__Host-" } else { "" })
    }
}

/// Keeps pages of other hosts, other workers' notebooks among them, from framing, embedding or holding a window of this one.
fn confine(headers: &mut HeaderMap) {
    // It speaks for the whole domain, the console's cookies among it.
    headers.remove(HeaderName::from_static("clear-site-data"));
    // In addition to what Jupyter says: policies add up.
    headers.append(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("frame-ancestors 'self'"),
    );
    for (name, value) in [
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin-allow-popups"),
    ] {
        headers
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
}

/// The value of a cookie that is there once: a second one of the same name was put there by another host of the domain.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned());
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Whether the notebook's own pages, or a person who follows a link, sent this. Hosts of one domain are one site to a browser, which
/// sends the cookie along: another notebook could do everything here without this check.
fn comes_from_here(request: &Request) -> bool {
    let headers = request.headers();
    let text = |name: &'static str| {
        headers
            .get(HeaderName::from_static(name))
            .and_then(|value| value.to_str().ok())
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let upgrade = headers.contains_key(header::UPGRADE);
    let navigates =
        reads && !upgrade && text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest") == Some("document");
    match text("sec-fetch-site") {
        // Browsers leave it out where the page came over plain HTTP from another machine.
        Some("same-origin" | "none") | None => {}
        Some(_) => return navigates,
    }
    text("origin").is_none_or(|origin| origin.split_once("://").is_some_and(|(_, from)| from == host(request)))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        let at = |host: &str| place(host, "workers.localhost:8080");
        assert_eq!(at("worker-12.workers.localhost:8080"), Place::Worker(12));
        assert_eq!(at("WORKER-12.workers.localhost."), Place::Worker(12));
        for console in [
            "localhost:8080",
            "127.0.0.1",
            "",
            "notworkers.localhost",
            "workers.localhost.evil.com",
        ] {
            assert_eq!(at(console), Place::Console, "{console}");
        }
        for nowhere in [
            "workers.localhost",
            "worker-.workers.localhost",
            "worker-01.workers.localhost",
            "a.worker-1.workers.localhost",
        ] {
            assert_eq!(at(nowhere), Place::Nowhere, "{nowhere}");
        }
    }

    #[test]
    fn other_hosts_pages_get_nothing_but_a_followed_link() {
        let from = |method: &str, pairs: &[(&str, &str)]| {
            let mut request = Request::builder()
                .method(method)
                .uri("/api")
                .header("host", "worker-1.workers.h:1");
            for (name, value) in pairs {
                request = request.header(*name, *value);
            }
            comes_from_here(&request.body(Body::empty()).unwrap())
        };
        let own = ("origin", "http://worker-1.workers.h:1");
        assert!(from("GET", &[]));
        assert!(from("POST", &[("sec-fetch-site", "same-origin"), own]));
        assert!(from("GET", &[("upgrade", "websocket"), own]));
        assert!(!from(
            "GET",
            &[("upgrade", "websocket"), ("origin", "http://worker-2.workers.h:1")]
        ));
        assert!(!from("POST", &[("origin", "http://worker-2.workers.h:1")]));
        assert!(!from("GET", &[("origin", "http://worker-2.workers.h:1")]));
        assert!(!from("GET", &[("origin", "null")]));
        assert!(from("GET", &[own]));
        assert!(!from("POST", &[("sec-fetch-site", "same-site"), own]));
        assert!(!from(
            "GET",
            &[
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "script")
            ]
        ));
        let document = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(from("GET", &document));
        assert!(!from("POST", &document));
        let frame = [
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "iframe"),
        ];
        assert!(!from("GET", &frame));
    }

    #[test]
    fn an_answer_speaks_for_its_own_host_only() {
        let mut headers = HeaderMap::new();
        headers.insert("clear-site-data", "\"cookies\"".parse().unwrap());
        headers.insert("cross-origin-resource-policy", "cross-origin".parse().unwrap());
        confine(&mut headers);
        assert!(!headers.contains_key("clear-site-data"));
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], "frame-ancestors 'self'");
    }

    #[test]
    fn a_cookie_that_is_there_twice_counts_as_none() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, text.parse().unwrap());
            cookie(&headers, COOKIE)
        };
        assert_eq!(of("a=b; prt-notebook=x; c=d").as_deref(), Some("x"));
        assert_eq!(of("prt-notebook=x; prt-notebook=y"), None);
        assert_eq!(of("xprt-notebook=x"), None);
    }
}

//! Headers that confine pages, and the check that a form was sent by a page of ours.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::{nonce::use_nonce, prelude::use_context};
use leptos_axum::ResponseOptions;
use prt_core::{OpContext, Orchestrator};
use prt_types::ErrorCode;

use super::{
    extract::{RequestId, bearer, refused},
    problem::Problem,
};

/// For answers that are no pages.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

/// Sets the page's Content-Security-Policy with the nonce of this very rendering. Runs within Leptos' context.
pub fn page_policy(notebooks: &str) {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else {
        return;
    };
    let policy = format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self' {notebooks}; frame-ancestors 'none'"
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, value);
    }
}

/// Where a form of ours may lead besides the console: to notebooks.
pub fn notebook_origins(orchestrator: &Orchestrator) -> String {
    let settings = orchestrator.settings();
    let scheme = settings.public_url.split("://").next().unwrap_or("http");
    format!("{scheme}://*.{}", settings.notebook_host)
}

/// Headers of every answer.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(NO_PAGE));
    response
}

/// Refuses what another site makes a browser send. Server functions do no such check of their own. A bearer token is not sent by
/// browsers on their own, so requests with one need no check; cookies do not count beside it (see [`super::extract::identify`]).
pub async fn same_origin(State(orchestrator): State<Orchestrator>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) || is_from_us(request.headers()) {
        return next.run(request).await;
    }
    let message = "This request came from another site and was refused.";
    // The body cannot be shared between threads, so it stays out of what is awaited.
    let (parts, _) = request.into_parts();
    if let Some(cx) = parts.extensions.get::<OpContext>() {
        refused(&orchestrator, cx, "request.cross_site", &parts, message).await;
    }
    let mut problem = Problem::of(ErrorCode::Forbidden, message, &RequestId::of(&parts.extensions).0);
    problem.0.hint = Some("Use the console's own pages, or an API token.".into());
    problem.into_response()
}

fn is_from_us(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if bearer(headers).is_some() {
        return true;
    }
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        (Some(_), None) => false,
        // No browser: browsers send one of the two with every form. Without a cookie there is no one to act as.
        (None, _) => !headers.contains_key(header::COOKIE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_us(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_from_us(&headers)
    }

    #[test]
    fn only_our_own_pages_may_send_forms() {
        assert!(from_us(&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")]));
        assert!(!from_us(&[("sec-fetch-site", "cross-site"), ("cookie", "a=b")]));
        // Another port or a notebook's subdomain of the same site.
        assert!(!from_us(&[("sec-fetch-site", "same-site"), ("cookie", "a=b")]));
        assert!(from_us(&[("origin", "http://h:1"), ("host", "h:1"), ("cookie", "a=b")]));
        assert!(!from_us(&[("origin", "http://evil:1"), ("host", "h:1")]));
        assert!(!from_us(&[("origin", "null"), ("host", "h:1")]));
        assert!(!from_us(&[("host", "h:1"), ("cookie", "a=b")]));
        assert!(from_us(&[("host", "h:1")]));
        assert!(from_us(&[("authorization", "Bearer x"), ("origin", "http://evil")]));
        for other in ["Basic x", "Bearer", "Bearer\u{a0}x", "x"] {
            let pairs = [
                ("authorization", other),
                ("sec-fetch-site", "cross-site"),
                ("cookie", "a=b"),
            ];
            assert!(!from_us(&pairs), "{other}");
        }
        assert!(from_us(&[
            ("authorization", "Basic x"),
            ("sec-fetch-site", "same-origin"),
            ("cookie", "a=b")
        ]));
    }
}

//! The pages' server functions as the network sees them. Their errors leave here with the status of their code and the request's id,
//! also those that arise before the function runs.

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use leptos::{prelude::*, server_fn};
use leptos_axum::handle_server_fns_with_context;
use prt_types::{ApiError, ErrorCode};

use super::{
    draft,
    extract::RequestId,
    problem::{Problem, Refused},
};
use crate::forms::safe_next;

/// More than any error.
const ERROR_MAX: usize = 1024 * 1024;
const ERROR: HeaderName = HeaderName::from_static("serverfnerror");
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Calls the function of the address. `style` is the address of the console's style sheet.
pub async fn call(provide: impl Fn() + Clone + Send + Sync + 'static, style: String, request: Request) -> Response {
    let RequestId(id) = RequestId::of(request.extensions());
    let path = request.uri().path().to_owned();
    if server_fn::axum::get_server_fn_service(&path, request.method().clone()).is_none() {
        return no_such_function(&path, &id);
    }
    let (plain, back) = asked_by(request.headers());
    let mut response = handle_server_fns_with_context(provide, request).await.into_response();
    let drafted = response.headers_mut().remove(draft::MARK).is_some();
    if drafted || !response.headers().contains_key(ERROR) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let error = match to_bytes(body, ERROR_MAX).await {
        Ok(bytes) => serde_json::from_slice::<ApiError>(&bytes).ok(),
        Err(_) => None,
    };
    let mut error =
        error.unwrap_or_else(|| Problem::of(ErrorCode::Internal, "The function failed without a word.", &id).0);
    if error.request_id.is_empty() {
        error.request_id = id;
    }
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let why = Refused(error.message.clone());
    if plain {
        return refused(&error, &back, &style, status);
    }
    parts.status = status;
    // Leptos' own way to tell, which is lost where there is no referrer; and the length of a body without the request's id.
    for name in [header::LOCATION, header::CONTENT_LENGTH, header::CONTENT_TYPE] {
        parts.headers.remove(name);
    }
    let mut response = Json(error).into_response();
    *response.status_mut() = status;
    response.extensions_mut().insert(why);
    response.headers_mut().extend(parts.headers);
    response
}

fn no_such_function(path: &str, id: &str) -> Response {
    let mut methods = server_fn::axum::server_fn_paths().filter(|(known, _)| *known == path);
    let Some((_, method)) = methods.next() else {
        return Problem::of(ErrorCode::NotFound, "There is no such function.", id).into_response();
    };
    let mut response = Problem::method_not_allowed(id);
    if let Ok(method) = HeaderValue::from_str(method.as_str()) {
        response.headers_mut().insert(header::ALLOW, method);
    }
    response
}

/// Whether a browser without WebAssembly sent this, and from which page.
fn asked_by(headers: &HeaderMap) -> (bool, String) {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let plain = text(header::ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    let back = text(header::REFERER)
        .and_then(|from| from.parse::<Uri>().ok())
        .and_then(|from| Some(safe_next(from.path_and_query()?.as_str())))
        .unwrap_or_else(|| "/".to_owned());
    (plain, back)
}

/// For a browser without WebAssembly whose form no page of ours has sent as it is now: there is no form to show the error in.
fn refused(error: &ApiError, back: &str, style: &str, status: StatusCode) -> Response<Body> {
    let fields: Vec<_> = error
        .fields
        .iter()
        .map(|field| view! { <p>{format!("{}: {}", field.field, field.message)}</p> })
        .collect();
    let page = view! {
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <title>"That did not work"</title>
                <link rel="stylesheet" href=style.to_owned() />
            </head>
            <body>
                <main class="login" id="main">
                    <section class="card card-padded">
                        <h1>"That did not work"</h1>
                        <p role="alert">{error.message.clone()}</p>
                        {fields}
                        <p>{error.hint.clone()}</p>
                        <p class="muted">{format!("Request {}", error.request_id)}</p>
                        <p>
                            <a class="button" href=back.to_owned()>
                                "Back to the form"
                            </a>
                        </p>
                    </section>
                </main>
            </body>
        </html>
    };
    let policy = [(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)];
    (status, policy, Html(format!("<!DOCTYPE html>{}", page.to_html()))).into_response()
}

//! Refused forms of browsers without WebAssembly: values and error wait in the session until the page is rendered again.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use http::request::Parts;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use serde::Serialize;
use tower_sessions::Session;

use crate::{error::AppError, forms::Draft};

/// On an answer that leads back to a form with the refusal in it. Does not leave the server (see [`super::functions`]).
pub const MARK: HeaderName = HeaderName::from_static("x-prt-draft");

/// Ends a server function that a form calls.
///
/// On success it redirects to `to(&value)`, for both kinds of browser. A refusal goes back as it is to a browser with WebAssembly;
/// to one without, it is kept as the draft of form `key` together with `values`, and the browser is sent back to `page`.
/// `values` must not contain secrets: clear them first.
///
/// ```ignore
/// let result = orchestrator.worker_create(&cx, config).await.map_err(|error| app_error(error, &cx));
/// draft::finish("worker-new", "/workers/new", &form, result, |worker| format!("/workers/{}", worker.name)).await
/// ```
pub async fn finish<T: Serialize, R>(
    key: &str,
    page: &str,
    values: &T,
    result: Result<R, AppError>,
    to: impl FnOnce(&R) -> String,
) -> Result<R, AppError> {
    match result {
        Ok(value) => {
            leptos_axum::redirect(&to(&value));
            Ok(value)
        }
        Err(error) => {
            refuse(key, page, values, &error).await;
            Err(error)
        }
    }
}

/// The refusing half of [`finish`].
pub async fn refuse<T: Serialize>(key: &str, page: &str, values: &T, error: &AppError) {
    if !is_plain_post() {
        set_status(error);
        return;
    }
    if let Some(session) = session() {
        let draft = Draft {
            values,
            error: error.0.clone(),
        };
        // A draft that cannot be kept costs the typed values, not the answer.
        if let Err(error) = session.insert(&name(key), draft).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a refused form could not be kept"
            );
        }
    }
    // Ours replaces Leptos' redirect, which would append the whole error to the address.
    leptos_axum::redirect(page);
    if let Some(response) = use_context::<ResponseOptions>() {
        response.insert_header(MARK, HeaderValue::from_static("1"));
    }
}

/// Keeps something for the next page that takes it. It must hold no secret in clear.
pub async fn keep<T: Serialize>(key: &str, value: &T) {
    if let Some(session) = session()
        && let Err(error) = session.insert(&name(key), value).await
    {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "something for the next page could not be kept"
        );
    }
}

/// Takes the draft of form `key` out of the session, as JSON.
pub async fn take(key: &str) -> Option<String> {
    let session = session()?;
    let value = session.remove_value(&name(key)).await.ok()??;
    // The session layer saves before the body is streamed, which may be before this line.
    _ = session.save().await;
    Some(value.to_string())
}

/// Whether a browser without WebAssembly sent this form: Leptos' own client does not ask for HTML.
pub fn is_plain_post() -> bool {
    use_context::<Parts>().is_some_and(|parts| {
        parts
            .headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("text/html"))
    })
}

/// Whether a script called a server function, and it is not run for a page that is being rendered.
pub fn is_script_call() -> bool {
    !is_plain_post() && use_context::<Parts>().is_some_and(|parts| parts.uri.path().starts_with("/_fn/"))
}

/// Lets the answer carry the error's own status, for a page as well as for a server function's answer.
pub fn set_status(error: &AppError) {
    if let (Some(response), Ok(status)) = (
        use_context::<ResponseOptions>(),
        StatusCode::from_u16(error.0.code.status()),
    ) {
        response.set_status(status);
    }
}

fn session() -> Option<Session> {
    use_context::<Parts>()?.extensions.get::<Session>().cloned()
}

fn name(key: &str) -> String {
    format!("draft:{key}")
}

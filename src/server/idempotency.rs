//! `Idempotency-Key`: a request whose answer was lost can be sent again and makes nothing twice.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use prt_core::{Error, OpContext, Orchestrator, idempotency::Idempotent};
use prt_types::ErrorCode;

use super::problem::Problem;

const KEY: &str = "idempotency-key";
/// Says that an answer is the first request's.
const REPLAYED: &str = "idempotent-replayed";
/// Far beyond what these endpoints take.
const LONGEST: usize = 4 * 1024 * 1024;

/// Around the endpoints that make something new. Without the header it does nothing.
pub async fn answer_once(State(orchestrator): State<Orchestrator>, request: Request, next: Next) -> Response {
    let (Some(key), Some(cx), true) = (
        request.headers().get(KEY).cloned(),
        request.extensions().get::<OpContext>().cloned(),
        makes_something(&request),
    ) else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LONGEST).await else {
        let message = format!(
            "The request cannot be read: it is larger than {} MiB.",
            LONGEST / 1024 / 1024
        );
        return Problem::of(ErrorCode::InvalidInput, message, &cx.request_id).into_response();
    };
    let key = String::from_utf8_lossy(key.as_bytes());
    let what = [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), &body];
    let (cx, turn) = match orchestrator.idempotency_begin(&cx, &key, &what).await {
        Ok(Idempotent::Run(cx, turn)) => (cx, turn),
        Ok(Idempotent::Answered { status, body }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
            response
                .headers_mut()
                .insert(REPLAYED, HeaderValue::from_static("true"));
            return response;
        }
        Err(error) => return Problem::new(error, &cx).into_response(),
    };
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(cx.clone());
    // In a task of its own: when the sender goes away, the work is finished all the same.
    let work = tokio::spawn(async move {
        let response = next.run(request).await;
        drop(turn);
        response
    });
    work.await.unwrap_or_else(|error| {
        Problem::new(Error::internal("a request under an idempotency key", error), &cx).into_response()
    })
}

/// Endpoints whose operations store the key with what they make. Their answers may be stored: there is no secret in them, as there is in
/// that of a new token.
fn makes_something(request: &Request) -> bool {
    let parts: Vec<&str> = request.uri().path().split('/').skip(1).collect();
    request.method() == Method::POST
        && matches!(
            parts.as_slice(),
            ["api", "v1", "workers" | "builds"] | ["api", "v1", "builds", _, "rerun"]
        )
}

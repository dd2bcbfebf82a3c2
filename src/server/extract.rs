//! Who asks: from session or bearer token to an [`OpContext`], once for each request.

use std::net::SocketAddr;

use axum::{
    Extension,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::prelude::use_context;
use prt_core::{OpContext, Orchestrator};
use prt_types::{ErrorCode, access::Door};
use serde::de::DeserializeOwned;
use tower_sessions::Session;
use uuid::Uuid;

use super::{
    problem::{Problem, app_error},
    session,
};
use crate::error::AppError;

/// Clients say which door they are; it is for the audit log only and gives no rights.
const DOOR: &str = "x-prt-door";

/// The request's name in answers, logs and traces.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// A new one.
    pub fn generate() -> Self {
        Self(Uuid::now_v7().simple().to_string())
    }
}

/// Finds out who asks and leaves an [`OpContext`] in the request. A wrong token is refused here; no token at all is nobody.
pub async fn identify(
    State(orchestrator): State<Orchestrator>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    // The body cannot be shared between threads, so it stays out of what is awaited.
    let (parts, body) = request.into_parts();
    match context_of(&orchestrator, &parts, &request_id).await {
        Ok(cx) => {
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(cx);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn context_of(orchestrator: &Orchestrator, parts: &Parts, request_id: &str) -> Result<OpContext, Problem> {
    let headers = &parts.headers;
    let address = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or_else(String::new, |info| info.0.ip().to_string());
    let api = parts.uri.path().starts_with("/api/");
    let cx = OpContext::anonymous(request_id, door(headers, api), address);
    let failed = |error| Problem::new(error, &cx);
    if let Some(value) = bearer(headers) {
        let actor = orchestrator.actor_by_token(value).await.map_err(failed)?;
        let unknown = || {
            let message = "This API token is unknown, has ended or was revoked.";
            let mut problem = Problem::of(ErrorCode::Unauthenticated, message, request_id);
            problem.0.hint = Some("Log in again (prtcli login).".into());
            problem
        };
        return Ok(cx.with_actor(actor.ok_or_else(unknown)?));
    }
    let Some(session) = parts
        .extensions
        .get::<Session>()
        .filter(|_| headers.contains_key(header::COOKIE))
    else {
        return Ok(cx);
    };
    let user = session::user(session).await.map_err(|error| {
        tracing::error!(
            request.id = request_id,
            error = &error as &dyn std::error::Error,
            "a session cannot be read"
        );
        Problem::of(ErrorCode::Unavailable, "The session cannot be read.", request_id)
    })?;
    let Some(user) = user else { return Ok(cx) };
    Ok(match orchestrator.actor_by_user(user).await.map_err(failed)? {
        Some(actor) => cx.with_actor(actor),
        None => cx,
    })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, value) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| value.trim())
}

fn door(headers: &HeaderMap, api: bool) -> Door {
    match headers.get(DOOR).and_then(|value| value.to_str().ok()) {
        Some("cli") => Door::Cli,
        Some("sdk") => Door::Sdk,
        _ if api => Door::Api,
        _ => Door::Console,
    }
}

/// The context of a REST request.
pub struct Cx(pub OpContext);

impl<S: Send + Sync> FromRequestParts<S> for Cx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let missing = || Problem::of(ErrorCode::Internal, "The request has no context.", "");
        parts
            .extensions
            .get::<OpContext>()
            .cloned()
            .map(Self)
            .ok_or_else(missing)
    }
}

/// A JSON body; what does not fit is an `invalid_input` like any other.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let request_id = request
            .extensions()
            .get::<OpContext>()
            .map_or_else(String::new, |cx| cx.request_id.clone());
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                // axum says which extractor failed; the part after it says what is wrong with the body.
                let text = text
                    .rsplit_once("target type: ")
                    .map_or(text.as_str(), |(_, words)| words);
                Err(Problem::of(
                    ErrorCode::InvalidInput,
                    format!("The request cannot be read: {text}."),
                    &request_id,
                ))
            }
        }
    }
}

/// The same for server functions.
pub async fn context() -> Result<(Orchestrator, OpContext), AppError> {
    let parts = use_context::<Parts>();
    let orchestrator = use_context::<Orchestrator>();
    let cx = parts.and_then(|parts| parts.extensions.get::<OpContext>().cloned());
    orchestrator.zip(cx).ok_or_else(|| {
        app_error(
            prt_core::Error::bug("a server function ran outside of a request"),
            &OpContext::system("server function"),
        )
    })
}

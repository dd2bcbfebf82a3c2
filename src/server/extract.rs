//! Who asks: from session or bearer token to an [`OpContext`], once for each request.

use std::net::SocketAddr;

use axum::{
    Extension,
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::prelude::use_context;
use prt_core::{OpContext, Orchestrator};
use prt_types::{ErrorCode, Secret, access::Door};
use tower_sessions::Session;
use uuid::Uuid;

use super::{
    problem::{Problem, Refused, app_error},
    session,
    standing::Credential,
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

    /// The one that the outermost layer has given to the request.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(Self::generate)
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
        Ok((cx, credential)) => {
            let mut request = Request::from_parts(parts, body);
            if let Some(credential) = credential {
                if matches!(credential, Credential::Token(_)) {
                    // Such a request is not checked for where it comes from, so a browser's cookie must not count in it.
                    request.extensions_mut().remove::<Session>();
                }
                request.extensions_mut().insert(credential);
            }
            request.extensions_mut().insert(cx.clone());
            let object = format!("{} {}", request.method(), request.uri().path());
            let response = next.run(request).await;
            if let Some(why) = refusal(&cx, &response) {
                forbidden(&orchestrator, &cx, &object, &why).await;
            }
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// Why somebody known was refused, if they were.
fn refusal(cx: &OpContext, response: &Response) -> Option<String> {
    if response.status() != StatusCode::FORBIDDEN || cx.actor_opt().is_none() {
        return None;
    }
    let why = response.extensions().get::<Refused>();
    Some(why.map_or_else(|| "not allowed".to_owned(), |why| why.0.clone()))
}

/// Sees to it that each refusal of somebody known is in the audit log, also by operations that do not record their own.
async fn forbidden(orchestrator: &Orchestrator, cx: &OpContext, object: &str, why: &str) {
    if let Err(error) = orchestrator.audit_forbidden(cx, object, why).await {
        // It stays a refusal.
        tracing::error!(
            request.id = cx.request_id,
            error = &error as &dyn std::error::Error,
            "a refusal could not be recorded"
        );
    }
}

async fn context_of(
    orchestrator: &Orchestrator,
    parts: &Parts,
    request_id: &str,
) -> Result<(OpContext, Option<Credential>), Problem> {
    let headers = &parts.headers;
    let address = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or_else(String::new, |info| info.0.ip().to_string());
    let api = parts.uri.path().starts_with("/api/");
    let cx = OpContext::anonymous(request_id, door(headers, api), address);
    let failed = |error| Problem::new(error, &cx);
    if let Some(value) = bearer(headers) {
        if let Some(actor) = orchestrator.actor_by_token(value).await.map_err(failed)? {
            return Ok((cx.with_actor(actor), Some(Credential::Token(Secret::new(value)))));
        }
        let message = "This API token is unknown, has ended or was revoked.";
        refused(orchestrator, &cx, "token.use", parts, message).await;
        let mut problem = Problem::of(ErrorCode::Unauthenticated, message, request_id);
        problem.0.hint = Some("Log in again (prtcli login).".into());
        return Err(problem);
    }
    let Some(session) = parts
        .extensions
        .get::<Session>()
        .filter(|_| headers.contains_key(header::COOKIE))
    else {
        return Ok((cx, None));
    };
    let user = session::user(session).await.map_err(|error| {
        tracing::error!(
            request.id = request_id,
            error = &error as &dyn std::error::Error,
            "a session cannot be read"
        );
        Problem::of(ErrorCode::Unavailable, "The session cannot be read.", request_id)
    })?;
    let Some(user) = user else { return Ok((cx, None)) };
    Ok(match orchestrator.actor_by_user(user).await.map_err(failed)? {
        Some(actor) => (cx.with_actor(actor), session.id().map(Credential::Session)),
        None => (cx, None),
    })
}

/// Records a refusal that comes before any operation.
pub async fn refused(orchestrator: &Orchestrator, cx: &OpContext, action: &str, parts: &Parts, reason: &str) {
    let object = format!("{} {}", parts.method, parts.uri.path());
    if let Err(error) = orchestrator.audit_at_door(cx, action, &object, reason).await {
        // It stays a refusal.
        tracing::error!(
            request.id = cx.request_id,
            error = &error as &dyn std::error::Error,
            "a refusal could not be recorded"
        );
    }
}

/// The API token of a request, which is the only use of `Authorization`; what a proxy in front of the console asks for counts as none.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
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

/// The same for server functions, with the system itself.
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

//! Security contexts, addressed by name.

use axum::{Json, extract::State, http::StatusCode};
use prt_core::Orchestrator;
use prt_types::security_contexts::{SecurityContextInput, SecurityContextView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{
    extract::Cx,
    input::{Body, Path},
    problem::Problem,
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
}

/// All security contexts with what they produce. Admins only.
#[utoipa::path(get, path = "/security-contexts", operation_id = "security_context_list", tag = "security contexts", responses((status = OK, description = "The security contexts", body = Vec<SecurityContextView>)))]
async fn list(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<SecurityContextView>> {
    answer(orchestrator.security_context_list(&cx).await, &cx)
}

/// Makes a security context. Admins only.
#[utoipa::path(post, path = "/security-contexts", operation_id = "security_context_create", tag = "security contexts", request_body = SecurityContextInput, responses((status = CREATED, description = "The security context", body = SecurityContextView)))]
async fn create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<SecurityContextInput>,
) -> Result<(StatusCode, Json<SecurityContextView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.security_context_create(&cx, input).await, &cx)?,
    ))
}

/// One security context. Admins only.
#[utoipa::path(get, path = "/security-contexts/{name}", operation_id = "security_context_get", tag = "security contexts", params(("name" = String, Path)), responses((status = OK, description = "The security context", body = SecurityContextView)))]
async fn get(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
) -> Answer<SecurityContextView> {
    answer(orchestrator.security_context_get(&cx, &name).await, &cx)
}

/// Changes a security context; running workers keep what they have. Admins only.
#[utoipa::path(put, path = "/security-contexts/{name}", operation_id = "security_context_update", tag = "security contexts", params(("name" = String, Path)), request_body = SecurityContextInput, responses((status = OK, description = "The security context as it is now", body = SecurityContextView)))]
async fn update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Body(input): Body<SecurityContextInput>,
) -> Answer<SecurityContextView> {
    answer(orchestrator.security_context_update(&cx, &name, input).await, &cx)
}

/// Removes a security context that no worker size names. Admins only.
#[utoipa::path(delete, path = "/security-contexts/{name}", operation_id = "security_context_delete", tag = "security contexts", params(("name" = String, Path)), responses((status = NO_CONTENT, description = "The security context is gone")))]
async fn delete(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    orchestrator
        .security_context_delete(&cx, &name)
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

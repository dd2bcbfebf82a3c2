//! Worker sizes.

use axum::{Json, extract::State, http::StatusCode};
use prt_core::{Error, Orchestrator};
use prt_types::{
    ids::WorkerSizeId,
    worker_sizes::{WorkerSizeCloneRequest, WorkerSizeDetail, WorkerSizeInput, WorkerSizeView},
};
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
        .routes(routes!(list_all))
        .routes(routes!(get, update, delete))
        .routes(routes!(clone))
}

fn id(text: &str) -> prt_core::Result<WorkerSizeId> {
    text.parse().map_err(|_| Error::not_found("worker size", text))
}

/// The sizes that the asker may use.
#[utoipa::path(get, path = "/worker-sizes", operation_id = "worker_size_list", tag = "worker sizes", responses((status = OK, description = "The sizes", body = Vec<WorkerSizeView>)))]
async fn list(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<WorkerSizeView>> {
    answer(orchestrator.worker_size_list(&cx).await, &cx)
}

/// All sizes with who may use them. Admins only.
#[utoipa::path(get, path = "/worker-sizes/all", operation_id = "worker_size_list_all", tag = "worker sizes", responses((status = OK, description = "The sizes", body = Vec<WorkerSizeDetail>)))]
async fn list_all(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<WorkerSizeDetail>> {
    answer(orchestrator.worker_size_list_all(&cx).await, &cx)
}

/// Adds a size. Admins only.
#[utoipa::path(post, path = "/worker-sizes", operation_id = "worker_size_create", tag = "worker sizes", request_body = WorkerSizeInput, responses((status = CREATED, description = "The size", body = WorkerSizeDetail)))]
async fn create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<WorkerSizeInput>,
) -> Result<(StatusCode, Json<WorkerSizeDetail>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.worker_size_create(&cx, input).await, &cx)?,
    ))
}

/// One size. Admins only.
#[utoipa::path(get, path = "/worker-sizes/{id}", operation_id = "worker_size_get", tag = "worker sizes", params(("id" = String, Path)), responses((status = OK, description = "The size", body = WorkerSizeDetail)))]
async fn get(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Answer<WorkerSizeDetail> {
    let read = async { orchestrator.worker_size_get(&cx, id(&text)?).await };
    answer(read.await, &cx)
}

/// Changes a size; running workers keep what they have. Admins only.
#[utoipa::path(put, path = "/worker-sizes/{id}", operation_id = "worker_size_update", tag = "worker sizes", params(("id" = String, Path)), request_body = WorkerSizeInput, responses((status = OK, description = "The size as it is now", body = WorkerSizeDetail)))]
async fn update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
    Body(input): Body<WorkerSizeInput>,
) -> Answer<WorkerSizeDetail> {
    let changed = async { orchestrator.worker_size_update(&cx, id(&text)?, input).await };
    answer(changed.await, &cx)
}

/// Removes a size that no worker runs on. Admins only.
#[utoipa::path(delete, path = "/worker-sizes/{id}", operation_id = "worker_size_delete", tag = "worker sizes", params(("id" = String, Path)), responses((status = NO_CONTENT, description = "The size is gone")))]
async fn delete(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let deleted = async { orchestrator.worker_size_delete(&cx, id(&text)?).await };
    deleted
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

/// Adds a copy under another name; nobody has access to it at first. Admins only.
#[utoipa::path(post, path = "/worker-sizes/{id}/clone", operation_id = "worker_size_clone", tag = "worker sizes", params(("id" = String, Path)), request_body = WorkerSizeCloneRequest, responses((status = CREATED, description = "The copy", body = WorkerSizeDetail)))]
async fn clone(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
    Body(request): Body<WorkerSizeCloneRequest>,
) -> Result<(StatusCode, Json<WorkerSizeDetail>), Problem> {
    let cloned = async { orchestrator.worker_size_clone(&cx, id(&text)?, request).await };
    Ok((StatusCode::CREATED, answer(cloned.await, &cx)?))
}

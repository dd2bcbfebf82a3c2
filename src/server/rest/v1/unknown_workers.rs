//! Workers that the engine has and the database does not know. Admins only.

use axum::{Json, extract::State, http::StatusCode};
use prt_core::{Error, Orchestrator};
use prt_types::{
    ids::WorkerId,
    unknown_workers::{AdoptRequest, UnknownWorkerView},
    workers::WorkerView,
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
        .routes(routes!(list))
        .routes(routes!(remove))
        .routes(routes!(adopt))
}

fn id(text: &str) -> prt_core::Result<WorkerId> {
    text.parse().map_err(|_| Error::not_found("unknown worker", text))
}

/// Workers of this installation that the engine has and the database does not know. Admins only.
#[utoipa::path(get, path = "/unknown-workers", operation_id = "unknown_worker_list", tag = "unknown workers", responses((status = OK, description = "The workers, oldest first", body = Vec<UnknownWorkerView>)))]
async fn list(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<UnknownWorkerView>> {
    answer(orchestrator.unknown_workers(&cx).await, &cx)
}

/// Makes a record for a worker again, as the engine describes it. Admins only.
#[utoipa::path(post, path = "/unknown-workers/{id}/adopt", operation_id = "unknown_worker_adopt", tag = "unknown workers", params(("id" = String, Path)), request_body = AdoptRequest, responses((status = CREATED, description = "The worker, which answers soon if it runs", body = WorkerView)))]
async fn adopt(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
    Body(request): Body<AdoptRequest>,
) -> Result<(StatusCode, Json<WorkerView>), Problem> {
    let adopted = async { orchestrator.unknown_worker_adopt(&cx, id(&text)?, request).await };
    Ok((StatusCode::CREATED, answer(adopted.await, &cx)?))
}

/// Removes the containers and volumes of a worker. Admins only.
#[utoipa::path(delete, path = "/unknown-workers/{id}", operation_id = "unknown_worker_remove", tag = "unknown workers", params(("id" = String, Path)), responses((status = NO_CONTENT, description = "Its containers and volumes are gone")))]
async fn remove(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let removed = async { orchestrator.unknown_worker_remove(&cx, id(&text)?).await };
    removed
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

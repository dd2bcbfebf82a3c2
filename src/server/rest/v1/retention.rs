//! How long things are stored, and deleting what is older. Admins only.

use axum::extract::State;
use prt_core::Orchestrator;
use prt_types::retention::{RetentionRequest, RetentionRun, RetentionView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{extract::Cx, input::Body, state::AppState};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get)).routes(routes!(run))
}

/// The rules, what is stored, and what would be deleted now. Admins only.
#[utoipa::path(get, path = "/retention", operation_id = "retention_get", tag = "retention", responses((status = OK, description = "One rule for each kind", body = RetentionView)))]
async fn get(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<RetentionView> {
    answer(orchestrator.retention_get(&cx).await, &cx)
}

/// Deletes what is older than its rule; with `dry_run` it only says what that is. Admins only.
#[utoipa::path(post, path = "/retention/run", operation_id = "retention_run", tag = "retention", request_body = RetentionRequest, responses((status = OK, description = "What was deleted, or would be", body = RetentionRun)))]
async fn run(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(request): Body<RetentionRequest>,
) -> Answer<RetentionRun> {
    answer(orchestrator.retention_run(&cx, request).await, &cx)
}

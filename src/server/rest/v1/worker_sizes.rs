//! Worker sizes.

use axum::extract::State;
use prt_core::Orchestrator;
use prt_types::worker_sizes::WorkerSizeView;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{extract::Cx, state::AppState};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The sizes that the asker may use.
#[utoipa::path(get, path = "/worker-sizes", operation_id = "worker_size_list", tag = "workers", responses((status = OK, description = "The sizes", body = Vec<WorkerSizeView>)))]
async fn list(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<WorkerSizeView>> {
    answer(orchestrator.worker_size_list(&cx).await, &cx)
}

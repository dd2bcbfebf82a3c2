//! Notebooks.

use axum::extract::State;
use prt_core::Orchestrator;
use prt_types::workers::{NotebookLink, NotebookRequest};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{
    extract::Cx,
    input::{Body, Path},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(open))
}

/// A link into a worker's notebook, which works once and for a minute.
#[utoipa::path(post, path = "/workers/{name}/notebook", operation_id = "notebook_open", tag = "workers", params(("name" = String, Path)), request_body = NotebookRequest, responses((status = OK, description = "The link", body = NotebookLink)))]
async fn open(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Body(request): Body<NotebookRequest>,
) -> Answer<NotebookLink> {
    answer(orchestrator.notebook_open(&cx, &name, request.dark_mode).await, &cx)
}

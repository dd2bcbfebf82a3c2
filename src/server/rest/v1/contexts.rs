//! Build contexts that are sent to a builder worker.

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, State},
};
use prt_core::Orchestrator;
use prt_types::contexts::{ContextManifest, ContextView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer, worker_files::bytes};
use crate::server::{
    extract::Cx,
    input::{self, Path},
    state::AppState,
};

/// A list of half a million files.
const LARGEST_LIST: usize = 64 * 1024 * 1024;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(context_offer, context_put))
        .routes(routes!(context_fill))
        .layer(DefaultBodyLimit::max(LARGEST_LIST))
}

/// Offers a context by its list: says which contents the builder does not have. Without any a build can use it at once.
#[utoipa::path(post, path = "/workers/{name}/contexts", operation_id = "context_offer", tag = "contexts", params(("name" = String, Path)), request_body = ContextManifest, responses((status = OK, description = "Its id, and what is missing", body = ContextView)))]
async fn context_offer(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    input::Body(manifest): input::Body<ContextManifest>,
) -> Answer<ContextView> {
    answer(orchestrator.context_offer(&cx, &name, manifest).await, &cx)
}

/// Sends a whole context as a tar stream.
#[utoipa::path(put, path = "/workers/{name}/contexts", operation_id = "context_put", tag = "contexts", params(("name" = String, Path)), request_body(content_type = "application/x-tar"), responses((status = OK, description = "Its id", body = ContextView)))]
async fn context_put(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    body: Body,
) -> Answer<ContextView> {
    answer(orchestrator.context_put(&cx, &name, bytes(body)).await, &cx)
}

/// Sends missing contents of an offered context as a tar stream with a file for each, named by its SHA-256.
#[utoipa::path(put, path = "/workers/{name}/contexts/{id}", operation_id = "context_fill", tag = "contexts", params(("name" = String, Path), ("id" = String, Path)), request_body(content_type = "application/x-tar"), responses((status = OK, description = "Its id, and what is still missing", body = ContextView)))]
async fn context_fill(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path((name, id)): Path<(String, String)>,
    body: Body,
) -> Answer<ContextView> {
    answer(orchestrator.context_fill(&cx, &name, &id, bytes(body)).await, &cx)
}

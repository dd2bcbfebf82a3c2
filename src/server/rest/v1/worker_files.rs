//! The build folder of a worker.

use std::io;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::StatusCode,
};
use futures::StreamExt;
use prt_core::{Orchestrator, workers::ByteStream};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::server::{
    extract::Cx,
    input::{Path, Query},
    problem::Problem,
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(context_put))
        .routes(routes!(file_get, file_put))
}

/// A body of any size as it comes.
pub(super) fn bytes(body: Body) -> ByteStream {
    let chunks = body.into_data_stream();
    chunks.map(|chunk| chunk.map_err(io::Error::other)).boxed()
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct PathQuery {
    /// Relative to the build folder.
    path: String,
}

/// Replaces a folder below the build folder by the content of a tar stream. Refused while a build reads that folder.
#[utoipa::path(put, path = "/workers/{name}/context", operation_id = "worker_context_put", tag = "workers", params(("name" = String, Path), PathQuery), request_body(content_type = "application/x-tar"), responses((status = NO_CONTENT, description = "The files are in the build folder")))]
async fn context_put(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Query(query): Query<PathQuery>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let put = orchestrator
        .build_files_put(&cx, &name, &query.path, bytes(body), true)
        .await;
    put.map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

/// Reads a file of the build folder.
#[utoipa::path(get, path = "/workers/{name}/files", operation_id = "worker_file_get", tag = "workers", params(("name" = String, Path), PathQuery), responses((status = OK, description = "The file", content_type = "application/octet-stream")))]
async fn file_get(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Query(query): Query<PathQuery>,
) -> Result<Bytes, Problem> {
    orchestrator
        .build_file_get(&cx, &name, &query.path)
        .await
        .map_err(|error| Problem::new(error, &cx))
}

/// Writes a file of the build folder.
#[utoipa::path(put, path = "/workers/{name}/files", operation_id = "worker_file_put", tag = "workers", params(("name" = String, Path), PathQuery), request_body(content_type = "application/octet-stream"), responses((status = NO_CONTENT, description = "The file is in the build folder")))]
async fn file_put(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Query(query): Query<PathQuery>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let put = orchestrator.build_file_put(&cx, &name, &query.path, bytes(body)).await;
    put.map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

//! Workers.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use prt_core::Orchestrator;
use prt_types::workers::{ContainerRole, ExecRequest, ExecResult, TerminateRequest, WorkerConfig, WorkerView};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{
    extract::Cx,
    input::{Body, Path, Query},
    problem::Problem,
    state::AppState,
};

/// A wait longer than this is asked for again by the client.
const WAIT_MAX: u64 = 300;
const TAIL_DEFAULT: usize = 64 * 1024;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get))
        .routes(routes!(wait))
        .routes(routes!(terminate))
        .routes(routes!(logs))
        .routes(routes!(exec))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// With terminated ones.
    #[serde(default)]
    all: bool,
}

/// The asker's workers, newest first; all users' for an admin.
#[utoipa::path(get, path = "/workers", operation_id = "worker_list", tag = "workers", params(ListQuery), responses((status = OK, description = "The workers", body = Vec<WorkerView>)))]
async fn list(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Query(query): Query<ListQuery>,
) -> Answer<Vec<WorkerView>> {
    answer(orchestrator.worker_list(&cx, query.all).await, &cx)
}

/// Starts a worker. It comes back in Provisioning; ask `wait` for its readiness.
#[utoipa::path(post, path = "/workers", operation_id = "worker_create", tag = "workers", request_body = WorkerConfig, responses((status = CREATED, description = "The worker, which goes on starting", body = WorkerView)))]
async fn create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(config): Body<WorkerConfig>,
) -> Result<(StatusCode, Json<WorkerView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.worker_create(&cx, config).await, &cx)?,
    ))
}

/// One worker with its containers and events.
#[utoipa::path(get, path = "/workers/{name}", operation_id = "worker_get", tag = "workers", params(("name" = String, Path)), responses((status = OK, description = "The worker", body = WorkerView)))]
async fn get(State(orchestrator): State<Orchestrator>, Cx(cx): Cx, Path(name): Path<String>) -> Answer<WorkerView> {
    answer(orchestrator.worker_get(&cx, &name).await, &cx)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WaitQuery {
    /// At most so long; 60 if unset, 300 at most.
    timeout_s: Option<u64>,
}

/// The worker as soon as it answers, has failed or ended; as it is at the time limit.
#[utoipa::path(get, path = "/workers/{name}/wait", operation_id = "worker_wait", tag = "workers", params(("name" = String, Path), WaitQuery), responses((status = OK, description = "The worker as it is now", body = WorkerView)))]
async fn wait(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Query(query): Query<WaitQuery>,
) -> Answer<WorkerView> {
    let timeout = Duration::from_secs(query.timeout_s.unwrap_or(60).min(WAIT_MAX));
    answer(orchestrator.worker_wait(&cx, &name, timeout).await, &cx)
}

/// Removes a worker: containers, volumes, its token.
#[utoipa::path(post, path = "/workers/{name}/terminate", operation_id = "worker_terminate", tag = "workers", params(("name" = String, Path)), request_body = TerminateRequest, responses((status = OK, description = "The worker as it is now", body = WorkerView)))]
async fn terminate(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Body(request): Body<TerminateRequest>,
) -> Answer<WorkerView> {
    answer(orchestrator.worker_terminate(&cx, &name, request).await, &cx)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct LogsQuery {
    /// `primary` (the default) or `builder`.
    container: Option<ContainerRole>,
    /// At most so much of the end; 64 KiB if unset.
    tail_bytes: Option<usize>,
}

/// The end of a container's own output.
#[utoipa::path(get, path = "/workers/{name}/logs", operation_id = "worker_logs", tag = "workers", params(("name" = String, Path), LogsQuery), responses((status = OK, description = "The output", body = String, content_type = "text/plain")))]
async fn logs(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Result<String, Problem> {
    let role = query.container.unwrap_or(ContainerRole::Primary);
    let tail = query.tail_bytes.unwrap_or(TAIL_DEFAULT);
    orchestrator
        .worker_logs(&cx, &name, role, tail)
        .await
        .map_err(|error| Problem::new(error, &cx))
}

/// Runs a command in the primary container and waits for its end.
#[utoipa::path(post, path = "/workers/{name}/exec", operation_id = "worker_exec", tag = "workers", params(("name" = String, Path)), request_body = ExecRequest, responses((status = OK, description = "The exit code and the output", body = ExecResult)))]
async fn exec(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Body(request): Body<ExecRequest>,
) -> Answer<ExecResult> {
    answer(orchestrator.worker_exec(&cx, &name, request).await, &cx)
}

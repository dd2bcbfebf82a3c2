//! Builds.

use std::num::NonZeroU32;

use axum::{Json, extract::State, http::StatusCode};
use prt_core::{Orchestrator, builds::BuildQuery};
use prt_types::{
    builds::{BuildRequest, BuildStatus, BuildView, RerunRequest},
    retention::PinRequest,
};
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

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get))
        .routes(routes!(cancel))
        .routes(routes!(rerun))
        .routes(routes!(pin))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// In this worker.
    worker: Option<String>,
    /// In this status.
    status: Option<BuildStatus>,
    /// With a number below this one.
    before: Option<i64>,
    /// At most so many; 50 if unset.
    #[param(value_type = Option<u32>, minimum = 1)]
    limit: Option<NonZeroU32>,
}

/// The asker's builds, newest first; all users' for an admin.
#[utoipa::path(get, path = "/builds", operation_id = "build_list", tag = "builds", params(ListQuery), responses((status = OK, description = "The builds", body = Vec<BuildView>)))]
async fn list(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Query(query): Query<ListQuery>,
) -> Answer<Vec<BuildView>> {
    let ListQuery {
        worker,
        status,
        before,
        limit,
    } = query;
    answer(
        orchestrator
            .build_list(
                &cx,
                BuildQuery {
                    worker,
                    status,
                    before,
                    limit: limit.map_or(50, |limit| limit.get().into()),
                },
            )
            .await,
        &cx,
    )
}

/// Starts a build.
#[utoipa::path(post, path = "/builds", operation_id = "build_create", tag = "builds", request_body = BuildRequest, responses((status = CREATED, description = "The build, which goes on", body = BuildView)))]
async fn create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(request): Body<BuildRequest>,
) -> Result<(StatusCode, Json<BuildView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.build_create(&cx, request).await, &cx)?,
    ))
}

/// One build.
#[utoipa::path(get, path = "/builds/{number}", operation_id = "build_get", tag = "builds", params(("number" = i64, Path)), responses((status = OK, description = "The build", body = BuildView)))]
async fn get(State(orchestrator): State<Orchestrator>, Cx(cx): Cx, Path(number): Path<i64>) -> Answer<BuildView> {
    answer(orchestrator.build_get(&cx, number).await, &cx)
}

/// Asks for a build's end.
#[utoipa::path(post, path = "/builds/{number}/cancel", operation_id = "build_cancel", tag = "builds", params(("number" = i64, Path)), responses((status = OK, description = "The build as it is now", body = BuildView)))]
async fn cancel(State(orchestrator): State<Orchestrator>, Cx(cx): Cx, Path(number): Path<i64>) -> Answer<BuildView> {
    answer(orchestrator.build_cancel(&cx, number).await, &cx)
}

/// Runs a build's inputs again.
#[utoipa::path(post, path = "/builds/{number}/rerun", operation_id = "build_rerun", tag = "builds", params(("number" = i64, Path)), request_body = RerunRequest, responses((status = CREATED, description = "The new build, which goes on", body = BuildView)))]
async fn rerun(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(number): Path<i64>,
    Body(request): Body<RerunRequest>,
) -> Result<(StatusCode, Json<BuildView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.build_rerun(&cx, number, request).await, &cx)?,
    ))
}

/// Keeps a build and its log for ever, or as long as the retention rules say again.
#[utoipa::path(put, path = "/builds/{number}/pin", operation_id = "build_pin", tag = "builds", params(("number" = i64, Path)), request_body = PinRequest, responses((status = OK, description = "The build as it is now", body = BuildView)))]
async fn pin(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(number): Path<i64>,
    Body(request): Body<PinRequest>,
) -> Answer<BuildView> {
    answer(orchestrator.build_pin(&cx, number, request.pinned).await, &cx)
}

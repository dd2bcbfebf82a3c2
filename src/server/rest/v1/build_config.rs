//! The configuration of a worker's build service.

use std::time::Duration;

use axum::extract::State;
use prt_core::Orchestrator;
use prt_types::build_config::{BuildConfigInput, BuildConfigLint, BuildConfigText, BuildConfigView, WhenBusy};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{
    extract::Cx,
    input::{Body, Path, Query},
    state::AppState,
};

/// A wait longer than this is asked for again by the client.
const WAIT_MAX: u64 = 300;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get, update, reset))
        .routes(routes!(lint))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct GetQuery {
    /// Wait at most so long for the end of a change; 0 if unset, 300 at most.
    #[serde(default)]
    wait_s: u64,
}

/// The configuration, and where the latest change of it is.
#[utoipa::path(get, path = "/workers/{name}/build-config", operation_id = "build_config_get", tag = "build service", params(("name" = String, Path), GetQuery), responses((status = OK, description = "The configuration", body = BuildConfigView)))]
async fn get(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Query(query): Query<GetQuery>,
) -> Answer<BuildConfigView> {
    let timeout = Duration::from_secs(query.wait_s.min(WAIT_MAX));
    answer(orchestrator.build_config_wait(&cx, &name, timeout).await, &cx)
}

/// Tries a configuration and puts it in place, or leaves it to be put in place when the running build has ended. If it does not work,
/// the state is `failed` and the former configuration is in place.
#[utoipa::path(put, path = "/workers/{name}/build-config", operation_id = "build_config_update", tag = "build service", params(("name" = String, Path)), request_body = BuildConfigInput, responses((status = OK, description = "What came of it", body = BuildConfigView)))]
async fn update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Body(input): Body<BuildConfigInput>,
) -> Answer<BuildConfigView> {
    answer(orchestrator.build_config_update(&cx, &name, input).await, &cx)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ResetQuery {
    /// `wait` (the default) or `refuse`: what to do while a build runs.
    #[serde(default)]
    when_busy: WhenBusy,
}

/// Goes back to the configuration that the builder started with.
#[utoipa::path(delete, path = "/workers/{name}/build-config", operation_id = "build_config_reset", tag = "build service", params(("name" = String, Path), ResetQuery), responses((status = OK, description = "What came of it", body = BuildConfigView)))]
async fn reset(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Query(query): Query<ResetQuery>,
) -> Answer<BuildConfigView> {
    answer(orchestrator.build_config_reset(&cx, &name, query.when_busy).await, &cx)
}

/// What would be said of a text; changes nothing.
#[utoipa::path(post, path = "/workers/{name}/build-config/lint", operation_id = "build_config_lint", tag = "build service", params(("name" = String, Path)), request_body = BuildConfigText, responses((status = OK, description = "Findings, and the text as BuildKit would get it", body = BuildConfigLint)))]
async fn lint(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Body(text): Body<BuildConfigText>,
) -> Answer<BuildConfigLint> {
    answer(
        orchestrator.build_config_lint(&cx, &name, &text.config_content).await,
        &cx,
    )
}

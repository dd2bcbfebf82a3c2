//! Builders: images, the check of the host, and the cache of a worker's builder.

use axum::extract::State;
use prt_core::Orchestrator;
use prt_types::builders::{BuilderCache, BuildersView, Preflight, PrunedCache};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{extract::Cx, input::Path, state::AppState};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(preflight))
        .routes(routes!(cache))
        .routes(routes!(prune))
}

/// The builders' images and the last check of the host. Admins only.
#[utoipa::path(get, path = "/infrastructure/builders", tag = "builders", operation_id = "builders_get", responses((status = OK, description = "The builders", body = BuildersView)))]
async fn get(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<BuildersView> {
    answer(orchestrator.builders_get(&cx).await, &cx)
}

/// Looks, in a container with the restricted builder's rights, at what the host lacks. Admins only.
#[utoipa::path(post, path = "/infrastructure/builders/preflight", tag = "builders", operation_id = "builders_preflight", responses((status = OK, description = "What was found and what to do", body = Preflight)))]
async fn preflight(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Preflight> {
    answer(orchestrator.builders_preflight(&cx).await, &cx)
}

/// How large the cache of a worker's builder is.
#[utoipa::path(get, path = "/workers/{name}/cache", tag = "workers", operation_id = "worker_cache", params(("name" = String, Path)), responses((status = OK, description = "Its size", body = BuilderCache)))]
async fn cache(State(orchestrator): State<Orchestrator>, Cx(cx): Cx, Path(name): Path<String>) -> Answer<BuilderCache> {
    answer(orchestrator.worker_cache(&cx, &name).await, &cx)
}

/// Empties the cache of a worker's builder. Refused while a build runs there.
#[utoipa::path(post, path = "/workers/{name}/cache/prune", tag = "workers", operation_id = "worker_cache_prune", params(("name" = String, Path)), responses((status = OK, description = "What it freed", body = PrunedCache)))]
async fn prune(State(orchestrator): State<Orchestrator>, Cx(cx): Cx, Path(name): Path<String>) -> Answer<PrunedCache> {
    answer(orchestrator.worker_cache_prune(&cx, &name).await, &cx)
}

//! `/api/v1`: one file a resource. Handlers translate; everything else is core's.

mod access;
mod audit;
mod build_config;
mod build_events;
mod builders;
mod builds;
mod certificates;
mod container_images;
mod contexts;
mod named_secrets;
mod notebooks;
mod registry_credentials;
mod retention;
mod security_contexts;
mod server;
mod unknown_workers;
mod worker_files;
mod worker_sizes;
mod workers;

use axum::Json;
use prt_core::OpContext;
use utoipa_axum::router::OpenApiRouter;

use crate::server::{openapi, problem::Problem, state::AppState};

/// A JSON answer or an error.
type Answer<T> = Result<Json<T>, Problem>;

fn answer<T>(result: prt_core::Result<T>, cx: &OpContext) -> Answer<T> {
    result.map(Json).map_err(|error| Problem::new(error, cx))
}

/// All resources.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::base()).nest(
        "/api/v1",
        OpenApiRouter::new()
            .merge(access::router())
            .merge(audit::router())
            .merge(build_config::router())
            .merge(build_events::router())
            .merge(builders::router())
            .merge(builds::router())
            .merge(certificates::router())
            .merge(container_images::router())
            .merge(contexts::router())
            .merge(named_secrets::router())
            .merge(notebooks::router())
            .merge(registry_credentials::router())
            .merge(retention::router())
            .merge(security_contexts::router())
            .merge(server::router())
            .merge(unknown_workers::router())
            .merge(worker_files::router())
            .merge(worker_sizes::router())
            .merge(workers::router()),
    )
}

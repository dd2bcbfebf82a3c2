//! What this installation is, and its live changes.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt};
use prt_core::Orchestrator;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::server::{extract::Cx, problem::Problem, standing::Standing, state::AppState};

/// Between two signs of life on an event stream; proxies commonly cut after 30 s of silence.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(info)).routes(routes!(events))
}

/// What this installation is.
#[derive(Serialize, ToSchema)]
struct ServerInfo {
    /// Version of the console.
    version: String,
    /// Version of the platform's images, taken where an image has no tag.
    platform_version: String,
    /// Where short image names live.
    default_registry: String,
    /// Whether a new worker, build or rerun may be asked for again with the same `Idempotency-Key` header and is made once.
    idempotency_keys: bool,
}

/// What this installation is.
#[utoipa::path(get, path = "/server", operation_id = "server_info", tag = "server", security(()), responses((status = OK, description = "Versions and defaults", body = ServerInfo)))]
async fn info(State(orchestrator): State<Orchestrator>) -> Json<ServerInfo> {
    let info = orchestrator.info();
    Json(ServerInfo {
        version: info.version,
        platform_version: info.platform_version,
        default_registry: info.default_registry,
        idempotency_keys: true,
    })
}

/// Server-sent events `change`: a worker, a build or an image rule that the asker may see has changed.
#[utoipa::path(get, path = "/events", operation_id = "change_follow", tag = "server", responses((status = OK, description = "The stream", content_type = "text/event-stream")))]
async fn events(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    standing: Standing,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Problem> {
    let changes = orchestrator.changes(&cx).map_err(|error| Problem::new(error, &cx))?;
    let events = changes.filter_map(|change| {
        let event = Event::default().event("change").json_data(&change).ok();
        std::future::ready(event.map(Ok))
    });
    Ok(Sse::new(standing.confine(events)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

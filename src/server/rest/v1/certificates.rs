//! Private certificates for builders.

use axum::{extract::State, http::StatusCode};
use prt_core::Orchestrator;
use prt_types::certificates::{CertificatesInput, CertificatesView};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{
    extract::Cx,
    input::{Body, Query},
    problem::Problem,
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get, update, delete))
}

/// The bundle, what is in it, and the switch. Admins only.
#[utoipa::path(get, path = "/infrastructure/certificates", tag = "certificates", operation_id = "certificates_get", responses((status = OK, description = "The bundle and the switch", body = CertificatesView)))]
async fn get(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<CertificatesView> {
    answer(orchestrator.certificates_get(&cx).await, &cx)
}

/// Changes the bundle, the switch, or both. Admins only. Workers that run keep what they have.
#[utoipa::path(put, path = "/infrastructure/certificates", tag = "certificates", operation_id = "certificates_set", request_body = CertificatesInput, responses((status = OK, description = "Changed", body = CertificatesView)))]
async fn update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<CertificatesInput>,
) -> Answer<CertificatesView> {
    answer(orchestrator.certificates_set(&cx, input).await, &cx)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct RemoveQuery {
    /// Only if it is the current revision.
    revision: Option<i64>,
}

/// Removes the bundle and turns the switch off. Admins only. Workers that run keep what they have.
#[utoipa::path(delete, path = "/infrastructure/certificates", tag = "certificates", operation_id = "certificates_remove", params(RemoveQuery), responses((status = NO_CONTENT, description = "Removed")))]
async fn delete(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Query(query): Query<RemoveQuery>,
) -> Result<StatusCode, Problem> {
    orchestrator
        .certificates_remove(&cx, query.revision)
        .await
        .map(|_| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

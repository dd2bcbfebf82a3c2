//! The audit log.

use std::num::NonZeroU32;

use axum::extract::State;
use prt_core::Orchestrator;
use prt_types::{audit::AuditView, ids::AuditId};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{extract::Cx, input::Query, state::AppState};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Rows before this id.
    #[param(value_type = Option<String>)]
    before: Option<AuditId>,
    /// At most so many rows, up to 500.
    #[param(value_type = Option<u32>, minimum = 1)]
    limit: Option<NonZeroU32>,
}

/// Rows of the audit log, newest first. Admins only.
#[utoipa::path(get, path = "/audit", operation_id = "audit_list", tag = "audit", params(Page), responses((status = OK, description = "The rows", body = Vec<AuditView>)))]
async fn list(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Query(page): Query<Page>,
) -> Answer<Vec<AuditView>> {
    answer(
        orchestrator
            .audit_list(&cx, page.before, page.limit.map_or(100, |limit| limit.get().into()))
            .await,
        &cx,
    )
}

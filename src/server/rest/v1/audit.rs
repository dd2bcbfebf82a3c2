//! The audit log.

use axum::extract::{Query, State};
use prt_core::Orchestrator;
use prt_types::{audit::AuditView, ids::AuditId};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{extract::Cx, state::AppState};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Deserialize, IntoParams)]
struct Page {
    /// Rows before this id.
    #[param(value_type = Option<String>)]
    before: Option<AuditId>,
    /// At most so many rows, up to 500.
    limit: Option<i64>,
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
            .audit_list(&cx, page.before, page.limit.unwrap_or(100))
            .await,
        &cx,
    )
}

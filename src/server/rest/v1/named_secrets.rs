//! Secrets that workers get by their names.

use axum::{Json, extract::State, http::StatusCode};
use prt_core::{Error, Orchestrator};
use prt_types::{
    ids::NamedSecretId,
    named_secrets::{NamedSecretInput, NamedSecretView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{
    extract::Cx,
    input::{Body, Path},
    problem::Problem,
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
}

fn id(text: &str) -> prt_core::Result<NamedSecretId> {
    text.parse().map_err(|_| Error::not_found("secret", text))
}

/// The asker's own, and the shared ones that they may use or manage, without values.
#[utoipa::path(get, path = "/secrets", tag = "secrets", operation_id = "secret_list", responses((status = OK, description = "The secrets, by name", body = Vec<NamedSecretView>)))]
async fn list(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<NamedSecretView>> {
    answer(orchestrator.secret_list(&cx).await, &cx)
}

/// Keeps a secret: the asker's own; a shared one only by an admin.
#[utoipa::path(post, path = "/secrets", tag = "secrets", operation_id = "secret_create", request_body = NamedSecretInput, responses((status = CREATED, description = "Kept", body = NamedSecretView)))]
async fn create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<NamedSecretInput>,
) -> Result<(StatusCode, Json<NamedSecretView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.secret_create(&cx, input).await, &cx)?,
    ))
}

/// One secret, without its value.
#[utoipa::path(get, path = "/secrets/{id}", tag = "secrets", operation_id = "secret_get", params(("id" = String, Path)), responses((status = OK, description = "The secret", body = NamedSecretView)))]
async fn get(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Answer<NamedSecretView> {
    let read = async { orchestrator.secret_get(&cx, id(&text)?).await };
    answer(read.await, &cx)
}

/// Gives a secret another value or access. Without a value the stored one stays; running workers keep what they have.
#[utoipa::path(put, path = "/secrets/{id}", tag = "secrets", operation_id = "secret_update", params(("id" = String, Path)), request_body = NamedSecretInput, responses((status = OK, description = "Changed", body = NamedSecretView)))]
async fn update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
    Body(input): Body<NamedSecretInput>,
) -> Answer<NamedSecretView> {
    let changed = async { orchestrator.secret_update(&cx, id(&text)?, input).await };
    answer(changed.await, &cx)
}

/// Removes a secret. Running workers keep what they have.
#[utoipa::path(delete, path = "/secrets/{id}", tag = "secrets", operation_id = "secret_delete", params(("id" = String, Path)), responses((status = NO_CONTENT, description = "Removed")))]
async fn delete(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let deleted = async { orchestrator.secret_delete(&cx, id(&text)?).await };
    deleted
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

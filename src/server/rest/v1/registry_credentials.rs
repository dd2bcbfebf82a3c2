//! Kept registry credentials.

use axum::{Json, extract::State, http::StatusCode};
use prt_core::{Error, Orchestrator};
use prt_types::{
    ids::RegistryCredentialId,
    registry_credentials::{CredentialTest, RegistryCredentialInput, RegistryCredentialView},
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
        .routes(routes!(test))
}

fn id(text: &str) -> prt_core::Result<RegistryCredentialId> {
    text.parse().map_err(|_| Error::not_found("registry credential", text))
}

/// Those that the asker may use or manage, without passwords.
#[utoipa::path(get, path = "/registry-credentials", tag = "registry credentials", operation_id = "registry_credential_list", responses((status = OK, description = "The credentials, by name", body = Vec<RegistryCredentialView>)))]
async fn list(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<RegistryCredentialView>> {
    answer(orchestrator.registry_credential_list(&cx).await, &cx)
}

/// Keeps a credential: for the asker; for others only by an admin.
#[utoipa::path(post, path = "/registry-credentials", tag = "registry credentials", operation_id = "registry_credential_create", request_body = RegistryCredentialInput, responses((status = CREATED, description = "Kept", body = RegistryCredentialView)))]
async fn create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<RegistryCredentialInput>,
) -> Result<(StatusCode, Json<RegistryCredentialView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.registry_credential_create(&cx, input).await, &cx)?,
    ))
}

/// One credential, without its password.
#[utoipa::path(get, path = "/registry-credentials/{id}", tag = "registry credentials", operation_id = "registry_credential_get", params(("id" = String, Path)), responses((status = OK, description = "The credential", body = RegistryCredentialView)))]
async fn get(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Answer<RegistryCredentialView> {
    let read = async { orchestrator.registry_credential_get(&cx, id(&text)?).await };
    answer(read.await, &cx)
}

/// Changes a credential. Without a password the stored one stays, unless the host changes.
#[utoipa::path(put, path = "/registry-credentials/{id}", tag = "registry credentials", operation_id = "registry_credential_update", params(("id" = String, Path)), request_body = RegistryCredentialInput, responses((status = OK, description = "Changed", body = RegistryCredentialView)))]
async fn update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
    Body(input): Body<RegistryCredentialInput>,
) -> Answer<RegistryCredentialView> {
    let changed = async { orchestrator.registry_credential_update(&cx, id(&text)?, input).await };
    answer(changed.await, &cx)
}

/// Removes a credential. Refused while a Container Image uses it.
#[utoipa::path(delete, path = "/registry-credentials/{id}", tag = "registry credentials", operation_id = "registry_credential_delete", params(("id" = String, Path)), responses((status = NO_CONTENT, description = "Removed")))]
async fn delete(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let deleted = async { orchestrator.registry_credential_delete(&cx, id(&text)?).await };
    deleted
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

/// Asks the registry whether the login works.
#[utoipa::path(post, path = "/registry-credentials/{id}/test", tag = "registry credentials", operation_id = "registry_credential_test", params(("id" = String, Path)), responses((status = OK, description = "What the registry says", body = CredentialTest)))]
async fn test(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Answer<CredentialTest> {
    let tested = async { orchestrator.registry_credential_test(&cx, id(&text)?).await };
    answer(tested.await, &cx)
}

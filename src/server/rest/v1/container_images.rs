//! Container Image rules.

use axum::{Json, extract::State, http::StatusCode};
use prt_core::{Error, Orchestrator};
use prt_types::{
    container_images::{ContainerImageInput, ContainerImageView, ImageCheck, ImageChoice},
    ids::ContainerImageId,
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
        .routes(routes!(check))
        .routes(routes!(choices))
        .routes(routes!(get, update, delete))
}

fn id(text: &str) -> prt_core::Result<ContainerImageId> {
    text.parse().map_err(|_| Error::not_found("container image", text))
}

/// All rules. Admins only.
#[utoipa::path(get, path = "/container-images", operation_id = "container_image_list", tag = "container images", responses((status = OK, description = "The rules", body = Vec<ContainerImageView>)))]
async fn list(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<ContainerImageView>> {
    answer(orchestrator.container_image_list(&cx).await, &cx)
}

/// Adds a rule. Admins only.
#[utoipa::path(post, path = "/container-images", operation_id = "container_image_create", tag = "container images", request_body = ContainerImageInput, responses((status = CREATED, description = "The rule", body = ContainerImageView)))]
async fn create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<ContainerImageInput>,
) -> Result<(StatusCode, Json<ContainerImageView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.container_image_create(&cx, input).await, &cx)?,
    ))
}

/// One rule. Admins only.
#[utoipa::path(get, path = "/container-images/{id}", operation_id = "container_image_get", tag = "container images", params(("id" = String, Path)), responses((status = OK, description = "The rule", body = ContainerImageView)))]
async fn get(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Answer<ContainerImageView> {
    let read = async { orchestrator.container_image_get(&cx, id(&text)?).await };
    answer(read.await, &cx)
}

/// Changes a rule. Admins only.
#[utoipa::path(put, path = "/container-images/{id}", operation_id = "container_image_update", tag = "container images", params(("id" = String, Path)), request_body = ContainerImageInput, responses((status = OK, description = "The rule as it is now", body = ContainerImageView)))]
async fn update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
    Body(input): Body<ContainerImageInput>,
) -> Answer<ContainerImageView> {
    let changed = async { orchestrator.container_image_update(&cx, id(&text)?, input).await };
    answer(changed.await, &cx)
}

/// Removes a rule. Admins only.
#[utoipa::path(delete, path = "/container-images/{id}", operation_id = "container_image_delete", tag = "container images", params(("id" = String, Path)), responses((status = NO_CONTENT, description = "The rule is gone")))]
async fn delete(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let deleted = async { orchestrator.container_image_delete(&cx, id(&text)?).await };
    deleted
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct CheckQuery {
    /// Short or full image name.
    image: String,
}

/// What an image name means, and whether the asker may run it.
#[utoipa::path(get, path = "/container-images/check", operation_id = "container_image_check", tag = "container images", params(CheckQuery), responses((status = OK, description = "The full name and the decision", body = ImageCheck)))]
async fn check(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Query(query): Query<CheckQuery>,
) -> Answer<ImageCheck> {
    answer(orchestrator.image_check(&cx, &query.image).await, &cx)
}

/// Images that the asker may run, for pickers.
#[utoipa::path(get, path = "/container-images/choices", operation_id = "container_image_choices", tag = "container images", responses((status = OK, description = "The images", body = Vec<ImageChoice>)))]
async fn choices(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<ImageChoice>> {
    answer(orchestrator.image_choices(&cx).await, &cx)
}

//! Logins, API tokens, users and groups.

use axum::{Json, extract::State, http::StatusCode};
use prt_core::Orchestrator;
use prt_types::{
    access::{
        GroupInput, GroupView, LoginRequest, Me, TokenCreated, TokenInput, TokenScope, TokenView, UserInput, UserView,
    },
    ids::TokenId,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{
    extract::Cx,
    input::{Body, Path},
    problem::Problem,
    state::AppState,
};

/// Life of the token that a login makes.
const LOGIN_DAYS: u32 = 30;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(me))
        .routes(routes!(tokens, token_create))
        .routes(routes!(token_revoke))
        .routes(routes!(users, user_create))
        .routes(routes!(groups, group_create))
        .routes(routes!(group_update))
}

/// Logs in with name and password: gives an API token for 30 days.
#[utoipa::path(post, path = "/login", operation_id = "login", tag = "access", security(()), request_body = LoginRequest, responses((status = OK, description = "The API token", body = TokenCreated)))]
async fn login(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(request): Body<LoginRequest>,
) -> Answer<TokenCreated> {
    let made = async {
        let actor = orchestrator.login(&cx, request).await?;
        let input = TokenInput {
            name: "login".into(),
            expires_in_days: Some(LOGIN_DAYS),
            scope: TokenScope::Full,
            worker: None,
        };
        orchestrator.token_create(&cx.clone().with_actor(actor), input).await
    };
    answer(made.await, &cx)
}

/// Who asks.
#[utoipa::path(get, path = "/me", operation_id = "me", tag = "access", responses((status = OK, description = "Who asks", body = Me)))]
async fn me(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Me> {
    answer(orchestrator.me(&cx).await, &cx)
}

/// The asker's API tokens.
#[utoipa::path(get, path = "/tokens", operation_id = "token_list", tag = "access", responses((status = OK, description = "The tokens, without their values", body = Vec<TokenView>)))]
async fn tokens(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<TokenView>> {
    answer(orchestrator.token_list(&cx).await, &cx)
}

/// Makes an API token; its value is in this answer only.
#[utoipa::path(post, path = "/tokens", operation_id = "token_create", tag = "access", request_body = TokenInput, responses((status = CREATED, description = "The token, with its value", body = TokenCreated)))]
async fn token_create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<TokenInput>,
) -> Result<(StatusCode, Json<TokenCreated>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.token_create(&cx, input).await, &cx)?,
    ))
}

/// Ends an API token of the asker.
#[utoipa::path(delete, path = "/tokens/{id}", operation_id = "token_revoke", tag = "access", params(("id" = String, Path)), responses((status = NO_CONTENT, description = "The token has ended")))]
async fn token_revoke(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let revoked = async {
        let id: TokenId = id.parse().map_err(|_| prt_core::Error::not_found("token", &id))?;
        orchestrator.token_revoke(&cx, id).await
    };
    revoked
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| Problem::new(error, &cx))
}

/// All users. Admins only.
#[utoipa::path(get, path = "/users", operation_id = "user_list", tag = "access", responses((status = OK, description = "The users", body = Vec<UserView>)))]
async fn users(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<UserView>> {
    answer(orchestrator.user_list(&cx).await, &cx)
}

/// Makes a user. Admins only.
#[utoipa::path(post, path = "/users", operation_id = "user_create", tag = "access", request_body = UserInput, responses((status = CREATED, description = "The user", body = UserView)))]
async fn user_create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<UserInput>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.user_create(&cx, input).await, &cx)?,
    ))
}

/// All groups. Admins only.
#[utoipa::path(get, path = "/groups", operation_id = "group_list", tag = "access", responses((status = OK, description = "The groups", body = Vec<GroupView>)))]
async fn groups(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<GroupView>> {
    answer(orchestrator.group_list(&cx).await, &cx)
}

/// Makes a group. Admins only.
#[utoipa::path(post, path = "/groups", operation_id = "group_create", tag = "access", request_body = GroupInput, responses((status = CREATED, description = "The group", body = GroupView)))]
async fn group_create(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Body(input): Body<GroupInput>,
) -> Result<(StatusCode, Json<GroupView>), Problem> {
    Ok((
        StatusCode::CREATED,
        answer(orchestrator.group_create(&cx, input).await, &cx)?,
    ))
}

/// Replaces the members of a group. Admins only.
#[utoipa::path(put, path = "/groups/{name}", operation_id = "group_update", tag = "access", params(("name" = String, Path)), request_body = GroupInput, responses((status = OK, description = "The group as it is now", body = GroupView)))]
async fn group_update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Body(input): Body<GroupInput>,
) -> Answer<GroupView> {
    answer(orchestrator.group_update(&cx, &name, input).await, &cx)
}

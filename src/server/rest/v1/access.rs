//! Logins, API tokens, users and groups.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use prt_core::Orchestrator;
use prt_types::{
    access::{GroupInput, GroupView, LoginRequest, Me, TokenCreated, TokenInput, TokenView, UserInput, UserView},
    ids::TokenId,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer};
use crate::server::{
    extract::{Body, Cx},
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
#[utoipa::path(post, path = "/login", tag = "access", security(()), request_body = LoginRequest, responses((status = OK, body = TokenCreated)))]
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
        };
        orchestrator.token_create(&cx.clone().with_actor(actor), input).await
    };
    answer(made.await, &cx)
}

/// Who asks.
#[utoipa::path(get, path = "/me", tag = "access", responses((status = OK, body = Me)))]
async fn me(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Me> {
    answer(orchestrator.me(&cx).await, &cx)
}

/// The asker's API tokens.
#[utoipa::path(get, path = "/tokens", tag = "access", responses((status = OK, body = Vec<TokenView>)))]
async fn tokens(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<TokenView>> {
    answer(orchestrator.token_list(&cx).await, &cx)
}

/// Makes an API token; its value is in this answer only.
#[utoipa::path(post, path = "/tokens", tag = "access", request_body = TokenInput, responses((status = CREATED, body = TokenCreated)))]
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
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", params(("id" = String, Path)), responses((status = NO_CONTENT)))]
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
#[utoipa::path(get, path = "/users", tag = "access", responses((status = OK, body = Vec<UserView>)))]
async fn users(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<UserView>> {
    answer(orchestrator.user_list(&cx).await, &cx)
}

/// Makes a user. Admins only.
#[utoipa::path(post, path = "/users", tag = "access", request_body = UserInput, responses((status = CREATED, body = UserView)))]
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
#[utoipa::path(get, path = "/groups", tag = "access", responses((status = OK, body = Vec<GroupView>)))]
async fn groups(State(orchestrator): State<Orchestrator>, Cx(cx): Cx) -> Answer<Vec<GroupView>> {
    answer(orchestrator.group_list(&cx).await, &cx)
}

/// Makes a group. Admins only.
#[utoipa::path(post, path = "/groups", tag = "access", request_body = GroupInput, responses((status = CREATED, body = GroupView)))]
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
#[utoipa::path(put, path = "/groups/{name}", tag = "access", params(("name" = String, Path)), request_body = GroupInput, responses((status = OK, body = GroupView)))]
async fn group_update(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Body(input): Body<GroupInput>,
) -> Answer<GroupView> {
    answer(orchestrator.group_update(&cx, &name, input).await, &cx)
}

//! Logins, tokens, users, groups and the audit log.

use prt_types::{
    access::{GroupInput, GroupView, LoginRequest, Me, TokenCreated, TokenInput, TokenView, UserInput, UserView},
    audit::AuditView,
    ids::{AuditId, TokenId},
};
use reqwest::Method;

use crate::{Client, Result, request::with_query};

impl Client {
    /// Trades name and password for an API token.
    pub async fn login(&self, login: &LoginRequest) -> Result<TokenCreated> {
        self.send(Method::POST, self.url(&["login"]), login).await
    }

    /// Who the token belongs to.
    pub async fn me(&self) -> Result<Me> {
        self.get(self.url(&["me"])).await
    }

    /// The asker's tokens.
    pub async fn tokens(&self) -> Result<Vec<TokenView>> {
        self.get(self.url(&["tokens"])).await
    }

    /// Makes a token.
    pub async fn token_create(&self, input: &TokenInput) -> Result<TokenCreated> {
        self.send(Method::POST, self.url(&["tokens"]), input).await
    }

    /// Revokes a token.
    pub async fn token_delete(&self, id: TokenId) -> Result<()> {
        self.delete(self.url(&["tokens", &id.to_string()])).await
    }

    /// All users.
    pub async fn users(&self) -> Result<Vec<UserView>> {
        self.get(self.url(&["users"])).await
    }

    /// Makes a user.
    pub async fn user_create(&self, input: &UserInput) -> Result<UserView> {
        self.send(Method::POST, self.url(&["users"]), input).await
    }

    /// All groups.
    pub async fn groups(&self) -> Result<Vec<GroupView>> {
        self.get(self.url(&["groups"])).await
    }

    /// Makes a group.
    pub async fn group_create(&self, input: &GroupInput) -> Result<GroupView> {
        self.send(Method::POST, self.url(&["groups"]), input).await
    }

    /// Replaces a group's members.
    pub async fn group_update(&self, name: &str, input: &GroupInput) -> Result<GroupView> {
        self.send(Method::PUT, self.url(&["groups", name]), input).await
    }

    /// The audit log, newest first.
    pub async fn audit(&self, limit: Option<u32>, before: Option<AuditId>) -> Result<Vec<AuditView>> {
        let url = with_query(self.url(&["audit"]), "limit", limit);
        self.get(with_query(url, "before", before)).await
    }
}

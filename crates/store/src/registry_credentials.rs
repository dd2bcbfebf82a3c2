//! Kept registry credentials.

use async_trait::async_trait;
use prt_core::store::{Grantee, RegistryCredential, RegistryCredentialRepository, StoreResult};
use prt_types::ids::{GroupId, RegistryCredentialId, UserId};
use sqlx::any::AnyRow;

use crate::{
    error::changed,
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

const SELECT: &str = "SELECT id, name, host, username, password_sealed, user_id, group_id, stored_by, expires_ms, last_used_ms, \
    revision, created_ms, updated_ms FROM registry_credentials";

const INSERT: &str = "INSERT INTO registry_credentials (id, name, host, username, password_sealed, user_id, group_id, expires_ms, \
    revision, updated_ms, stored_by, created_ms, last_used_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

const UPDATE: &str = "UPDATE registry_credentials SET name = $2, host = $3, username = $4, password_sealed = $5, user_id = $6, \
    group_id = $7, expires_ms = $8, revision = $9, updated_ms = $10, stored_by = $11 WHERE id = $1 AND revision = $9 - 1";

fn read(row: &AnyRow) -> StoreResult<RegistryCredential> {
    let row = Row::of("registry_credentials", row);
    let owner = match (row.maybe_id("user_id")?, row.maybe_id("group_id")?) {
        (Some(user), None) => Grantee::User(user),
        (None, Some(group)) => Grantee::Group(group),
        (None, None) | (Some(_), Some(_)) => return Err(row.corrupt("user_id")),
    };
    Ok(RegistryCredential {
        id: row.id("id")?,
        name: row.text("name")?,
        host: row.text("host")?,
        username: row.text("username")?,
        password_sealed: row
            .maybe_bytes("password_sealed")?
            .ok_or_else(|| row.corrupt("password_sealed"))?,
        owner,
        stored_by: row.maybe_id("stored_by")?,
        expires_ms: row.maybe_int("expires_ms")?,
        last_used_ms: row.maybe_int("last_used_ms")?,
        revision: row.int("revision")?,
        created_ms: row.int("created_ms")?,
        updated_ms: row.int("updated_ms")?,
    })
}

/// `$1` to `$11`.
fn bind(statement: Statement, credential: &RegistryCredential) -> Statement {
    let (user, group): (Option<UserId>, Option<GroupId>) = match credential.owner {
        Grantee::User(id) => (Some(id), None),
        Grantee::Group(id) => (None, Some(id)),
    };
    statement
        .id(credential.id)
        .text(&credential.name)
        .text(&credential.host)
        .text(&credential.username)
        .maybe_bytes(Some(&credential.password_sealed))
        .maybe_id(user)
        .maybe_id(group)
        .maybe_int(credential.expires_ms)
        .int(credential.revision)
        .int(credential.updated_ms)
        .maybe_id(credential.stored_by)
}

#[async_trait]
impl RegistryCredentialRepository for AnyRepository {
    async fn registry_credential_add(&mut self, credential: &RegistryCredential) -> StoreResult<()> {
        let insert = bind(sql(INSERT), credential)
            .int(credential.created_ms)
            .maybe_int(credential.last_used_ms);
        self.run(insert).await.map(drop)
    }

    async fn registry_credential_update(&mut self, credential: &RegistryCredential) -> StoreResult<bool> {
        Ok(self.run(bind(sql(UPDATE), credential)).await? > 0)
    }

    async fn registry_credential_remove(&mut self, id: RegistryCredentialId) -> StoreResult<bool> {
        Ok(self
            .run(sql("DELETE FROM registry_credentials WHERE id = $1").id(id))
            .await?
            > 0)
    }

    async fn registry_credential(&mut self, id: RegistryCredentialId) -> StoreResult<Option<RegistryCredential>> {
        self.one(sql(SELECT).push(" WHERE id = $1").id(id), read).await
    }

    async fn registry_credential_by_name(&mut self, name: &str) -> StoreResult<Option<RegistryCredential>> {
        self.one(sql(SELECT).push(" WHERE name = $1").text(name), read).await
    }

    async fn registry_credentials(&mut self) -> StoreResult<Vec<RegistryCredential>> {
        let mut credentials = self.all(sql(SELECT), read).await?;
        // Sorted here: Postgres would sort by the rules of the language that the database was made with.
        credentials.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(credentials)
    }

    async fn registry_credential_used(&mut self, id: RegistryCredentialId, at_ms: i64) -> StoreResult<()> {
        let update = sql("UPDATE registry_credentials SET last_used_ms = $2 WHERE id = $1")
            .id(id)
            .int(at_ms);
        changed(self.run(update).await?, "registry credential")
    }
}

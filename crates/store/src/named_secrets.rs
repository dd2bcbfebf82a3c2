//! Named secrets with their grants.

use async_trait::async_trait;
use prt_core::store::{NamedSecret, NamedSecretRepository, StoreResult};
use prt_types::ids::{NamedSecretId, UserId};
use sqlx::any::AnyRow;

use crate::{
    error::changed,
    grants::OF_NAMED_SECRETS,
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

const SELECT: &str =
    "SELECT id, name, user_id, value_sealed, last_used_ms, revision, created_ms, updated_ms FROM named_secrets";

const INSERT: &str = "INSERT INTO named_secrets (id, value_sealed, revision, updated_ms, name, user_id, last_used_ms, created_ms) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// All but what makes it this secret: id, name and owner.
const UPDATE: &str =
    "UPDATE named_secrets SET value_sealed = $2, revision = $3, updated_ms = $4 WHERE id = $1 AND revision = $3 - 1";

/// Without its grants.
fn read(row: &AnyRow) -> StoreResult<NamedSecret> {
    let row = Row::of("named_secrets", row);
    Ok(NamedSecret {
        id: row.id("id")?,
        name: row.text("name")?,
        owner: row.maybe_id("user_id")?,
        value_sealed: row
            .maybe_bytes("value_sealed")?
            .ok_or_else(|| row.corrupt("value_sealed"))?,
        grants: Vec::new(),
        last_used_ms: row.maybe_int("last_used_ms")?,
        revision: row.int("revision")?,
        created_ms: row.int("created_ms")?,
        updated_ms: row.int("updated_ms")?,
    })
}

/// `$1` to `$4`.
fn bind(statement: Statement, secret: &NamedSecret) -> Statement {
    statement
        .id(secret.id)
        .maybe_bytes(Some(&secret.value_sealed))
        .int(secret.revision)
        .int(secret.updated_ms)
}

#[async_trait]
impl NamedSecretRepository for AnyRepository {
    async fn named_secret_add(&mut self, secret: &NamedSecret) -> StoreResult<()> {
        let insert = bind(sql(INSERT), secret)
            .text(&secret.name)
            .maybe_id(secret.owner)
            .maybe_int(secret.last_used_ms)
            .int(secret.created_ms);
        self.run(insert).await?;
        self.grants_set(&OF_NAMED_SECRETS, secret.id, &secret.grants).await
    }

    async fn named_secret_update(&mut self, secret: &NamedSecret) -> StoreResult<bool> {
        if self.run(bind(sql(UPDATE), secret)).await? == 0 {
            return Ok(false);
        }
        self.grants_set(&OF_NAMED_SECRETS, secret.id, &secret.grants).await?;
        Ok(true)
    }

    async fn named_secret_remove(&mut self, id: NamedSecretId) -> StoreResult<bool> {
        Ok(self.run(sql("DELETE FROM named_secrets WHERE id = $1").id(id)).await? > 0)
    }

    async fn named_secret(&mut self, id: NamedSecretId) -> StoreResult<Option<NamedSecret>> {
        let Some(mut secret) = self.one(sql(SELECT).push(" WHERE id = $1").id(id), read).await? else {
            return Ok(None);
        };
        secret.grants = self.grants_of(&OF_NAMED_SECRETS, id).await?;
        Ok(Some(secret))
    }

    async fn named_secrets(&mut self, owner: UserId) -> StoreResult<Vec<NamedSecret>> {
        let select = sql(SELECT).push(" WHERE user_id IS NULL OR user_id = $1").id(owner);
        let mut secrets = self.all(select, read).await?;
        let mut grants = self.grants_all(&OF_NAMED_SECRETS).await?;
        for secret in &mut secrets {
            secret.grants = grants.remove(&secret.id.to_string()).unwrap_or_default();
        }
        // Sorted here: Postgres would sort names by the rules of the language that the database was made with.
        secrets.sort_by(|a, b| (&a.name, a.owner).cmp(&(&b.name, b.owner)));
        Ok(secrets)
    }

    async fn named_secret_used(&mut self, id: NamedSecretId, at_ms: i64) -> StoreResult<()> {
        let update = sql("UPDATE named_secrets SET last_used_ms = $2 WHERE id = $1")
            .id(id)
            .int(at_ms);
        changed(self.run(update).await?, "secret")
    }
}

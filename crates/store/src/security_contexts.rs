//! Security contexts that admins made.

use async_trait::async_trait;
use prt_core::store::{OwnSecurityContext, SecurityContextRepository, StoreResult};
use sqlx::any::AnyRow;

use crate::{
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

const SELECT: &str = "SELECT name, description, rights, revision, created_ms, updated_ms FROM security_contexts";

const INSERT: &str = "INSERT INTO security_contexts (name, description, rights, revision, updated_ms, created_ms) \
    VALUES ($1, $2, $3, $4, $5, $6)";

const UPDATE: &str = "UPDATE security_contexts SET description = $2, rights = $3, revision = $4, updated_ms = $5 \
    WHERE name = $1 AND revision = $4 - 1";

fn read(row: &AnyRow) -> StoreResult<OwnSecurityContext> {
    let row = Row::of("security_contexts", row);
    Ok(OwnSecurityContext {
        name: row.text("name")?,
        description: row.text("description")?,
        rights: row.json("rights")?,
        revision: row.int("revision")?,
        created_ms: row.int("created_ms")?,
        updated_ms: row.int("updated_ms")?,
    })
}

/// `$1` to `$5`.
fn bind(statement: Statement, context: &OwnSecurityContext) -> StoreResult<Statement> {
    Ok(statement
        .text(&context.name)
        .text(&context.description)
        .json(&context.rights)?
        .int(context.revision)
        .int(context.updated_ms))
}

#[async_trait]
impl SecurityContextRepository for AnyRepository {
    async fn security_context_add(&mut self, context: &OwnSecurityContext) -> StoreResult<()> {
        self.run(bind(sql(INSERT), context)?.int(context.created_ms))
            .await
            .map(drop)
    }

    async fn security_context_update(&mut self, context: &OwnSecurityContext) -> StoreResult<bool> {
        Ok(self.run(bind(sql(UPDATE), context)?).await? > 0)
    }

    async fn security_context_remove(&mut self, name: &str) -> StoreResult<bool> {
        let delete = sql("DELETE FROM security_contexts WHERE name = $1").text(name);
        Ok(self.run(delete).await? > 0)
    }

    async fn security_context(&mut self, name: &str) -> StoreResult<Option<OwnSecurityContext>> {
        self.one(sql(SELECT).push(" WHERE name = $1").text(name), read).await
    }

    async fn security_contexts(&mut self) -> StoreResult<Vec<OwnSecurityContext>> {
        let mut contexts = self.all(sql(SELECT), read).await?;
        // Sorted here: Postgres would sort names by the rules of the language that the database was made with.
        contexts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(contexts)
    }
}

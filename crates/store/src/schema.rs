//! The tables: whether there are any, and bringing them up to date.

use prt_core::store::{SchemaProblem, StoreError, StoreResult};
use sqlx::migrate::{MigrateError, Migrator};

use crate::{
    connect::{AnyStore, Kind},
    error::store_error,
    statement::sql,
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

impl AnyStore {
    /// Whether nothing was ever stored in this database.
    pub async fn is_new(&self) -> StoreResult<bool> {
        let tables = match self.kind {
            Kind::Sqlite => "SELECT name FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Kind::Postgres => {
                "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() AND tablename = '_sqlx_migrations'"
            }
        };
        let found = sql(tables).into_query().fetch_optional(&self.read).await;
        Ok(found.map_err(store_error)?.is_none())
    }

    /// Brings the tables up to date; does nothing if they are.
    pub async fn migrate(&self) -> StoreResult<()> {
        MIGRATIONS.run(&self.write).await.map_err(schema_error)
    }
}

/// The library's words name numbers only.
fn schema_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::Schema(SchemaProblem::Newer),
        MigrateError::VersionMismatch(version) => StoreError::Schema(SchemaProblem::Different(version)),
        MigrateError::Dirty(version) => StoreError::Schema(SchemaProblem::HalfDone(version)),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        other => StoreError::Other(Box::new(other)),
    }
}

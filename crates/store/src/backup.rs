//! Copies of a database.

use std::path::Path;

use prt_core::store::{StoreError, StoreResult};
use sqlx::{AnyConnection, Connection, Executor};

use crate::{
    connect::{AnyStore, PATIENCE},
    error::{Fault, store_error},
    statement::sql,
};

impl AnyStore {
    /// Writes the database, as it is at this moment, into a new file. Only SQLite; a server has tools of its own for this.
    pub async fn copy_into(&self, file: &Path) -> StoreResult<()> {
        if self.file.is_none() {
            return Err(Fault::Url("only a SQLite database is copied into a file").into());
        }
        let path = file.to_str().ok_or(Fault::Url("the path of the copy is not UTF-8"))?;
        // A connection of its own: those of the pools may only read, or hold the writer up.
        let opened = tokio::time::timeout(PATIENCE, AnyConnection::connect_with(&self.options)).await;
        let opened = opened.map_err(|late| StoreError::Connection(Box::new(late)))?;
        let mut connection = opened.map_err(store_error)?;
        connection
            .execute("PRAGMA busy_timeout = 10000;")
            .await
            .map_err(store_error)?;
        sql("VACUUM INTO $1")
            .text(path)
            .into_query()
            .execute(&mut connection)
            .await
            .map_err(store_error)?;
        connection.close().await.map_err(store_error)
    }

    /// Whether its pages and indices fit together; what is wrong otherwise.
    pub async fn check(&self) -> StoreResult<()> {
        if self.file.is_none() {
            return Ok(());
        }
        let rows = sql("PRAGMA quick_check(1)").into_query().fetch_all(&self.read).await;
        let words: Vec<String> = rows
            .map_err(store_error)?
            .iter()
            .filter_map(|row| sqlx::Row::try_get(row, 0).ok())
            .collect();
        if words.iter().all(|word| word == "ok") {
            Ok(())
        } else {
            Err(StoreError::Damaged(words.join("; ").into()))
        }
    }
}

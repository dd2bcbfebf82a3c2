//! One transaction, through which every statement goes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use prt_core::store::{Repository, StoreError, StoreResult};
use sqlx::{Any, Transaction, any::AnyRow};

use crate::{
    error::{Fault, store_error},
    numbers::Numbers,
    statement::Statement,
};

pub(crate) struct AnyRepository {
    transaction: Transaction<'static, Any>,
    /// Set while a statement runs, so that a statement that failed or was dropped half-way leaves it set: nothing of such a
    /// transaction may count.
    broken: bool,
    statements: Arc<AtomicU64>,
    pub(crate) numbers: Numbers,
}

impl AnyRepository {
    pub(crate) fn new(transaction: Transaction<'static, Any>, statements: &Arc<AtomicU64>, numbers: &Numbers) -> Self {
        Self {
            transaction,
            broken: false,
            statements: Arc::clone(statements),
            numbers: numbers.clone(),
        }
    }

    /// Runs a change; how many rows it reached.
    pub(crate) async fn run(&mut self, statement: Statement) -> StoreResult<u64> {
        self.begin()?;
        let result = statement.into_query().execute(&mut *self.transaction).await;
        self.end(result).map(|done| done.rows_affected())
    }

    /// The row, if any.
    pub(crate) async fn one<T>(
        &mut self,
        statement: Statement,
        read: fn(&AnyRow) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        self.begin()?;
        let result = statement.into_query().fetch_optional(&mut *self.transaction).await;
        self.end(result)?.as_ref().map(read).transpose()
    }

    /// All rows.
    pub(crate) async fn all<T>(
        &mut self,
        statement: Statement,
        read: fn(&AnyRow) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        self.begin()?;
        let result = statement.into_query().fetch_all(&mut *self.transaction).await;
        self.end(result)?.iter().map(read).collect()
    }

    fn begin(&mut self) -> StoreResult<()> {
        if self.broken {
            return Err(Fault::Aborted.into());
        }
        self.broken = true;
        self.statements.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("prt_store_statements_total").increment(1);
        Ok(())
    }

    fn end<T>(&mut self, result: sqlx::Result<T>) -> StoreResult<T> {
        let value = result.map_err(store_error)?;
        self.broken = false;
        Ok(value)
    }
}

#[async_trait]
impl Repository for AnyRepository {
    async fn save(self: Box<Self>) -> StoreResult<()> {
        if self.broken {
            return Err(StoreError::from(Fault::Aborted));
        }
        self.transaction.commit().await.map_err(store_error)
    }
}

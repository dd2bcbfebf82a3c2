//! Typed columns of a row. A value that cannot be read is [`StoreError::Corrupt`] with its table and column.

use std::str::FromStr;

use prt_core::store::{StoreError, StoreResult};
use serde::de::DeserializeOwned;
use sqlx::{Any, Decode, Row as _, Type, any::AnyRow};

use crate::{error::store_error, text::Word};

/// A row of a table.
pub(crate) struct Row<'r> {
    table: &'static str,
    row: &'r AnyRow,
}

impl<'r> Row<'r> {
    pub(crate) fn of(table: &'static str, row: &'r AnyRow) -> Self {
        Self { table, row }
    }

    pub(crate) fn text(&self, column: &str) -> StoreResult<String> {
        self.get(column)
    }

    pub(crate) fn maybe_text(&self, column: &str) -> StoreResult<Option<String>> {
        self.get(column)
    }

    pub(crate) fn int(&self, column: &str) -> StoreResult<i64> {
        self.get(column)
    }

    pub(crate) fn maybe_int(&self, column: &str) -> StoreResult<Option<i64>> {
        self.get(column)
    }

    pub(crate) fn flag(&self, column: &str) -> StoreResult<bool> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt(column)),
        }
    }

    pub(crate) fn maybe_bytes(&self, column: &str) -> StoreResult<Option<Vec<u8>>> {
        self.get(column)
    }

    pub(crate) fn id<T: FromStr>(&self, column: &str) -> StoreResult<T> {
        self.text(column)?.parse().map_err(|_| self.corrupt(column))
    }

    pub(crate) fn maybe_id<T: FromStr>(&self, column: &str) -> StoreResult<Option<T>> {
        self.maybe_text(column)?
            .map(|text| text.parse().map_err(|_| self.corrupt(column)))
            .transpose()
    }

    pub(crate) fn word<T: Word>(&self, column: &str) -> StoreResult<T> {
        T::from_word(&self.text(column)?).ok_or_else(|| self.corrupt(column))
    }

    pub(crate) fn maybe_word<T: Word>(&self, column: &str) -> StoreResult<Option<T>> {
        self.maybe_text(column)?
            .map(|text| T::from_word(&text).ok_or_else(|| self.corrupt(column)))
            .transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> StoreResult<T> {
        serde_json::from_str(&self.text(column)?).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> StoreResult<Option<T>> {
        self.maybe_text(column)?
            .map(|text| serde_json::from_str(&text).map_err(|_| self.corrupt(column)))
            .transpose()
    }

    pub(crate) fn corrupt(&self, column: &str) -> StoreError {
        StoreError::Corrupt {
            what: format!("{}.{column}", self.table),
        }
    }

    fn get<T: Decode<'r, Any> + Type<Any>>(&self, column: &str) -> StoreResult<T> {
        self.row.try_get(column).map_err(|error| match store_error(error) {
            StoreError::Corrupt { .. } => self.corrupt(column),
            other => other,
        })
    }
}

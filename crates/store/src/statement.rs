//! A statement: its text, which only literals can enter, and its parameters.

use std::fmt::{Display, Write};

use prt_core::store::{StoreError, StoreResult};
use serde::Serialize;
use sqlx::{Any, Arguments, AssertSqlSafe, Encode, Type, any::AnyArguments, query::Query};

use crate::text::Word;

/// Text and parameters. Each method named after a type adds the next parameter.
pub(crate) struct Statement {
    text: String,
    parameters: AnyArguments,
    cached: bool,
}

/// A statement of this text.
pub(crate) fn sql(text: &'static str) -> Statement {
    Statement {
        text: text.into(),
        parameters: AnyArguments::default(),
        cached: true,
    }
}

impl Statement {
    /// Appends to the text.
    pub(crate) fn push(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends the place of the parameter that is added next.
    pub(crate) fn place(mut self) -> Self {
        // Writing into a String cannot fail.
        let _ = write!(self.text, "${}", self.parameters.len() + 1);
        self
    }

    /// Keeps the prepared statement out of the connection's cache: its text changes from call to call.
    pub(crate) fn uncached(mut self) -> Self {
        self.cached = false;
        self
    }

    pub(crate) fn text(self, value: &str) -> Self {
        self.add(storable(value))
    }

    pub(crate) fn maybe_text(self, value: Option<&str>) -> Self {
        self.add(value.map(storable))
    }

    pub(crate) fn id(self, value: impl Display) -> Self {
        self.add(value.to_string())
    }

    pub(crate) fn maybe_id(self, value: Option<impl Display>) -> Self {
        self.add(value.map(|id| id.to_string()))
    }

    pub(crate) fn int(self, value: i64) -> Self {
        self.add(value)
    }

    pub(crate) fn maybe_int(self, value: Option<i64>) -> Self {
        self.add(value)
    }

    pub(crate) fn flag(self, value: bool) -> Self {
        self.add(i64::from(value))
    }

    pub(crate) fn maybe_bytes(self, value: Option<&[u8]>) -> Self {
        self.add(value.map(<[u8]>::to_vec))
    }

    pub(crate) fn word(self, value: impl Word) -> Self {
        self.add(value.word().to_owned())
    }

    pub(crate) fn maybe_word(self, value: Option<impl Word>) -> Self {
        self.add(value.map(|value| value.word().to_owned()))
    }

    pub(crate) fn json(self, value: &impl Serialize) -> StoreResult<Self> {
        let text = serde_json::to_string(value).map_err(|error| StoreError::Other(Box::new(error)))?;
        Ok(self.add(text))
    }

    pub(crate) fn maybe_json(self, value: Option<&impl Serialize>) -> StoreResult<Self> {
        match value {
            Some(value) => self.json(value),
            None => Ok(self.maybe_text(None)),
        }
    }

    /// At most so many rows; 0 = all.
    pub(crate) fn limit(self, rows: i64) -> Self {
        if rows > 0 {
            self.push(" LIMIT ").place().int(rows)
        } else {
            self
        }
    }

    pub(crate) fn into_query(self) -> Query<'static, Any, AnyArguments> {
        // The text is made of literals and places: `sql` and `push` take nothing else.
        sqlx::query_with(AssertSqlSafe(self.text), self.parameters).persistent(self.cached)
    }

    fn add(mut self, value: impl Encode<'static, Any> + Type<Any>) -> Self {
        self.parameters
            .add(value)
            .expect("Any encodes text, numbers and bytes as they are");
        self
    }
}

/// Both databases get the same: see "NUL" in the crate's documentation.
fn storable(value: &str) -> String {
    value.replace('\0', "\u{2400}")
}

//! The one error shape, the same in console, REST, CLI and SDK.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of error, in one word that programs can test for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request does not make sense; `fields` says where.
    InvalidInput,
    /// Nobody is logged in, or the token is unknown, expired or revoked.
    Unauthenticated,
    /// Known who, but not allowed.
    Forbidden,
    /// There is no such thing, or it is not for these eyes.
    NotFound,
    /// It was there and has been deleted: it was older than its retention rule.
    Gone,
    /// The name is taken.
    AlreadyExists,
    /// Right request, wrong moment: another build runs, the worker has ended, the row was changed meanwhile.
    Conflict,
    /// Something that we need does not answer now: the engine, a registry, the database.
    Unavailable,
    /// Our fault; the log has the chain under the request id.
    Internal,
}

impl ErrorCode {
    /// The HTTP status that carries this code.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidInput => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Gone => 410,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

/// One wrong field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field's path as the request spells it, e.g. `image_config.builder_capacity`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiError {
    /// The kind.
    pub code: ErrorCode,
    /// What failed, in plain words.
    pub message: String,
    /// What to do about it, when there is something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The wrong fields, if the request was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// Names this request in the console's log.
    pub request_id: String,
}

impl ApiError {
    /// The message for one field, if that field is wrong.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|f| f.field == name).map(|f| f.message.as_str())
    }
}

impl fmt::Display for ApiError {
    /// The text that every door shows: the message, then each wrong field on a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for field in &self.fields {
            write!(f, "\n  {}: {}", field.field, field.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

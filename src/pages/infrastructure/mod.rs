//! What admins set up.

pub mod builders;
pub mod certificates;
pub mod container_images;
pub mod registries;
pub mod retention;
pub mod secrets;
pub mod security_contexts;
pub mod worker_sizes;

use prt_types::{ApiError, ErrorCode, FieldError};

use crate::error::AppError;

/// An error unless no field is wrong.
fn check_fields(fields: Vec<FieldError>) -> Result<(), AppError> {
    let message = match fields.as_slice() {
        [] => return Ok(()),
        [one] => one.message.clone(),
        many => format!("{} fields are wrong.", many.len()),
    };
    Err(AppError(ApiError {
        fields,
        ..AppError::new(ErrorCode::InvalidInput, message).0
    }))
}

/// A wrong field.
fn wrong_field(field: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: field.into(),
        message: message.into(),
    }
}

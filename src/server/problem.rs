//! From core's error to the wire: the only place that knows both. The chain of causes goes to the log here, once.

use std::fmt::Write as _;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use prt_core::{Error, OpContext};
use prt_types::{ApiError, ErrorCode};

use super::draft;
use crate::error::AppError;

/// Why a request was refused, left in the answer for the audit log.
#[derive(Clone, Debug)]
pub struct Refused(pub String);

/// An error as an HTTP answer.
#[derive(Clone, Debug)]
pub struct Problem(pub ApiError);

impl Problem {
    /// An error of core in the request of `cx`.
    pub fn new(error: Error, cx: &OpContext) -> Self {
        Self(api_error(error, &cx.request_id))
    }

    /// An error that arose before core was asked.
    pub fn of(code: ErrorCode, message: impl Into<String>, request_id: &str) -> Self {
        Self(ApiError {
            code,
            message: message.into(),
            hint: None,
            fields: vec![],
            request_id: request_id.to_owned(),
        })
    }

    /// A known address with a method that it does not have. The status is HTTP's; for a client it is one more thing that is not there.
    pub fn method_not_allowed(request_id: &str) -> Response {
        let mut problem = Self::of(
            ErrorCode::NotFound,
            "This address does not take this method.",
            request_id,
        );
        problem.0.hint = Some("The endpoints are in /api/v1/openapi.json.".into());
        let mut response = problem.into_response();
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let why = Refused(self.0.message.clone());
        let mut response = (status, Json(self.0)).into_response();
        response.extensions_mut().insert(why);
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// For server functions. An answer to a script has the error's status; a page that is being rendered decides about its own.
pub fn app_error(error: Error, cx: &OpContext) -> AppError {
    let error = AppError(api_error(error, &cx.request_id));
    if draft::is_script_call() {
        draft::set_status(&error);
    }
    error
}

fn api_error(error: Error, request_id: &str) -> ApiError {
    let message = error.to_string();
    if matches!(error, Error::Internal { .. } | Error::Unavailable { .. }) {
        tracing::error!(request.id = request_id, chain = chain(&error), "request failed");
    }
    let (code, hint, fields) = match error {
        Error::NotFound { .. } => (ErrorCode::NotFound, None, vec![]),
        Error::Gone(_) => (ErrorCode::Gone, None, vec![]),
        Error::AlreadyExists { .. } => (ErrorCode::AlreadyExists, None, vec![]),
        Error::InvalidInput { fields, .. } => (ErrorCode::InvalidInput, None, fields),
        Error::Unauthenticated(_) => (ErrorCode::Unauthenticated, None, vec![]),
        Error::Forbidden { hint, .. } => (ErrorCode::Forbidden, hint, vec![]),
        Error::Conflict { hint, .. } => (ErrorCode::Conflict, hint, vec![]),
        Error::Unavailable { hint, .. } => (ErrorCode::Unavailable, hint, vec![]),
        Error::Internal { .. } => (
            ErrorCode::Internal,
            Some(format!(
                "An admin finds the cause in the console's log under request id {request_id}."
            )),
            vec![],
        ),
    };
    ApiError {
        code,
        message,
        hint,
        fields,
        request_id: request_id.to_owned(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

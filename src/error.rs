//! The error type of every server function.

use std::fmt;

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use prt_types::{ApiError, ErrorCode};
use serde::{Deserialize, Serialize};

/// An [`ApiError`] on its way through a server function. On the server it is made in `server::problem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppError(pub ApiError);

impl AppError {
    /// An error that arose in this code itself, outside of core.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(ApiError {
            code,
            message: message.into(),
            hint: None,
            fields: Vec::new(),
            request_id: String::new(),
        })
    }

    /// The same error with a word on what to do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for AppError {}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    /// What goes wrong around a server function: the network, the encoding, a form that does not fit.
    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        match value {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => {
                Self::new(ErrorCode::Unavailable, "The console does not answer.")
                    .with_hint("Check the network and try again. What you typed is still in the form.")
            }
            ServerFnErrorErr::Args(detail) | ServerFnErrorErr::MissingArg(detail) => Self::new(
                ErrorCode::InvalidInput,
                format!("The form could not be read: {detail}."),
            ),
            ServerFnErrorErr::Deserialization(detail) => Self::new(
                ErrorCode::Internal,
                format!("The console's answer could not be read: {detail}."),
            )
            .with_hint("Reload the page: the console may have been updated."),
            ServerFnErrorErr::ServerError(detail)
            | ServerFnErrorErr::MiddlewareError(detail)
            | ServerFnErrorErr::Serialization(detail)
            | ServerFnErrorErr::Registration(detail)
            | ServerFnErrorErr::UnsupportedRequestMethod(detail) => Self::new(ErrorCode::Internal, detail),
        }
    }
}

//! How a command can end other than well, and the exit code of each way.

use std::io::{self, Write};

use prt_client::ClientError;
use prt_types::ErrorCode;

/// The result of a command.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

/// Done, and it worked out.
pub const OK: u8 = 0;
/// It did not work out: the build, the worker or the server failed.
pub const FAILED: u8 = 1;
/// The request makes no sense; the same code that clap gives.
pub const USAGE: u8 = 2;
/// Not logged in, or not allowed.
pub const DENIED: u8 = 3;

/// Why a command stops.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The server, or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Wrong use, found here.
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
    /// What was asked for did not work out.
    #[error("{message}")]
    Failed { message: String, hint: Option<String> },
    /// Allowed was asked, and the answer is no.
    #[error("{message}")]
    Denied { message: String },
    /// A file or a stream.
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    /// Nobody reads our output any more; nothing to say, and nobody to say it to.
    #[error("the output was closed")]
    ClosedOutput,
    /// The exit code says it all.
    #[error("exit code {0}")]
    Exit(u8),
}

impl CliError {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: None,
        }
    }

    pub fn usage_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed {
            message: message.into(),
            hint: None,
        }
    }

    pub fn failed_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// An error of writing our own output.
    pub fn output(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedOutput
        } else {
            Self::Io {
                what: "cannot write the output".into(),
                source,
            }
        }
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => match error.code() {
                Some(ErrorCode::InvalidInput) => USAGE,
                Some(ErrorCode::Unauthenticated | ErrorCode::Forbidden) => DENIED,
                Some(
                    ErrorCode::NotFound
                    | ErrorCode::Gone
                    | ErrorCode::AlreadyExists
                    | ErrorCode::Conflict
                    | ErrorCode::Unavailable
                    | ErrorCode::Internal,
                )
                | None => FAILED,
            },
            Self::Usage { .. } => USAGE,
            Self::Failed { .. } | Self::Io { .. } => FAILED,
            Self::Denied { .. } => DENIED,
            // `prtcli builds list | head -1` has done what it was asked to do.
            Self::ClosedOutput => OK,
            Self::Exit(code) => *code,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Client(ClientError::Api(error)) => error.hint.clone().or_else(|| match error.code {
                ErrorCode::Unauthenticated => {
                    Some("log in with `prtcli login --url URL --username NAME`, or set PRT_TOKEN".into())
                }
                ErrorCode::Internal => Some(format!(
                    "the server's log has more under request id {}",
                    error.request_id
                )),
                _ => None,
            }),
            Self::Client(ClientError::Transport { .. }) => {
                Some("check --url (or PRT_URL, or the saved login) and that the server runs".into())
            }
            Self::Usage { hint, .. } | Self::Failed { hint, .. } => hint.clone(),
            _ => None,
        }
    }

    /// What people read, without the `error:` in front.
    pub fn text(&self) -> String {
        let mut text = self.to_string();
        if let Self::Client(error) = self
            && let Some(cause) = error.cause()
        {
            text = format!("{text}: {cause}");
        }
        text
    }

    /// Tells it on standard error, as every command does.
    pub fn report(&self) {
        if matches!(self, Self::ClosedOutput | Self::Exit(_)) {
            return;
        }
        let mut text = format!("error: {}\n", self.text());
        if let Some(hint) = self.hint() {
            text.push_str("\nhint: ");
            text.push_str(&hint);
            text.push('\n');
        }
        // Nothing is left to be done when standard error is closed too.
        _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use prt_types::{ApiError, FieldError};

    use super::*;

    fn api(code: ErrorCode) -> CliError {
        CliError::Client(ClientError::Api(ApiError {
            code,
            message: "the build cannot start".into(),
            hint: None,
            fields: vec![FieldError {
                field: "tag".into(),
                message: "is missing".into(),
            }],
            request_id: "r-1".into(),
        }))
    }

    #[test]
    fn exit_codes_follow_the_kind_of_error() {
        let codes = [
            (ErrorCode::InvalidInput, 2),
            (ErrorCode::Unauthenticated, 3),
            (ErrorCode::Forbidden, 3),
            (ErrorCode::NotFound, 1),
            (ErrorCode::Gone, 1),
            (ErrorCode::Conflict, 1),
            (ErrorCode::Unavailable, 1),
            (ErrorCode::Internal, 1),
        ];
        for (code, exit) in codes {
            assert_eq!(api(code).exit_code(), exit, "{code:?}");
        }
        assert_eq!(CliError::usage("x").exit_code(), 2);
        assert_eq!(CliError::ClosedOutput.exit_code(), 0);
    }

    #[test]
    fn the_text_is_the_one_of_every_door() {
        assert_eq!(
            api(ErrorCode::InvalidInput).text(),
            "the build cannot start\n  tag: is missing"
        );
        assert!(api(ErrorCode::Internal).hint().is_some_and(|hint| hint.contains("r-1")));
    }
}

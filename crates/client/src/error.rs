//! What can go wrong between a client and the console.

use std::{error::Error as StdError, time::Duration};

use prt_types::{ApiError, ErrorCode};

/// The result of every call.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// Why a call did not give its result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The console answered with an error.
    #[error("{0}")]
    Api(ApiError),
    /// No answer: the name does not resolve, nobody listens, the connection broke.
    #[error("cannot reach {url}")]
    Transport {
        /// The console's address.
        url: String,
        /// What the network said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// An answer that is not the console's: a proxy's error page, another server, an unreadable body.
    #[error("{message}")]
    Protocol {
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What was wrong with it.
        message: String,
    },
}

impl ClientError {
    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::Protocol {
            status: None,
            message: message.into(),
        }
    }

    /// The console's error, if it is one.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::Transport { .. } | Self::Protocol { .. } => None,
        }
    }

    /// The code of the console's error, if it is one.
    pub fn code(&self) -> Option<ErrorCode> {
        self.api().map(|error| error.code)
    }

    /// Whether the same call can work later without a change: the console restarts, a proxy has lost it.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Api(error) => matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal),
            Self::Protocol { status, .. } => matches!(status, Some(429 | 502 | 503 | 504)),
        }
    }

    /// Whether the same request, sent again after a moment, can succeed. A full disk does not get space by waiting.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Api(error) => error.code == ErrorCode::Unavailable && !error.message.contains("disk is full"),
            Self::Protocol { status, .. } => matches!(status, Some(429 | 502 | 503 | 504)),
        }
    }

    /// The innermost cause of a failed connection in plain words; HTTP libraries wrap it several times.
    pub fn cause(&self) -> Option<String> {
        let Self::Transport { source, .. } = self else {
            return None;
        };
        let mut inner: &(dyn StdError + 'static) = source.as_ref();
        while let Some(next) = inner.source() {
            inner = next;
        }
        Some(inner.to_string())
    }
}

/// The connection was open, but nothing came.
#[derive(Debug, thiserror::Error)]
#[error("nothing received for {} s", .0.as_secs())]
pub(crate) struct Silent(pub Duration);

/// The connection ended although more was to come.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed")]
pub(crate) struct Closed;

//! The one error of core, agnostic to the transport. Doors turn it into `prt_types::ApiError`.

use prt_types::FieldError;

use crate::{
    engine::{EngineError, EngineErrorKind},
    store::StoreError,
};

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing, or not for the asker's eyes.
    #[error("There is no {kind} {id}.")]
    NotFound {
        /// E.g. `worker`.
        kind: &'static str,
        /// As the asker named it.
        id: String,
    },
    /// It was deleted, because it was older than its rule.
    #[error("{0}")]
    Gone(String),
    /// The name is taken.
    #[error("{kind} {id} exists already.")]
    AlreadyExists {
        /// E.g. `User`.
        kind: &'static str,
        /// The name.
        id: String,
    },
    /// The request makes no sense.
    #[error("{message}")]
    InvalidInput {
        /// All in one sentence.
        message: String,
        /// Field by field.
        fields: Vec<FieldError>,
        /// Set if it is a refusal that the asker does not see as one: why, for the audit log.
        refused: Option<String>,
    },
    /// Nobody is logged in, or the login is wrong.
    #[error("{0}")]
    Unauthenticated(String),
    /// Known who, but not allowed.
    #[error("{message}")]
    Forbidden {
        /// What is refused, and why.
        message: String,
        /// Where it can be granted.
        hint: Option<String>,
    },
    /// Right request, wrong moment.
    #[error("{message}")]
    Conflict {
        /// What is in the way.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Something that we need does not answer.
    #[error("{message}")]
    Unavailable {
        /// What does not answer.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// The cause, for the log.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Our fault.
    #[error("Something went wrong in the console itself ({context}).")]
    Internal {
        /// What we were doing.
        context: String,
        /// The cause, for the log.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl Error {
    /// There is no such thing.
    pub fn not_found(kind: &'static str, id: impl ToString) -> Self {
        Self::NotFound {
            kind,
            id: id.to_string(),
        }
    }

    /// One wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Fields::one(field, message).into_error()
    }

    /// Not allowed, with the place where it can be granted.
    pub fn forbidden(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Forbidden {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// Right request, wrong moment.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict {
            message: message.into(),
            hint: None,
        }
    }

    /// Our fault, with its cause.
    pub fn internal(context: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal {
            context: context.into(),
            source: Some(Box::new(source)),
        }
    }

    /// Our fault, without a cause of its own.
    pub fn bug(context: impl Into<String>) -> Self {
        Self::Internal {
            context: context.into(),
            source: None,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) | StoreError::Connection(_) => store_unavailable(
                "The database does not answer.",
                "Try again; an admin finds the cause in the console's log.",
                error,
            ),
            StoreError::Full(_) => store_unavailable(
                "The console's disk is full. Nothing was saved.",
                "An admin must free space on the disk of the console's database, then try again. The console needs no restart.",
                error,
            ),
            StoreError::ReadOnly(_) => store_unavailable(
                "The console's database is read-only. Nothing was saved.",
                "An admin must make the database and its disk writable again, then try again.",
                error,
            ),
            StoreError::Damaged(_) => store_unavailable(
                "The console's database is damaged.",
                "An admin must stop the console and restore a backup.",
                error,
            ),
            StoreError::Unique(_)
            | StoreError::Corrupt { .. }
            | StoreError::Schema(_)
            | StoreError::InUse
            | StoreError::Other(_) => Self::Internal {
                context: "database".into(),
                source: Some(Box::new(error)),
            },
        }
    }
}

fn store_unavailable(message: &str, hint: &str, source: StoreError) -> Error {
    Error::Unavailable {
        message: message.into(),
        hint: Some(hint.into()),
        source: Some(Box::new(source)),
    }
}

impl Error {
    /// Whether the container engine did not answer: nothing is known of what was asked.
    pub fn is_unreachable(&self) -> bool {
        self.engine_kind() == Some(EngineErrorKind::Unreachable)
    }

    /// Whether the container takes no commands, because it has ended or is paused.
    pub fn has_no_container(&self) -> bool {
        matches!(
            self.engine_kind(),
            Some(EngineErrorKind::NoSuchContainer | EngineErrorKind::Paused)
        )
    }

    fn engine_kind(&self) -> Option<EngineErrorKind> {
        match self {
            Self::Unavailable {
                source: Some(source), ..
            } => Some(source.downcast_ref::<EngineError>()?.kind),
            _ => None,
        }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::Unavailable {
            message: format!("The container engine failed: {error}."),
            hint: None,
            source: Some(Box::new(error)),
        }
    }
}

/// Wrong fields, collected so that a form shows all of them at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// None wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One wrong field.
    pub fn one(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut fields = Self::new();
        fields.add(field, message);
        fields
    }

    /// Adds a wrong field.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An error if any field is wrong.
    pub fn check(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.into_error())
        }
    }

    fn into_error(self) -> Error {
        let message = match self.0.as_slice() {
            [one] => one.message.clone(),
            many => format!("{} fields are wrong.", many.len()),
        };
        Error::InvalidInput {
            message,
            fields: self.0,
            refused: None,
        }
    }
}

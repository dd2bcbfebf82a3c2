//! How long things are stored, and deleting what is older.

use serde::{Deserialize, Serialize};

/// A kind of stored things with a rule of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetentionKind {
    /// Records of builds that ended.
    Builds,
    /// Logs of builds that ended.
    BuildLogs,
    /// Records of terminated workers.
    Workers,
    /// Events of terminated workers.
    WorkerEvents,
    /// Entries of the audit log.
    Audit,
    /// Expired API tokens.
    Tokens,
    /// Expired browser sessions.
    Sessions,
    /// Expired notebook links and logins.
    NotebookLogins,
    /// Idempotency keys.
    IdempotencyKeys,
}

impl RetentionKind {
    /// All, in the order in which a run takes them.
    pub const ALL: [Self; 9] = [
        Self::Builds,
        Self::BuildLogs,
        Self::Workers,
        Self::WorkerEvents,
        Self::Audit,
        Self::Tokens,
        Self::Sessions,
        Self::NotebookLogins,
        Self::IdempotencyKeys,
    ];

    /// The name as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Builds => "Builds",
            Self::BuildLogs => "Build logs",
            Self::Workers => "Workers",
            Self::WorkerEvents => "Worker events",
            Self::Audit => "Audit log",
            Self::Tokens => "API tokens",
            Self::Sessions => "Sessions",
            Self::NotebookLogins => "Notebook logins",
            Self::IdempotencyKeys => "Idempotency keys",
        }
    }

    /// The word in JSON and in the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Builds => "builds",
            Self::BuildLogs => "build_logs",
            Self::Workers => "workers",
            Self::WorkerEvents => "worker_events",
            Self::Audit => "audit",
            Self::Tokens => "tokens",
            Self::Sessions => "sessions",
            Self::NotebookLogins => "notebook_logins",
            Self::IdempotencyKeys => "idempotency_keys",
        }
    }
}

/// How many, and about how large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Amount {
    /// Number of records, or of logs.
    pub count: i64,
    /// Bytes of logs on the disk; for records, about the bytes of their texts.
    pub bytes: i64,
}

/// A kind with its rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionRule {
    /// The kind.
    pub kind: RetentionKind,
    /// Days until deletion; unset = no limit, or a fixed rule.
    pub days: Option<i64>,
    /// The rule in words.
    pub rule: String,
    /// What is stored.
    pub stored: Amount,
    /// What a run would delete now.
    pub due: Amount,
}

/// What a run deleted of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deleted {
    /// The kind.
    pub kind: RetentionKind,
    /// How much of it.
    pub amount: Amount,
}

/// A run that deletes what is older than its rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionRun {
    /// When it ended, milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it only looked.
    pub dry_run: bool,
    /// What it deleted, or would have; kinds without anything are left out.
    pub deleted: Vec<Deleted>,
}

/// Rules, and what would go now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionView {
    /// One for each kind.
    pub rules: Vec<RetentionRule>,
    /// The last run since the console started.
    pub last_run: Option<RetentionRun>,
}

/// A request for a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RetentionRequest {
    /// Only say what would be deleted.
    pub dry_run: bool,
}

/// A request to keep a build for ever, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    /// Whether the build is pinned.
    pub pinned: bool,
}

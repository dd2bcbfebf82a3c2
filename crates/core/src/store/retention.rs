//! What is stored, and what may go.

use async_trait::async_trait;
use prt_types::{
    ids::BuildId,
    retention::{Amount, RetentionKind},
};

use super::StoreResult;

/// Which builds are due: those that ended before a time, or are not among the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildsDue {
    /// Ended before; unset = none for their age.
    pub before_ms: Option<i64>,
    /// So many of the newest stay; unset = all.
    pub newest: Option<i64>,
}

/// Deletes old rows. A build that is pinned or has not ended is never due, nor is a worker that is not Terminated or has builds.
#[async_trait]
pub trait RetentionRepository {
    /// What is stored of a kind. Not for [`RetentionKind::BuildLogs`], which are files.
    async fn stored(&mut self, kind: RetentionKind) -> StoreResult<Amount>;
    /// What of a kind is from before. Not for builds and their logs.
    async fn due(&mut self, kind: RetentionKind, before_ms: i64) -> StoreResult<Amount>;
    /// Deletes at most `limit` of those; how many.
    async fn delete_due(&mut self, kind: RetentionKind, before_ms: i64, limit: i64) -> StoreResult<u64>;
    /// Builds that are due, oldest first; a limit of 0 = all.
    async fn builds_due(&mut self, due: BuildsDue, limit: i64) -> StoreResult<Vec<BuildId>>;
    /// About the size of these.
    async fn builds_size(&mut self, due: BuildsDue) -> StoreResult<Amount>;
    /// Deletes builds, unless one was pinned meanwhile or has not ended; how many.
    async fn builds_delete(&mut self, ids: &[BuildId]) -> StoreResult<u64>;
    /// Builds that ended before and whose log is still there, oldest first; a limit of 0 = all.
    async fn build_logs_due(&mut self, before_ms: i64, limit: i64) -> StoreResult<Vec<BuildId>>;
    /// Notes that a build's log is deleted, unless the build was pinned meanwhile or has not ended; whether it was noted.
    async fn build_log_deleted(&mut self, id: BuildId, at_ms: i64) -> StoreResult<bool>;
    /// Keeps a build and its log for ever, or no longer.
    async fn build_pin(&mut self, id: BuildId, pinned: bool) -> StoreResult<()>;
}

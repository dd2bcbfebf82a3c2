//! The audit log: who did what to what, when, from where, and how it ended.

use serde::{Deserialize, Serialize};

use crate::{access::Door, ids::AuditId};

/// How an audited action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditView {
    /// The id.
    pub id: AuditId,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Login name; `system`, or empty if nobody was logged in.
    pub actor: String,
    /// Where the request came in.
    pub door: Door,
    /// The client's address.
    pub address: String,
    /// What, e.g. `worker.create`, `container_image.update`, `login`.
    pub action: String,
    /// On what, e.g. `Worker-12`.
    pub object: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The reason of a refusal, or before and after of a change, as JSON. Never a secret.
    pub details: String,
}

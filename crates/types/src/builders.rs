//! Builders: their images, what the host lacks for them, and their cache.

use serde::{Deserialize, Serialize};

/// What a check of the host found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Works, but worse than it could.
    Warning,
    /// The restricted builder does not work like this.
    Failed,
    /// Could not be told, because something before it failed.
    Unknown,
}

impl CheckState {
    /// The word as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "Warning",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }
}

/// One thing that the restricted builder needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostCheck {
    /// E.g. `user_namespaces`.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// How it stands.
    pub state: CheckState,
    /// What was found.
    pub found: String,
    /// What to do; empty when there is nothing to do.
    pub fix: String,
}

/// Whether the host can run the restricted builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Preflight {
    /// Whether nothing failed.
    pub ok: bool,
    /// All in one sentence.
    pub summary: String,
    /// The engine, e.g. `Docker 28.2.2`.
    pub engine: String,
    /// The image that was looked at.
    pub image: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// One by one.
    pub checks: Vec<HostCheck>,
}

/// The installation's builders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BuildersView {
    /// Image for sizes whose security context is not Privileged.
    pub restricted_image: String,
    /// Image for sizes whose security context is Privileged.
    pub privileged_image: String,
    /// The last check of the host since the console's start.
    pub preflight: Option<Preflight>,
}

/// What a builder keeps to be faster the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BuilderCache {
    /// All of it, in bytes.
    pub total_bytes: i64,
    /// What a prune would free, in bytes.
    pub reclaimable_bytes: i64,
    /// How many parts it has.
    pub records: i64,
}

/// What a prune did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PrunedCache {
    /// How much it freed, in bytes.
    pub freed_bytes: i64,
    /// What is left.
    pub left: BuilderCache,
}

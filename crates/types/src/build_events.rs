//! The log of a build: numbered records of typed events.
//!
//! The records of a build are numbered 1, 2, 3 … without gaps; `seq` is the SSE event id, and a viewer that reconnects asks for
//! what comes after the last one it has. Log lines carry a line number of their own, also without gaps.

use serde::{Deserialize, Serialize};

use crate::builds::{BuildReason, BuildStatus};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BuildRecord {
    /// 1, 2, 3 … within the build.
    pub seq: u64,
    /// When it happened, milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: BuildEvent,
}

/// What can happen in a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BuildEvent {
    /// A step appeared or changed; the latest record of a step replaces earlier ones.
    Step(Step),
    /// Progress of a transfer within a step; the latest record of (`step`, `id`) replaces earlier ones.
    Progress(Progress),
    /// A line that a step printed.
    Log(LogLine),
    /// A warning of BuildKit's.
    Warning {
        /// The step's number.
        step: u32,
        /// In plain words, with the place.
        text: String,
    },
    /// The console's own word: credentials checked, console restarted, log cut.
    Notice {
        /// In plain words.
        text: String,
    },
    /// The build ended. The last record of a log, exactly once.
    End(BuildEnd),
}

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Known, not begun.
    Waiting,
    /// Being worked on.
    Running,
    /// Taken from the cache.
    Cached,
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Stopped because the build ended.
    Canceled,
}

/// A step: what BuildKit calls a vertex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// 1, 2, 3 … in the order in which BuildKit named them.
    pub step: u32,
    /// E.g. `[2/5] COPY hello.txt /home/ubuntu/hello.txt`.
    pub name: String,
    /// Where it is.
    pub state: StepState,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<i64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_ms: Option<i64>,
    /// Numbers of the steps it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<u32>,
    /// BuildKit's words, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A transfer within a step, e.g. a layer being pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// The step's number.
    pub step: u32,
    /// What, e.g. `sha256:…` or `transferring context`.
    pub id: String,
    /// So far; bytes when `total` is in bytes.
    pub current: i64,
    /// In all; 0 = unknown.
    pub total: i64,
    /// Whether it is done.
    pub done: bool,
}

/// A line of output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// 1, 2, 3 … within the build.
    pub line: u64,
    /// The step's number.
    pub step: u32,
    /// 1 = standard output, 2 = standard error.
    pub stream: u8,
    /// Text without the line end; may contain ANSI sequences.
    pub text: String,
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BuildEnd {
    /// `Succeeded`, `Failed` or `Canceled`.
    pub status: BuildStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<BuildReason>,
    /// In plain words.
    pub message: String,
    /// Name of the step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// `sha256:…` of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

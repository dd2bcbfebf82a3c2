//! Workers: a primary container, and a builder beside it when asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Secret,
    certificates::WorkerCertificates,
    container_images::{PullPolicy, ServiceType},
    ids::WorkerId,
    worker_sizes::{Limits, SecurityContext},
};

/// A percentage. What is no whole number becomes one that no rule takes, so that core says what is wrong, in its words and with the
/// field's name.
fn percent<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Whole(i64),
        Other(serde::de::IgnoredAny),
    }
    Ok(Option::<Given>::deserialize(deserializer)?.map(|given| match given {
        Given::Whole(percent) => percent,
        Given::Other(_) => 0,
    }))
}

/// How the worker's image is pulled and whether a builder runs beside it. All unset by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ImageConfig {
    /// Registry user name for the pull.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_username: Option<String>,
    /// Its password or token; used for the pull and kept nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_password: Option<Secret>,
    /// Name of a kept registry credential for the pull, instead of the two above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_secret_name: Option<String>,
    /// When to pull.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    /// Start the builder container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<bool>,
    /// Whole percent, 1 to 99, of the size that the builder gets; unset = 50. Only with `builder`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "percent")]
    pub builder_capacity: Option<i64>,
    /// An image to run as the builder. Only with `builder`; needs an image grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_builder_url: Option<String>,
}

/// A worker to be started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// Short or full image name; without a tag the platform version is taken.
    pub worker_image: String,
    /// A worker size's name; unset = the default size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_size: Option<String>,
    /// What it is for; unset = what its Container Image names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_type: Option<ServiceType>,
    /// Pull and builder settings.
    #[serde(default)]
    pub image_config: ImageConfig,
    /// Shell commands that run in the primary container before its start command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_script: Option<String>,
    /// `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`; given to the worker as `PRT_LOG_LEVEL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
    /// Environment of the primary container. Visible to the engine: no place for secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env_variables: BTreeMap<String, String>,
    /// `http` or `https`: how the worker is reached. It is reached through the console, so it is what the console's public address speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_protocol: Option<String>,
    /// Names of the asker's own secrets; the primary container's programs get each as an environment variable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personal_secrets: Vec<String>,
    /// The same of shared secrets that the asker may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_secrets: Vec<String>,
    /// Parameters for the programs in the worker, as JSON in `PRT_ADDITIONAL_PARAMS`. Visible to the engine: no place for secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub additional_params: BTreeMap<String, serde_json::Value>,
}

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WorkerStatus {
    /// Being pulled, created or not answering yet.
    Provisioning,
    /// Answers.
    Running,
    /// Being removed.
    Terminating,
    /// Removed.
    Terminated,
    /// Ended or never started; `reason` says why. Its containers stay until it is terminated.
    Failed,
}

impl WorkerStatus {
    /// The name as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "Provisioning",
            Self::Running => "Running",
            Self::Terminating => "Terminating",
            Self::Terminated => "Terminated",
            Self::Failed => "Failed",
        }
    }

    /// Whether it still holds resources of the engine.
    pub fn is_live(self) -> bool {
        match self {
            Self::Provisioning | Self::Running | Self::Terminating | Self::Failed => true,
            Self::Terminated => false,
        }
    }
}

/// Why a worker failed, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WorkerReason {
    /// The registry refused the pull.
    PullDenied,
    /// There is no such image or tag.
    NoSuchImage,
    /// The registry allows no more requests for now.
    RateLimited,
    /// The registry does not answer, or says that it cannot.
    RegistryUnreachable,
    /// The image is for another processor architecture.
    WrongArchitecture,
    /// What the registry sent of the image is damaged.
    CorruptImage,
    /// The engine's disk is full.
    DiskFull,
    /// A container went over its memory limit.
    OutOfMemory,
    /// The main process ended.
    Exited,
    /// The container runs, but no Jupyter answers in it.
    NoJupyter,
    /// The worker runs, but its startup script failed.
    StartupFailed,
    /// The builder container ended or its BuildKit does not answer.
    BuilderFailed,
    /// The containers vanished from the engine.
    Lost,
    /// The engine refused or failed.
    EngineError,
}

impl WorkerReason {
    /// The word as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::PullDenied => "PullDenied",
            Self::NoSuchImage => "NoSuchImage",
            Self::RateLimited => "RateLimited",
            Self::RegistryUnreachable => "RegistryUnreachable",
            Self::WrongArchitecture => "WrongArchitecture",
            Self::CorruptImage => "CorruptImage",
            Self::DiskFull => "DiskFull",
            Self::OutOfMemory => "OutOfMemory",
            Self::Exited => "Exited",
            Self::NoJupyter => "NoJupyter",
            Self::StartupFailed => "StartupFailed",
            Self::BuilderFailed => "BuilderFailed",
            Self::Lost => "Lost",
            Self::EngineError => "EngineError",
        }
    }
}

/// Which of a worker's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ContainerRole {
    /// The user's image.
    Primary,
    /// BuildKit.
    Builder,
}

impl ContainerRole {
    /// The word in labels, paths and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Builder => "builder",
        }
    }
}

/// A container's state as the engine tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// Not there yet, or no more.
    Absent,
    /// Made, not started.
    Created,
    /// Its main process runs.
    Running,
    /// Its main process ended.
    Exited,
    /// The engine does not answer.
    Unknown,
}

impl ContainerState {
    /// The word as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "Absent",
            Self::Created => "Created",
            Self::Running => "Running",
            Self::Exited => "Exited",
            Self::Unknown => "Unknown",
        }
    }
}

/// One of a worker's containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerView {
    /// Which one.
    pub role: ContainerRole,
    /// The image it was started from.
    pub image: String,
    /// What the engine says.
    pub state: ContainerState,
    /// Its share of the size, as read back from the engine (as planned before it exists).
    pub limits: Limits,
    /// When it started.
    pub started_ms: Option<i64>,
    /// Exit code of the main process, once it ended.
    pub exit_code: Option<i64>,
    /// The engine's own words about a failed start.
    pub error: Option<String>,
}

/// Something that happened to a worker, from us or from the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerEvent {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// `console`, `primary` or `builder`.
    pub source: String,
    /// What, e.g. `Pulling`, `Started`, `oom`.
    pub kind: String,
    /// In plain words.
    pub message: String,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerView {
    /// `Worker-12`.
    pub name: String,
    /// The id that the engine's objects carry.
    pub instance_id: WorkerId,
    /// Login name of the owner.
    pub owner: String,
    /// The image as resolved at the start.
    pub image: String,
    /// The digest that was checked and started, when the registry gives one.
    pub image_digest: Option<String>,
    /// The size's name.
    pub size: String,
    /// Net limits of both containers together.
    pub limits: Limits,
    /// The size's security context.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub security_context: SecurityContext,
    /// Where it is in its life.
    pub status: WorkerStatus,
    /// Why it failed.
    pub reason: Option<WorkerReason>,
    /// What is going on or went wrong, in plain words.
    pub message: String,
    /// `http` or `https`: how it is reached.
    #[serde(default)]
    pub network_protocol: String,
    /// Names of the owner's own secrets that it was started with.
    #[serde(default)]
    pub personal_secrets: Vec<String>,
    /// Names of shared secrets that it was started with.
    #[serde(default)]
    pub shared_secrets: Vec<String>,
    /// Parameters for the programs in it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub additional_params: BTreeMap<String, serde_json::Value>,
    /// Whether it answers.
    pub ready: bool,
    /// Whether a builder was asked for.
    pub builder: bool,
    /// The builder's share in percent.
    pub builder_capacity: Option<i64>,
    /// Number of the build that runs now.
    pub active_build: Option<i64>,
    /// When it was asked for.
    pub created_ms: i64,
    /// When it answered first.
    pub ready_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// Why it was terminated, in the asker's words.
    pub stop_reason: Option<String>,
    /// Its containers; empty in lists.
    #[serde(default)]
    pub containers: Vec<ContainerView>,
    /// What happened to it, oldest first; empty in lists.
    #[serde(default)]
    pub events: Vec<WorkerEvent>,
    /// The private certificates that its builder was started with; unset in lists.
    #[serde(default)]
    pub certificates: Option<WorkerCertificates>,
}

/// A request to end a worker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TerminateRequest {
    /// Why; kept with the worker and in the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
}

/// A command to run in a worker's primary container.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExecRequest {
    /// Program and arguments; no shell in between.
    pub command: Vec<String>,
}

/// How that command ended. Output beyond 1 MiB is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecResult {
    /// The exit code.
    pub exit_code: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Whether output was cut.
    pub truncated: bool,
}

/// How a notebook is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NotebookRequest {
    /// With JupyterLab's dark theme.
    pub dark_mode: bool,
}

impl Default for NotebookRequest {
    fn default() -> Self {
        Self { dark_mode: true }
    }
}

/// A way into a notebook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotebookLink {
    /// Works once, and for a minute. Whoever has it gets in.
    pub url: String,
}

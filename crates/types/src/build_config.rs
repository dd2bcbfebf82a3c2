//! The configuration of a worker's build service: BuildKit's `buildkitd.toml`.

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// Probably not what is meant.
    Warning,
    /// What is made of it.
    Notice,
}

impl Severity {
    /// The word as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Something about a place in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
    /// The key, e.g. `worker.oci.gc`.
    pub path: String,
    /// In plain words.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: {}", self.message),
            (Some(line), None) => write!(f, "line {line}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

/// What to do while a build runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum WhenBusy {
    /// Apply the configuration when the build has ended.
    #[default]
    Wait,
    /// Refuse it.
    Refuse,
}

/// A configuration to apply: `insecure_registries` or `config_content`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BuildConfigInput {
    /// Registries that are reached over HTTP, or over TLS without verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_registries: Option<Vec<String>>,
    /// A whole `buildkitd.toml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_content: Option<String>,
    /// What to do while a build runs.
    pub when_busy: WhenBusy,
}

/// A text to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BuildConfigText {
    /// A whole `buildkitd.toml`.
    pub config_content: String,
}

/// What is said of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BuildConfigLint {
    /// By place.
    pub findings: Vec<Finding>,
    /// The text as BuildKit gets it; absent if it is refused.
    pub translated: Option<String>,
}

/// Where a configuration comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum BuildConfigMode {
    /// The installation's registries and nothing else.
    #[default]
    Default,
    /// These and a list of insecure registries.
    Simple,
    /// A whole file of the user's.
    Full,
}

impl BuildConfigMode {
    /// The word as stored and sent.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Simple => "simple",
            Self::Full => "full",
        }
    }
}

/// Where the latest change is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum BuildConfigState {
    /// The build service runs with what is shown.
    #[default]
    Active,
    /// A change waits for the end of a build.
    Waiting,
    /// A change is being tried and put in place.
    Applying,
    /// The latest change did not work; the build service runs with what is shown, which was there before.
    Failed,
}

impl BuildConfigState {
    /// The word as stored and sent.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Applying => "applying",
            Self::Failed => "failed",
        }
    }

    /// Whether a change is under way.
    pub fn is_changing(self) -> bool {
        match self {
            Self::Waiting | Self::Applying => true,
            Self::Active | Self::Failed => false,
        }
    }
}

/// The configuration of a worker's build service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BuildConfigView {
    /// Where the latest change is.
    pub state: BuildConfigState,
    /// Why the latest change failed, or what it waits for.
    pub message: String,
    /// Where the active configuration comes from.
    pub mode: BuildConfigMode,
    /// The list of the simple mode.
    pub insecure_registries: Vec<String>,
    /// The text of the full mode as it was written.
    pub config_content: Option<String>,
    /// The active `buildkitd.toml`.
    pub active: String,
    /// What is said of the latest text: of the active one, or of the one that failed.
    pub findings: Vec<Finding>,
    /// Number of changes so far; 0 = as at the start.
    pub revision: i64,
    /// When the latest change was asked for.
    pub updated_ms: Option<i64>,
    /// Who asked for it.
    pub updated_by: Option<String>,
}

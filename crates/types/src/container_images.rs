//! Container Image rules: which images exist for whom.

use serde::{Deserialize, Serialize};

use crate::{Secret, ids::ContainerImageId};

/// What a worker is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceType {
    /// Interactive or batch compute.
    #[default]
    CloudWorker,
    /// A desktop-like workspace.
    Workspace,
}

impl ServiceType {
    /// As it is written in requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CloudWorker => "cloud_worker",
            Self::Workspace => "workspace",
        }
    }

    /// The one that is written so.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::CloudWorker, Self::Workspace]
            .into_iter()
            .find(|service| service.name() == name)
    }
}

/// When the engine pulls, in Kubernetes' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// Only when the engine does not have it.
    IfNotPresent,
    /// Not at all: the engine must have it.
    Never,
}

/// How a rule's `image` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// One repository, or one tag or digest of it.
    Exact,
    /// `*`.
    Any,
    /// A regular expression, anchored at the start.
    Pattern,
}

/// A Container Image rule as an admin writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContainerImageInput {
    /// Exact name, `*`, or a regular expression (it starts with `^` or is not a valid name).
    pub image: String,
    /// What workers of this image are for.
    #[serde(default)]
    pub service_type: ServiceType,
    /// Shown to users.
    #[serde(default)]
    pub name: String,
    /// Shown to users.
    #[serde(default)]
    pub description: String,
    /// The version that a worker gets when an exact rule's image is asked for without a tag; empty = platform version.
    #[serde(default)]
    pub version: String,
    /// The lowest version that still may start; empty = any.
    #[serde(default)]
    pub minimum_version: String,
    /// Shown as the one to take; empty = none.
    #[serde(default)]
    pub recommended_version: String,
    /// Unset = the deployment's default.
    #[serde(default)]
    pub pull_policy: Option<PullPolicy>,
    /// User name for the registry, for workers that bring no credentials.
    #[serde(default)]
    pub repo_username: String,
    /// Its password. Unset on an update keeps the stored one; empty clears it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo_password: Option<Secret>,
    /// Name of a kept registry credential for the pulls, instead of the two above; empty = none.
    #[serde(default)]
    pub repo_secret_name: String,
    /// Trusted with shared credentials: a builder of this image gets the registry credentials and secrets that others share with its
    /// user, and can read them. Only for images whose content the admins control.
    #[serde(default)]
    pub trusted_with_credentials: bool,
    /// Shell commands that run before the image's own start command.
    #[serde(default)]
    pub startup_script: String,
    /// Larger first in lists.
    #[serde(default)]
    pub order: i64,
    /// Login names with access.
    #[serde(default)]
    pub users: Vec<String>,
    /// Group names with access.
    #[serde(default)]
    pub groups: Vec<String>,
    /// On an update: the `revision` that the editor saw, so that concurrent edits are detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// A Container Image rule as read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerImageView {
    /// The id.
    pub id: ContainerImageId,
    /// As the admin wrote it.
    pub image: String,
    /// How it is read.
    pub match_kind: MatchKind,
    /// What workers of this image are for.
    pub service_type: ServiceType,
    /// Shown to users; falls back to `image`.
    pub name: String,
    /// Shown to users.
    pub description: String,
    /// Default version.
    pub version: String,
    /// Lowest version.
    pub minimum_version: String,
    /// Recommended version.
    pub recommended_version: String,
    /// Unset = the deployment's default.
    pub pull_policy: Option<PullPolicy>,
    /// Registry user name.
    pub repo_username: String,
    /// Whether a password is stored; the password itself never comes back.
    pub has_repo_password: bool,
    /// Name of the kept registry credential for the pulls; empty = none.
    pub repo_secret_name: String,
    /// Whether a builder of this image gets what others share with its user.
    #[serde(default)]
    pub trusted_with_credentials: bool,
    /// Startup script.
    pub startup_script: String,
    /// Larger first.
    pub order: i64,
    /// Login names with access.
    pub users: Vec<String>,
    /// Group names with access.
    pub groups: Vec<String>,
    /// Changes with every update.
    pub revision: i64,
    /// When it was last changed.
    pub updated_ms: i64,
}

/// What an image reference means and whether the asker may run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageCheck {
    /// The full reference, e.g. `ghcr.io/practicusai/practicus-minimal:25.5.3`.
    pub reference: String,
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why, naming the rule or the place where access is granted.
    pub reason: String,
}

/// An image that a user can pick in a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageChoice {
    /// What to put into `worker_image`; empty for a pattern, where the user completes it.
    pub image: String,
    /// How the rule is read.
    pub match_kind: MatchKind,
    /// The rule's own text.
    pub rule: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// The version to take, if the admin names one.
    #[serde(default)]
    pub recommended_version: String,
    /// What its workers are for.
    #[serde(default)]
    pub service_type: ServiceType,
}

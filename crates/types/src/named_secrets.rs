//! Named secrets: values that workers get as environment variables, by name.

use serde::{Deserialize, Serialize};

use crate::{Secret, ids::NamedSecretId};

/// Whose a secret is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// One user's own: nobody else sees or uses it.
    #[default]
    Personal,
    /// Kept by admins for users and groups.
    Shared,
}

impl SecretKind {
    /// The word in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Shared => "shared",
        }
    }
}

/// A secret as its keeper writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedSecretInput {
    /// The environment variable that it becomes, e.g. `HF_TOKEN`. Never changes.
    pub name: String,
    /// Whose it is. Never changes; shared ones are kept by admins.
    #[serde(default)]
    pub kind: SecretKind,
    /// The value, at most 32 KiB. Unset on an update keeps the stored one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Secret>,
    /// Login names that may use a shared secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Groups that may use a shared secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// On an update: the `revision` that the editor saw, so that concurrent edits are detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// A secret as read; its value never comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedSecretView {
    /// The id.
    pub id: NamedSecretId,
    /// The environment variable.
    pub name: String,
    /// Whose it is.
    pub kind: SecretKind,
    /// Who may use a shared one; empty for those who do not manage it.
    pub users: Vec<String>,
    /// Groups that may use it; likewise.
    pub groups: Vec<String>,
    /// Whether the asker may use it by its name.
    pub usable: bool,
    /// Whether the asker may change and delete it.
    pub editable: bool,
    /// Workers that were started with it and are not terminated; empty for those who do not manage it.
    pub workers: Vec<String>,
    /// When a worker last got it.
    pub last_used_ms: Option<i64>,
    /// Changes with every update.
    pub revision: i64,
    /// When it was made.
    pub created_ms: i64,
    /// When it was last changed.
    pub updated_ms: i64,
}

//! Kept registry credentials: logins that are picked by name, so that nobody has to pass passwords around.

use serde::{Deserialize, Serialize};

use crate::{Secret, ids::RegistryCredentialId};

/// Who may use a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialScope {
    /// One user, who also manages it.
    #[default]
    User,
    /// The members of a group. Admins manage it.
    Group,
    /// All users. Admins manage it.
    Everyone,
}

/// A registry credential as its manager writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegistryCredentialInput {
    /// What it is picked by: lower-case letters, digits, `.`, `_` and `-`. Unique in the installation.
    pub name: String,
    /// `registry.example.com` or `registry.example.com:5000`; it is used for this registry only.
    pub host: String,
    /// User or robot name.
    pub username: String,
    /// Password or token. Unset on an update keeps the stored one, unless the host changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Who may use it.
    #[serde(default)]
    pub scope: CredentialScope,
    /// Login name or group name, as the scope says; empty with scope `user` is the asker, and with `everyone` always.
    #[serde(default)]
    pub owner: String,
    /// When it ends, milliseconds since 1970; unset = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
    /// On an update: the `revision` that the editor saw, so that concurrent edits are detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// A registry credential as read; its password never comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegistryCredentialView {
    /// The id.
    pub id: RegistryCredentialId,
    /// What it is picked by.
    pub name: String,
    /// The registry.
    pub host: String,
    /// User or robot name.
    pub username: String,
    /// Who may use it.
    pub scope: CredentialScope,
    /// Login name or group name; empty for everyone.
    pub owner: String,
    /// When it ends.
    pub expires_ms: Option<i64>,
    /// Whether it has ended: then it is refused.
    pub expired: bool,
    /// When it was last used for a worker or a build.
    pub last_used_ms: Option<i64>,
    /// Whether the asker may use it by its name.
    pub usable: bool,
    /// Whether the asker may change and delete it.
    pub editable: bool,
    /// Changes with every update.
    pub revision: i64,
    /// When it was made.
    pub created_ms: i64,
    /// When it was last changed.
    pub updated_ms: i64,
}

/// What a registry says to a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CredentialTest {
    /// Whether it let the login in.
    pub ok: bool,
    /// In plain words.
    pub message: String,
}

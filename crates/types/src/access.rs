//! Users, groups, logins and API tokens.

use serde::{Deserialize, Serialize};

use crate::{
    Secret,
    ids::{GroupId, TokenId, UserId, WorkerId},
};

/// What a user may do to the system itself. What images and sizes they may use is granted apart from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Administers users, grants and infrastructure.
    Admin,
    /// Starts workers and builds within the grants.
    #[default]
    User,
}

/// What an API token may be used for, within its owner's rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Everything that the owner may do.
    #[default]
    Full,
    /// Builds in the owner's builder workers, and nothing else.
    Build,
    /// The same, and to start builder workers and end those that it has started.
    BuildAndStart,
}

impl TokenScope {
    /// All, the widest first.
    pub const ALL: [Self; 3] = [Self::Full, Self::Build, Self::BuildAndStart];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Build => "build",
            Self::BuildAndStart => "build_and_start",
        }
    }

    /// What it allows, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Full => "Everything that you may do",
            Self::Build => "Builds in your builder workers",
            Self::BuildAndStart => "Builds, and builder workers of its own",
        }
    }
}

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The web console.
    Console,
    /// The REST API, by a client of its own.
    Api,
    /// `prtcli`.
    Cli,
    /// The Python SDK.
    Sdk,
    /// The console's own background work.
    System,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The user's id.
    pub id: UserId,
    /// The login name.
    pub username: String,
    /// The role.
    pub role: Role,
    /// Names of the user's groups, Everyone included.
    pub groups: Vec<String>,
    /// The worker that this token is limited to, if it is a worker's own token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// What the request's token may be used for.
    #[serde(default)]
    pub scope: TokenScope,
}

/// A login with name and password.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The login name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// A user to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UserInput {
    /// The login name: lower-case letters, digits, `.`, `_`, `-`.
    pub username: String,
    /// At least 10 characters.
    pub password: Secret,
    /// The role.
    #[serde(default)]
    pub role: Role,
    /// Names of groups to join; Everyone is implied.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A user as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserView {
    /// The id.
    pub id: UserId,
    /// The login name.
    pub username: String,
    /// The role.
    pub role: Role,
    /// Names of the groups, Everyone included.
    pub groups: Vec<String>,
    /// When the account was made, milliseconds since 1970.
    pub created_ms: i64,
}

/// A group to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupInput {
    /// The group's name.
    pub name: String,
    /// Login names of the members.
    #[serde(default)]
    pub members: Vec<String>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupView {
    /// The id.
    pub id: GroupId,
    /// The name.
    pub name: String,
    /// Whether every user is in it without being listed.
    pub everyone: bool,
    /// Login names of the members; empty for Everyone.
    pub members: Vec<String>,
}

/// An API token to be made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    /// What it is for, in the owner's words.
    pub name: String,
    /// Days until it ends; unset = it does not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u32>,
    /// What it may be used for.
    #[serde(default)]
    pub scope: TokenScope,
    /// The one builder worker that a token for builds is limited to, e.g. `Worker-12`; it ends with the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
}

/// An API token as its owner sees it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenView {
    /// The id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// The first characters, to tell tokens apart.
    pub prefix: String,
    /// What it may be used for.
    #[serde(default)]
    pub scope: TokenScope,
    /// The name of the worker that it is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The worker it is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<WorkerId>,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: Option<i64>,
    /// When it was last used.
    pub last_used_ms: Option<i64>,
}

/// A new token with the only showing of its value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenCreated {
    /// The token's record.
    pub token: TokenView,
    /// The value, shown this once.
    pub value: Secret,
}

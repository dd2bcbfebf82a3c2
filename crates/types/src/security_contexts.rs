//! Security contexts: what a worker's containers may do.

use serde::{Deserialize, Serialize};

/// A security context by its name. Three are built in; an installation may have more of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SecurityContext {
    /// uid 1000, `sudo` works, not privileged.
    #[default]
    Default,
    /// Non-root, no privilege escalation, all capabilities dropped.
    Restricted,
    /// Privileged, with the privileged builder.
    Privileged,
    /// One that an admin made.
    Own(String),
}

impl SecurityContext {
    /// Those that every installation has.
    pub const BUILT_IN: [Self; 3] = [Self::Default, Self::Restricted, Self::Privileged];

    /// The name as shown.
    pub fn name(&self) -> &str {
        match self {
            Self::Default => "Default",
            Self::Restricted => "Restricted",
            Self::Privileged => "Privileged",
            Self::Own(name) => name,
        }
    }
}

impl From<String> for SecurityContext {
    fn from(name: String) -> Self {
        let built_in = Self::BUILT_IN.into_iter().find(|context| context.name() == name);
        built_in.unwrap_or(Self::Own(name))
    }
}

impl From<&str> for SecurityContext {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}

impl From<SecurityContext> for String {
    fn from(context: SecurityContext) -> Self {
        context.name().to_owned()
    }
}

/// System call filter, in Kubernetes' words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SeccompProfile {
    /// The runtime's own profile.
    #[default]
    RuntimeDefault,
    /// None.
    Unconfined,
}

impl SeccompProfile {
    /// The name as Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RuntimeDefault => "RuntimeDefault",
            Self::Unconfined => "Unconfined",
        }
    }
}

/// What a security context says, in the words of a Kubernetes securityContext. A worker keeps a copy of what it was started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SecurityRights {
    /// uid of the main process; unset = the image's user.
    pub run_as_user: Option<u32>,
    /// Whether root is refused as the user.
    pub run_as_non_root: bool,
    /// Root file system read-only; home, build folder and `/tmp` stay writable.
    pub read_only_root: bool,
    /// Capabilities given, without `CAP_`.
    pub add_capabilities: Vec<String>,
    /// Capabilities taken away; `ALL` = all.
    pub drop_capabilities: Vec<String>,
    /// System call filter.
    pub seccomp: SeccompProfile,
    /// Whether a process may gain rights that its parent lacks (setuid, `sudo`).
    pub allow_privilege_escalation: bool,
    /// All devices and capabilities: root on the host.
    pub privileged: bool,
}

/// A security context as an admin writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SecurityContextInput {
    /// The name; an update cannot change it.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// uid of the main process; unset = the image's user.
    #[serde(default)]
    pub run_as_user: Option<u32>,
    /// Whether root is refused as the user.
    #[serde(default)]
    pub run_as_non_root: bool,
    /// Root file system read-only; home, build folder and `/tmp` stay writable.
    #[serde(default)]
    pub read_only_root: bool,
    /// Capabilities given, with or without `CAP_`.
    #[serde(default)]
    pub add_capabilities: Vec<String>,
    /// Capabilities taken away; `ALL` = all.
    #[serde(default)]
    pub drop_capabilities: Vec<String>,
    /// System call filter.
    #[serde(default)]
    pub seccomp: SeccompProfile,
    /// Whether a process may gain rights that its parent lacks.
    #[serde(default)]
    pub allow_privilege_escalation: bool,
    /// All devices and capabilities: root on the host.
    #[serde(default)]
    pub privileged: bool,
    /// Says that a privileged context is meant.
    #[serde(default)]
    pub confirm_privileged: bool,
    /// On an update: the `revision` that the editor saw, so that concurrent edits are detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// A level of the Kubernetes Pod Security Standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PodSecurityLevel {
    /// Unrestricted.
    Privileged,
    /// Known ways to more rights are closed.
    Baseline,
    /// Hardened.
    Restricted,
}

impl PodSecurityLevel {
    /// The name as Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A setting in the engine's own word and value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EngineSetting {
    /// E.g. `CapDrop`.
    pub name: String,
    /// As JSON, e.g. `["ALL"]`; `null` = the engine's or the image's own.
    pub value: String,
}

/// What one of the containers gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerSecurity {
    /// What the engine is told.
    pub engine: Vec<EngineSetting>,
    /// The Pod Security level that it meets.
    pub level: PodSecurityLevel,
    /// Why not the next higher level; empty for the highest.
    pub reasons: Vec<String>,
}

/// A worker size with a security context, and who may use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecurityContextUse {
    /// The size's name.
    pub size: String,
    /// Login names with access.
    pub users: Vec<String>,
    /// Group names with access.
    pub groups: Vec<String>,
}

/// A security context as read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecurityContextView {
    /// The name.
    pub name: String,
    /// For people.
    pub description: String,
    /// Whether every installation has it, unchangeable.
    pub built_in: bool,
    /// What it says.
    pub rights: SecurityRights,
    /// What the primary container gets.
    pub primary: ContainerSecurity,
    /// What the builder gets.
    pub builder: ContainerSecurity,
    /// The sizes that name it.
    pub sizes: Vec<SecurityContextUse>,
    /// Changes with every update; 0 = built in.
    pub revision: i64,
    /// When it was last changed; 0 = built in.
    pub updated_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_its_name_on_the_wire() {
        for name in ["Default", "Restricted", "Privileged", "hardened"] {
            let context = SecurityContext::from(name);
            assert_eq!(context.name(), name);
            assert_eq!(String::from(context), name);
        }
        assert_eq!(SecurityContext::from("Restricted"), SecurityContext::Restricted);
        assert_eq!(
            SecurityContext::from("hardened"),
            SecurityContext::Own("hardened".into())
        );
    }
}

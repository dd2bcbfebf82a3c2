//! Builds: what is asked for, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Secret, access::Door, ids::BuildId};

/// What a registry login is for, where it is not for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CredentialUse {
    /// Pulls of `FROM` and `COPY --from`.
    Pull,
    /// The push of the result.
    Push,
}

impl CredentialUse {
    /// The word as written in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pull, Self::Push].into_iter().find(|known| known.name() == name)
    }
}

/// A registry login for pulls of `FROM` and for the push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegistryCredential {
    /// `registry.example.com` or `registry.example.com:5000`; with a path behind it, e.g. `registry.example.com/team-a`, for the
    /// repositories below that only. For each image the login with the longest path is taken.
    pub host: String,
    /// User or robot name.
    pub username: String,
    /// Password or token.
    pub password: Secret,
    /// Only for pulls or only for the push; without it for both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<CredentialUse>,
}

fn yes() -> bool {
    true
}

/// A build to be run in a builder worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BuildRequest {
    /// The builder worker's name.
    pub worker: String,
    /// Image name without tag, e.g. `my-registry.my-company.com/demo/my-image`.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// Push after building. `false` builds and keeps the cache.
    #[serde(default = "yes")]
    pub push_image: bool,
    /// Values for `ARG`. They are recorded: no place for secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub build_args: BTreeMap<String, String>,
    /// Registry logins, one for each host, or for each repository path and use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registry_credentials: Vec<RegistryCredential>,
    /// Names of kept registry credentials, beside those. `NAME/team-a` uses one for the repositories below `team-a` only, `NAME:pull`
    /// and `NAME:push` only for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registry_secrets: Vec<String>,
    /// Push over plain HTTP or unverified TLS. It concerns the push only.
    #[serde(default)]
    pub insecure_registry: bool,
    /// Build without using the cache.
    #[serde(default)]
    pub no_cache: bool,
    /// An uploaded context; empty = the build folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context_id: String,
    /// The context's folder in the build folder, or in the uploaded context; empty = all of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
    /// The Dockerfile, relative to the context; empty = `Dockerfile`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dockerfile: String,
    /// Further arguments for the build command, e.g. `--opt target=web`. They are recorded: no place for secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub additional_build_params: String,
    /// `buildctl build …` in the place of the console's own command; output and log stay the console's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub custom_build_command: String,
}

/// A request to run a finished build's inputs again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RerunRequest {
    /// Logins again: they are not kept after a build has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registry_credentials: Vec<RegistryCredential>,
    /// Names of kept registry credentials. Those that the build used are used again unless another login is given for their host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registry_secrets: Vec<String>,
    /// Without using the cache this time.
    pub no_cache: bool,
}

/// Where a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BuildStatus {
    /// Recorded, not started in the builder yet.
    Pending,
    /// The builder works on it.
    Running,
    /// It is to end, because somebody canceled it or it takes too long; the builder has not confirmed the end yet.
    Canceling,
    /// Built, and pushed if asked for.
    Succeeded,
    /// It did not work out; `reason` says why.
    Failed,
    /// Somebody stopped it.
    Canceled,
}

impl BuildStatus {
    /// The name as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Canceling => "Canceling",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Running | Self::Canceling => false,
            Self::Succeeded | Self::Failed | Self::Canceled => true,
        }
    }
}

/// Why a build failed, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BuildReason {
    /// A step's command ended with an error.
    StepFailed,
    /// The Dockerfile cannot be read or makes no sense.
    DockerfileInvalid,
    /// The registry refused a pull.
    PullDenied,
    /// The registry refused the push.
    PushDenied,
    /// A step went over the builder's memory.
    OutOfMemory,
    /// The builder's disk is full.
    DiskFull,
    /// A registry does not answer.
    RegistryUnreachable,
    /// The builder ended in the middle of it.
    BuilderLost,
    /// It took too long.
    Timeout,
    /// BuildKit failed in a way not listed here; the message has its words.
    BuildKitError,
}

impl BuildReason {
    /// The word as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::StepFailed => "StepFailed",
            Self::DockerfileInvalid => "DockerfileInvalid",
            Self::PullDenied => "PullDenied",
            Self::PushDenied => "PushDenied",
            Self::OutOfMemory => "OutOfMemory",
            Self::DiskFull => "DiskFull",
            Self::RegistryUnreachable => "RegistryUnreachable",
            Self::BuilderLost => "BuilderLost",
            Self::Timeout => "Timeout",
            Self::BuildKitError => "BuildKitError",
        }
    }
}

/// A login that a build used, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CredentialView {
    /// The registry, with the path of the repositories if it was for those only.
    pub host: String,
    /// The user name.
    pub username: String,
    /// Only for pulls or only for the push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<CredentialUse>,
    /// Name of the kept registry credential that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
}

impl CredentialView {
    /// In words, e.g. `robot at registry.example.com, for pulls`.
    pub fn text(&self) -> String {
        let login = format!("{} at {}", self.username, self.host);
        let login = match &self.secret_name {
            Some(name) => format!("{name} ({login})"),
            None => login,
        };
        match self.only {
            None => login,
            Some(CredentialUse::Pull) => format!("{login}, for pulls"),
            Some(CredentialUse::Push) => format!("{login}, for the push"),
        }
    }
}

/// A build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BuildView {
    /// The number people use: `#12`.
    pub number: i64,
    /// The id.
    pub id: BuildId,
    /// The builder worker's name.
    pub worker: String,
    /// Login name of who started it.
    pub owner: String,
    /// The door it came in by.
    pub door: Door,
    /// Image name without tag.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// `name:tag`.
    pub reference: String,
    /// Whether it is pushed.
    pub push_image: bool,
    /// Values for `ARG`.
    pub build_args: BTreeMap<String, String>,
    /// The logins used.
    pub credentials: Vec<CredentialView>,
    /// Whether the push may go over plain HTTP or unverified TLS.
    pub insecure_registry: bool,
    /// Whether the cache is left unused.
    pub no_cache: bool,
    /// The uploaded context; empty = the build folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context_id: String,
    /// The context's folder in the build folder, or in the uploaded context.
    pub context: String,
    /// Path of the Dockerfile in the context.
    pub dockerfile: String,
    /// The further arguments of the build command, e.g. `--opt target=web`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub additional_build_params: String,
    /// The command in the place of the console's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub custom_build_command: String,
    /// The Dockerfile's text when the build was started; empty in lists.
    #[serde(default)]
    pub dockerfile_text: String,
    /// Where it is.
    pub status: BuildStatus,
    /// Why it failed.
    pub reason: Option<BuildReason>,
    /// The outcome in plain words.
    pub message: String,
    /// The step that failed.
    pub step: Option<String>,
    /// `sha256:…` of the result.
    pub digest: Option<String>,
    /// The build whose inputs these are.
    pub rerun_of: Option<i64>,
    /// When it was asked for.
    pub created_ms: i64,
    /// When the builder began.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// Steps seen so far.
    pub steps: i64,
    /// Of them, from the cache.
    pub steps_cached: i64,
    /// Log lines so far.
    pub lines: i64,
    /// Sequence number of the last record of its log.
    pub last_seq: u64,
}

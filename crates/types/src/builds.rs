//! Builds: what is asked for, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Secret, access::Door, build_args, ids::BuildId};

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
    /// Values for `ARG`: text, or a number or boolean, which is taken as it is written. They are recorded: no place for secrets.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "build_args::deserialize"
    )]
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
    /// The text of a Dockerfile that is not in the context, at most 512 KiB; `dockerfile` then only names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile_text: Option<String>,
    /// Further names of the result, `NAME:TAG`; a name without a tag gets `tag`. They are pushed, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_tags: Vec<String>,
    /// The stage to build; empty = the last one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Platforms of the result, e.g. `linux/arm64`; without any the builder's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Labels of the image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Ask the registries for base images that the builder has already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pull: bool,
    /// Files for `RUN --mount=type=secret`. Their values are not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<BuildSecret>,
    /// Network of `RUN` steps: `default` or `none`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub network: String,
    /// Lines for `/etc/hosts` in `RUN` steps, `NAME:ADDRESS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_hosts: Vec<String>,
    /// Size of `/dev/shm` in `RUN` steps, e.g. `128m`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shm_size: String,
    /// Limits of `RUN` steps, e.g. `nofile=1024:2048`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<String>,
    /// Caches to read, e.g. `registry.example.com/demo/cache` or `type=registry,ref=…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cache_from: Vec<String>,
    /// Caches to write, e.g. `type=registry,ref=…,mode=max` or `type=inline`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cache_to: Vec<String>,
    /// `false` writes Docker's media types, for registries that take nothing else; unset = as BuildKit does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci_mediatypes: Option<bool>,
    /// Further arguments for the build command, e.g. `--opt target=web`. They are recorded: no place for secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub additional_build_params: String,
    /// `buildctl build …` in the place of the console's own command; output and log stay the console's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub custom_build_command: String,
}

/// A file for `RUN --mount=type=secret,id=…`, from exactly one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BuildSecret {
    /// The id that the Dockerfile names.
    pub id: String,
    /// The value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Secret>,
    /// Name of a secret of one's own that the console stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_secret: Option<String>,
    /// Name of a shared secret that the console stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_secret: Option<String>,
}

/// A secret mount of a build, without its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BuildSecretView {
    /// The id that the Dockerfile names.
    pub id: String,
    /// Name of the user's stored secret that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_secret: Option<String>,
    /// Name of the shared secret that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_secret: Option<String>,
}

impl BuildSecretView {
    /// Whether its value was given with the build, and so is gone.
    pub fn is_typed(&self) -> bool {
        self.personal_secret.is_none() && self.shared_secret.is_none()
    }

    /// In words, e.g. `npm (shared secret NPM_TOKEN)`.
    pub fn text(&self) -> String {
        match (&self.personal_secret, &self.shared_secret) {
            (Some(name), _) => format!("{} (secret {name})", self.id),
            (None, Some(name)) => format!("{} (shared secret {name})", self.id),
            (None, None) => self.id.clone(),
        }
    }
}

/// What a build was told besides its name, context and credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct BuildOptions {
    /// Further names of the result, `NAME:TAG`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_tags: Vec<String>,
    /// The stage that is built; empty = the last one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Platforms of the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Labels of the image.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether the registries are asked for base images that the builder has.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pull: bool,
    /// Secret mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<BuildSecretView>,
    /// Network of `RUN` steps.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub network: String,
    /// Lines for `/etc/hosts` in `RUN` steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_hosts: Vec<String>,
    /// Size of `/dev/shm` in `RUN` steps.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shm_size: String,
    /// Limits of `RUN` steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<String>,
    /// Caches that are read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache_from: Vec<String>,
    /// Caches that are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache_to: Vec<String>,
    /// `false`: Docker's media types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oci_mediatypes: Option<bool>,
    /// Whether the Dockerfile came with the request instead of lying in the context.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dockerfile_given: bool,
}

impl Default for BuildRequest {
    /// A push, and nothing else.
    fn default() -> Self {
        Self {
            worker: String::new(),
            name: String::new(),
            tag: String::new(),
            push_image: yes(),
            build_args: BTreeMap::new(),
            registry_credentials: vec![],
            registry_secrets: vec![],
            insecure_registry: false,
            no_cache: false,
            context_id: String::new(),
            context: String::new(),
            dockerfile: String::new(),
            dockerfile_text: None,
            additional_tags: vec![],
            target: String::new(),
            platforms: vec![],
            labels: BTreeMap::new(),
            pull: false,
            secrets: vec![],
            network: String::new(),
            add_hosts: vec![],
            shm_size: String::new(),
            ulimits: vec![],
            cache_from: vec![],
            cache_to: vec![],
            oci_mediatypes: None,
            additional_build_params: String::new(),
            custom_build_command: String::new(),
        }
    }
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
    /// Secret mounts again: values that were given with the build are not stored. Stored secrets are used again unless another one with
    /// their id is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<BuildSecret>,
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
    /// There is no such base image or tag.
    NoSuchImage,
    /// The registry refused the push.
    PushDenied,
    /// The registry allows no more requests for now.
    RateLimited,
    /// A base image is for another processor architecture.
    WrongArchitecture,
    /// What the registry sent of an image is damaged.
    CorruptImage,
    /// The Dockerfile asks for a right that the builder does not give.
    NotAllowed,
    /// A step was killed because the builder ran out of memory.
    OutOfMemory,
    /// The builder's disk is full.
    DiskFull,
    /// A registry does not answer, or says that it cannot.
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
            Self::NoSuchImage => "NoSuchImage",
            Self::PushDenied => "PushDenied",
            Self::RateLimited => "RateLimited",
            Self::WrongArchitecture => "WrongArchitecture",
            Self::CorruptImage => "CorruptImage",
            Self::NotAllowed => "NotAllowed",
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
    /// What else it was told.
    #[serde(flatten)]
    pub options: BuildOptions,
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
    /// Whether the build and its log are kept for ever.
    #[serde(default)]
    pub pinned: bool,
    /// When the record of the build may be deleted; unset = never, or the build has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
    /// The same for its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_expires_ms: Option<i64>,
    /// When its log was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_deleted_ms: Option<i64>,
}

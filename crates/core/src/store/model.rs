//! What is stored. Times are milliseconds since 1970. Sealed bytes are made by `crypto::Sealer`.

use std::collections::BTreeMap;

use prt_types::{
    access::{Door, Role, TokenScope},
    audit::Outcome,
    build_config::{BuildConfigMode, BuildConfigState, Finding},
    builds::{BuildOptions, BuildReason, BuildStatus, CredentialView},
    container_images::{PullPolicy, ServiceType},
    ids::{
        AuditId, BuildId, ContainerImageId, GroupId, NamedSecretId, RegistryCredentialId, TokenId, UserId, WorkerId,
        WorkerSizeId,
    },
    security_contexts::{SecurityContext, SecurityRights},
    worker_sizes::Limits,
    workers::{ContainerRole, WorkerReason, WorkerStatus},
};
use serde::{Deserialize, Serialize};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Login name; unique.
    pub username: String,
    /// argon2id, in PHC format.
    pub password_hash: String,
    /// Role.
    pub role: Role,
    /// Creation.
    pub created_ms: i64,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Id.
    pub id: GroupId,
    /// Name; unique.
    pub name: String,
    /// Whether it means all users.
    pub everyone: bool,
    /// Creation.
    pub created_ms: i64,
}

/// An API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Id.
    pub id: TokenId,
    /// Whose rights it has.
    pub user_id: UserId,
    /// What it is for.
    pub name: String,
    /// SHA-256 of the value, in hex; unique.
    pub hash: String,
    /// First characters of the value.
    pub prefix: String,
    /// Limits it to one worker and its builds.
    pub worker_id: Option<WorkerId>,
    /// What it may be used for.
    pub scope: TokenScope,
    /// Creation.
    pub created_ms: i64,
    /// End.
    pub expires_ms: Option<i64>,
    /// Last use.
    pub last_used_ms: Option<i64>,
}

/// A browser session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Id; unique.
    pub id: String,
    /// Content.
    pub data: String,
    /// End.
    pub expires_ms: i64,
}

/// Who a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grantee {
    /// One user.
    User(UserId),
    /// All members of a group.
    Group(GroupId),
}

/// A Container Image rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerImage {
    /// Id.
    pub id: ContainerImageId,
    /// Exact name, `*` or a regular expression, as the admin wrote it.
    pub image: String,
    /// Service type.
    pub service_type: ServiceType,
    /// Name for people.
    pub name: String,
    /// Description.
    pub description: String,
    /// Default version.
    pub version: String,
    /// Lowest version.
    pub minimum_version: String,
    /// Recommended version.
    pub recommended_version: String,
    /// Pull policy.
    pub pull_policy: Option<PullPolicy>,
    /// Registry user name.
    pub repo_username: String,
    /// Sealed registry password.
    pub repo_password_sealed: Option<Vec<u8>>,
    /// Kept registry credential, instead of the two above.
    pub repo_credential_id: Option<RegistryCredentialId>,
    /// Whether a builder of this image gets what others share with its user.
    pub trusted_with_credentials: bool,
    /// Startup script.
    pub startup_script: String,
    /// Larger first.
    pub order: i64,
    /// Who may use it.
    pub grants: Vec<Grantee>,
    /// 1, 2, 3 … with each change.
    pub revision: i64,
    /// Creation.
    pub created_ms: i64,
    /// Last change.
    pub updated_ms: i64,
}

/// A kept registry credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryCredential {
    /// Id.
    pub id: RegistryCredentialId,
    /// Name; unique.
    pub name: String,
    /// Registry.
    pub host: String,
    /// User name.
    pub username: String,
    /// Sealed password.
    pub password_sealed: Vec<u8>,
    /// Who may use it.
    pub owner: Grantee,
    /// Who gave the password, and so knows it; unset = from before that was recorded.
    pub stored_by: Option<UserId>,
    /// End.
    pub expires_ms: Option<i64>,
    /// Last use.
    pub last_used_ms: Option<i64>,
    /// 1, 2, 3 … with each change.
    pub revision: i64,
    /// Creation.
    pub created_ms: i64,
    /// Last change.
    pub updated_ms: i64,
}

/// A secret that workers get by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSecret {
    /// Id.
    pub id: NamedSecretId,
    /// Name; unique among the owner's and among the shared ones, never changes.
    pub name: String,
    /// Whose it is; unset = shared. Never changes.
    pub owner: Option<UserId>,
    /// Sealed value.
    pub value_sealed: Vec<u8>,
    /// Who may use a shared one.
    pub grants: Vec<Grantee>,
    /// Last use.
    pub last_used_ms: Option<i64>,
    /// 1, 2, 3 … with each change.
    pub revision: i64,
    /// Creation.
    pub created_ms: i64,
    /// Last change.
    pub updated_ms: i64,
}

/// Private certificates for builders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateBundle {
    /// Whether builders that start get it.
    pub inject: bool,
    /// PEM as builders get it; empty = none.
    pub pem: String,
    /// 1, 2, 3 … with each change.
    pub revision: i64,
    /// Last change.
    pub updated_ms: i64,
    /// Login name of who made it.
    pub updated_by: String,
}

/// The bundle that a worker's builder was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerBundle {
    /// SHA-256 of the bundle, in hex.
    pub fingerprint: String,
    /// Whose certificates these are.
    pub subjects: Vec<String>,
    /// Whether they were installed into the builder's trust store, too.
    pub trusted: bool,
}

/// A worker size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSize {
    /// Id.
    pub id: WorkerSizeId,
    /// Name; unique.
    pub name: String,
    /// Gross CPU.
    pub cpu_millis: i64,
    /// Net CPU.
    pub cpu_net_millis: i64,
    /// Gross memory.
    pub memory_mib: i64,
    /// Net memory.
    pub memory_net_mib: i64,
    /// GPUs.
    pub gpus: i64,
    /// Video memory.
    pub gpu_vram_gib: i64,
    /// The kind of GPU; empty = any.
    pub gpu_type: String,
    /// Labels of nodes.
    pub node_selector: BTreeMap<String, String>,
    /// Security context.
    pub security_context: SecurityContext,
    /// Taken when none is named.
    pub default: bool,
    /// Who may use it.
    pub grants: Vec<Grantee>,
    /// 1, 2, 3 … with each change.
    pub revision: i64,
    /// Creation.
    pub created_ms: i64,
    /// Last change; 0 = before changes were kept.
    pub updated_ms: i64,
}

/// A security context that an admin made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSecurityContext {
    /// Name; unique, never changes.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it says.
    pub rights: SecurityRights,
    /// 1, 2, 3 … with each change.
    pub revision: i64,
    /// Creation.
    pub created_ms: i64,
    /// Last change.
    pub updated_ms: i64,
}

impl WorkerSize {
    /// What the containers get together.
    pub fn net_limits(&self) -> Limits {
        Limits {
            cpu_millis: self.cpu_net_millis,
            memory_mib: self.memory_net_mib,
            gpus: self.gpus,
        }
    }
}

/// A container as planned, kept with the worker so that pages can show it before and after the engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedContainer {
    /// Which one.
    pub role: ContainerRole,
    /// Image reference.
    pub image: String,
    /// Its share.
    pub limits: Limits,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Id.
    pub id: WorkerId,
    /// Number; unique.
    pub number: i64,
    /// Owner.
    pub owner_id: UserId,
    /// Owner's login name.
    pub owner: String,
    /// Image reference as resolved.
    pub image: String,
    /// Digest.
    pub image_digest: Option<String>,
    /// Size name at the start.
    pub size: String,
    /// The size; unset for workers from before it was kept.
    pub size_id: Option<WorkerSizeId>,
    /// Net limits at the start.
    pub limits: Limits,
    /// Security context at the start.
    pub security_context: SecurityContext,
    /// What it said at the start: later changes do not reach the worker.
    pub rights: SecurityRights,
    /// Whether it has a builder.
    pub builder: bool,
    /// Builder's share in percent.
    pub builder_capacity: Option<i64>,
    /// Containers as planned.
    pub planned: Vec<PlannedContainer>,
    /// Status.
    pub status: WorkerStatus,
    /// Reason of a failure.
    pub reason: Option<WorkerReason>,
    /// In plain words.
    pub message: String,
    /// Creation.
    pub created_ms: i64,
    /// First answer.
    pub ready_ms: Option<i64>,
    /// End.
    pub ended_ms: Option<i64>,
    /// Why it was terminated.
    pub stop_reason: Option<String>,
    /// Names of the owner's own secrets that it gets.
    pub personal_secrets: Vec<String>,
    /// Names of shared secrets that it gets.
    pub shared_secrets: Vec<String>,
    /// Parameters for the programs in it.
    pub additional_params: BTreeMap<String, serde_json::Value>,
}

impl Worker {
    /// `Worker-12`.
    pub fn name(&self) -> String {
        format!("Worker-{}", self.number)
    }

    /// Whether its containers have all rights, and its builder is the privileged one.
    pub fn privileged(&self) -> bool {
        self.rights.privileged
    }
}

/// Which workers.
#[derive(Clone, Debug, Default)]
pub struct WorkerFilter {
    /// Of this owner.
    pub owner: Option<UserId>,
    /// Only those that still hold resources of the engine.
    pub live_only: bool,
    /// At most so many; 0 = all.
    pub limit: i64,
}

/// A configuration of a build service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildServiceConfig {
    /// Where it comes from.
    pub mode: BuildConfigMode,
    /// The list of the simple mode.
    pub insecure_registries: Vec<String>,
    /// The text of the full mode as it was written.
    pub config_content: Option<String>,
    /// What BuildKit gets.
    pub text: String,
}

/// The configuration of a worker's build service, once somebody has changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerBuildConfig {
    /// The worker.
    pub worker_id: WorkerId,
    /// Where the latest change is.
    pub state: BuildConfigState,
    /// In plain words.
    pub message: String,
    /// What the service runs with.
    pub active: BuildServiceConfig,
    /// What it is to run with, while it changes.
    pub pending: Option<BuildServiceConfig>,
    /// What is said of the latest text.
    pub findings: Vec<Finding>,
    /// Number of changes.
    pub revision: i64,
    /// When the latest change was asked for.
    pub updated_ms: i64,
    /// By whom: a login name.
    pub updated_by: String,
}

/// What a way into a notebook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotebookLoginKind {
    /// A link, which works once.
    Link,
    /// A browser that has used one.
    Browser,
}

/// A way into a worker's notebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotebookLogin {
    /// SHA-256 of its value, in hex.
    pub hash: String,
    /// What it is.
    pub kind: NotebookLoginKind,
    /// The worker.
    pub worker_id: WorkerId,
    /// Whose rights it has.
    pub user_id: UserId,
    /// The API token that it was opened with, if one was; it ends with that.
    pub token_id: Option<TokenId>,
    /// Whether the notebook is to be dark.
    pub dark: bool,
    /// End.
    pub expires_ms: i64,
}

/// A build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Id.
    pub id: BuildId,
    /// Number; unique.
    pub number: i64,
    /// The builder worker.
    pub worker_id: WorkerId,
    /// Its number.
    pub worker_number: i64,
    /// Who started it.
    pub owner_id: UserId,
    /// Their login name.
    pub owner: String,
    /// Door.
    pub door: Door,
    /// Image name.
    pub name: String,
    /// Tag.
    pub tag: String,
    /// Push or not.
    pub push_image: bool,
    /// Build args.
    pub build_args: BTreeMap<String, String>,
    /// Logins without passwords.
    pub credentials: Vec<CredentialView>,
    /// The logins with passwords, sealed; gone when the build has ended.
    pub credentials_sealed: Option<Vec<u8>>,
    /// Push over HTTP or unverified TLS.
    pub insecure_registry: bool,
    /// Without cache.
    pub no_cache: bool,
    /// An uploaded context; empty = a folder of the build folder.
    pub context_id: String,
    /// Folder of the context in either.
    pub context: String,
    /// Dockerfile relative to the context.
    pub dockerfile: String,
    /// Its text.
    pub dockerfile_text: String,
    /// What else it was told.
    pub options: BuildOptions,
    /// Further arguments as typed.
    pub additional_build_params: String,
    /// Custom command as typed.
    pub custom_build_command: String,
    /// Status.
    pub status: BuildStatus,
    /// Reason of a failure.
    pub reason: Option<BuildReason>,
    /// In plain words.
    pub message: String,
    /// The step that failed.
    pub step: Option<String>,
    /// Digest.
    pub digest: Option<String>,
    /// Whose inputs these are.
    pub rerun_of: Option<i64>,
    /// Whether somebody asked for its end.
    pub cancel_requested: bool,
    /// Creation.
    pub created_ms: i64,
    /// Start in the builder.
    pub started_ms: Option<i64>,
    /// End.
    pub ended_ms: Option<i64>,
    /// Steps seen; written at the end.
    pub steps: i64,
    /// Cached steps; written at the end.
    pub steps_cached: i64,
    /// Log lines; written at the end.
    pub lines: i64,
    /// Kept for ever; changed by `build_pin` alone.
    pub pinned: bool,
    /// When its log was deleted; changed by `build_log_deleted` alone.
    pub log_deleted_ms: Option<i64>,
}

/// Which builds.
#[derive(Clone, Debug, Default)]
pub struct BuildFilter {
    /// Started by.
    pub owner: Option<UserId>,
    /// In this worker.
    pub worker: Option<WorkerId>,
    /// In this status.
    pub status: Option<BuildStatus>,
    /// Only those that are not final.
    pub active_only: bool,
    /// With a number below.
    pub before: Option<i64>,
    /// At most so many; 0 = all.
    pub limit: i64,
}

/// An audit row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Id; its order is the order of events.
    pub id: AuditId,
    /// When.
    pub at_ms: i64,
    /// Login name, or `system`.
    pub actor: String,
    /// Door.
    pub door: Door,
    /// Address.
    pub address: String,
    /// Action.
    pub action: String,
    /// Object.
    pub object: String,
    /// Outcome.
    pub outcome: Outcome,
    /// JSON.
    pub details: String,
}

//! The port to a database.
//!
//! [`Store::read`] and [`Store::write`] open a transaction, a [`Repository`] with the methods of every kind of data; a change counts
//! only after [`Repository::save`]. Dropping it undoes it. Lookups return `Option`; a name that is taken is [`StoreError::Unique`].
//!
//! # How to add a kind of data
//! A row type in `model.rs`, a trait below, a migration, an implementation in `crates/store`, and a story in
//! `testing/store_conformance.rs`, which runs on SQLite and on Postgres.

mod idempotency;
mod model;
mod retention;

use std::collections::HashMap;

use async_trait::async_trait;
use prt_types::{
    builds::BuildStatus,
    ids::{
        BuildId, ContainerImageId, GroupId, NamedSecretId, RegistryCredentialId, TokenId, UserId, WorkerId,
        WorkerSizeId,
    },
    workers::WorkerEvent,
};

pub use idempotency::{IdempotencyKey, IdempotencyRepository};
pub use model::{
    ApiToken, AuditRow, Build, BuildFilter, BuildServiceConfig, CertificateBundle, ContainerImage, Grantee, Group,
    NamedSecret, NotebookLogin, NotebookLoginKind, OwnSecurityContext, PlannedContainer, RegistryCredential,
    SessionRow, User, Worker, WorkerBuildConfig, WorkerBundle, WorkerFilter, WorkerSize,
};
pub use retention::{BuildsDue, RetentionRepository};

/// A failed database call.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique name is taken.
    #[error("the {0} is taken")]
    Unique(String),
    /// Another writer held the database for too long.
    #[error("the database is busy")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database is out of reach.
    #[error("the database is out of reach")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its disk is full: nothing of the transaction is stored.
    #[error("the database's disk is full")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It may only be read.
    #[error("the database is read-only")]
    ReadOnly(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its files are damaged.
    #[error("the database is damaged: restore it from a backup")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its tables are not those of this version.
    #[error("{0}")]
    Schema(SchemaProblem),
    /// Another console uses it.
    #[error(
        "another console uses this database, on this machine or on another one. One database supports one console: stop the other \
         one, or give this one its own database_url and data_dir"
    )]
    InUse,
    /// A stored value cannot be read.
    #[error("unreadable value in {what}")]
    Corrupt {
        /// Table and column.
        what: String,
    },
    /// Anything else.
    #[error("the database failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why the tables of a database do not fit this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaProblem {
    /// A later version has changed them.
    #[error(
        "a newer version of the console made this database. Start that version, or restore a backup from before the upgrade"
    )]
    Newer,
    /// A step was applied in another form.
    #[error(
        "another build of the console made this database: its step {0} differs from this version's. Start the version that made it, \
         or restore a backup of this version"
    )]
    Different(i64),
    /// A step was interrupted.
    #[error("step {0} of an upgrade of this database was interrupted. Restore the backup from before the upgrade")]
    HalfDone(i64),
}

/// Result of a database call.
pub type StoreResult<T> = Result<T, StoreError>;

/// A database.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// A transaction that only reads.
    async fn read(&self) -> StoreResult<Box<dyn Repository>>;
    /// A transaction that may write. On SQLite it is the only one at a time.
    async fn write(&self) -> StoreResult<Box<dyn Repository>>;
    /// Whether it answers and can be written.
    async fn ping(&self) -> StoreResult<()>;
}

/// One transaction.
#[async_trait]
pub trait Repository:
    UserRepository
    + GroupRepository
    + TokenRepository
    + SessionRepository
    + ContainerImageRepository
    + RegistryCredentialRepository
    + NamedSecretRepository
    + CertificateRepository
    + SecurityContextRepository
    + WorkerSizeRepository
    + WorkerRepository
    + BuildConfigRepository
    + NotebookRepository
    + BuildRepository
    + AuditRepository
    + SettingRepository
    + IdempotencyRepository
    + RetentionRepository
    + Send
{
    /// Makes the changes count.
    async fn save(self: Box<Self>) -> StoreResult<()>;
}

/// Users.
#[async_trait]
pub trait UserRepository {
    /// Adds one.
    async fn user_add(&mut self, user: &User) -> StoreResult<()>;
    /// By id.
    async fn user(&mut self, id: UserId) -> StoreResult<Option<User>>;
    /// By login name.
    async fn user_by_name(&mut self, username: &str) -> StoreResult<Option<User>>;
    /// All, by login name.
    async fn users(&mut self) -> StoreResult<Vec<User>>;
    /// Login names of these; one statement, however many there are.
    async fn usernames(&mut self, ids: &[UserId]) -> StoreResult<HashMap<UserId, String>>;
    /// Ids by login names; one statement, however many there are.
    async fn user_ids(&mut self, usernames: &[String]) -> StoreResult<HashMap<String, UserId>>;
    /// Replaces the password's hash.
    async fn user_set_password(&mut self, id: UserId, hash: &str) -> StoreResult<()>;
}

/// Groups and who is in them. Everyone has no stored members.
#[async_trait]
pub trait GroupRepository {
    /// Adds one.
    async fn group_add(&mut self, group: &Group) -> StoreResult<()>;
    /// By name.
    async fn group_by_name(&mut self, name: &str) -> StoreResult<Option<Group>>;
    /// All, Everyone first, then by name.
    async fn groups(&mut self) -> StoreResult<Vec<Group>>;
    /// Replaces the members of a group.
    async fn group_set_members(&mut self, group: GroupId, users: &[UserId]) -> StoreResult<()>;
    /// Members of a group.
    async fn group_members(&mut self, group: GroupId) -> StoreResult<Vec<UserId>>;
    /// Who is in which group, of all groups.
    async fn memberships(&mut self) -> StoreResult<Vec<(GroupId, UserId)>>;
    /// Adds a user to a group; being in it already is no error.
    async fn group_join(&mut self, group: GroupId, user: UserId) -> StoreResult<()>;
    /// Groups of a user, Everyone included.
    async fn user_groups(&mut self, user: UserId) -> StoreResult<Vec<Group>>;
}

/// API tokens, found by the hash of their value.
#[async_trait]
pub trait TokenRepository {
    /// Adds one.
    async fn token_add(&mut self, token: &ApiToken) -> StoreResult<()>;
    /// By the SHA-256 of its value, in hex.
    async fn token_by_hash(&mut self, hash: &str) -> StoreResult<Option<ApiToken>>;
    /// A user's own, newest first; the workers' own are left out.
    async fn tokens_of(&mut self, user: UserId) -> StoreResult<Vec<ApiToken>>;
    /// Removes a user's token; whether it was there.
    async fn token_remove(&mut self, user: UserId, id: TokenId) -> StoreResult<bool>;
    /// Removes the tokens of a worker.
    async fn tokens_of_worker_remove(&mut self, worker: WorkerId) -> StoreResult<()>;
    /// Notes a use.
    async fn token_used(&mut self, id: TokenId, at_ms: i64) -> StoreResult<()>;
    /// Notes a worker that was started with the token.
    async fn token_worker_add(&mut self, id: TokenId, worker: WorkerId) -> StoreResult<()>;
    /// Whether the worker was started with the token.
    async fn token_has_worker(&mut self, id: TokenId, worker: WorkerId) -> StoreResult<bool>;
}

/// Browser sessions; the content is the session layer's.
#[async_trait]
pub trait SessionRepository {
    /// Adds or replaces one.
    async fn session_put(&mut self, session: &SessionRow) -> StoreResult<()>;
    /// Adds one unless the id is taken; whether it was added.
    async fn session_add(&mut self, session: &SessionRow) -> StoreResult<bool>;
    /// By id, unless it has ended.
    async fn session(&mut self, id: &str, now_ms: i64) -> StoreResult<Option<SessionRow>>;
    /// Removes one.
    async fn session_remove(&mut self, id: &str) -> StoreResult<()>;
    /// Removes those that have ended.
    async fn sessions_sweep(&mut self, now_ms: i64) -> StoreResult<()>;
}

/// Container Image rules with their grants.
#[async_trait]
pub trait ContainerImageRepository {
    /// Adds one.
    async fn container_image_add(&mut self, image: &ContainerImage) -> StoreResult<()>;
    /// Replaces one if its stored revision is `image.revision - 1`; whether it was.
    async fn container_image_update(&mut self, image: &ContainerImage) -> StoreResult<bool>;
    /// Removes one; whether it was there.
    async fn container_image_remove(&mut self, id: ContainerImageId) -> StoreResult<bool>;
    /// By id.
    async fn container_image(&mut self, id: ContainerImageId) -> StoreResult<Option<ContainerImage>>;
    /// All, larger `order` first, then by creation.
    async fn container_images(&mut self) -> StoreResult<Vec<ContainerImage>>;
}

/// Kept registry credentials.
#[async_trait]
pub trait RegistryCredentialRepository {
    /// Adds one.
    async fn registry_credential_add(&mut self, credential: &RegistryCredential) -> StoreResult<()>;
    /// Replaces one, except for its last use, if its stored revision is `credential.revision - 1`; whether it was.
    async fn registry_credential_update(&mut self, credential: &RegistryCredential) -> StoreResult<bool>;
    /// Removes one; whether it was there. One that a Container Image rule names cannot be removed.
    async fn registry_credential_remove(&mut self, id: RegistryCredentialId) -> StoreResult<bool>;
    /// By id.
    async fn registry_credential(&mut self, id: RegistryCredentialId) -> StoreResult<Option<RegistryCredential>>;
    /// By name.
    async fn registry_credential_by_name(&mut self, name: &str) -> StoreResult<Option<RegistryCredential>>;
    /// All, by name.
    async fn registry_credentials(&mut self) -> StoreResult<Vec<RegistryCredential>>;
    /// Notes a use; no revision.
    async fn registry_credential_used(&mut self, id: RegistryCredentialId, at_ms: i64) -> StoreResult<()>;
}

/// Secrets that workers get by their names.
#[async_trait]
pub trait NamedSecretRepository {
    /// Adds one.
    async fn named_secret_add(&mut self, secret: &NamedSecret) -> StoreResult<()>;
    /// Replaces its value and grants if its stored revision is `secret.revision - 1`; whether it was.
    async fn named_secret_update(&mut self, secret: &NamedSecret) -> StoreResult<bool>;
    /// Removes one; whether it was there.
    async fn named_secret_remove(&mut self, id: NamedSecretId) -> StoreResult<bool>;
    /// By id.
    async fn named_secret(&mut self, id: NamedSecretId) -> StoreResult<Option<NamedSecret>>;
    /// The shared ones and a user's own, by name, the shared one first.
    async fn named_secrets(&mut self, owner: UserId) -> StoreResult<Vec<NamedSecret>>;
    /// Notes a use; no revision.
    async fn named_secret_used(&mut self, id: NamedSecretId, at_ms: i64) -> StoreResult<()>;
}

/// Private certificates for builders.
#[async_trait]
pub trait CertificateRepository {
    /// The bundle and its switch, once there was a change.
    async fn certificate_bundle(&mut self) -> StoreResult<Option<CertificateBundle>>;
    /// Replaces it.
    async fn certificate_bundle_put(&mut self, bundle: &CertificateBundle) -> StoreResult<()>;
    /// Notes what a worker's builder is started with.
    async fn worker_bundle_add(&mut self, worker: WorkerId, bundle: &WorkerBundle) -> StoreResult<()>;
    /// What it was started with, if any.
    async fn worker_bundle(&mut self, worker: WorkerId) -> StoreResult<Option<WorkerBundle>>;
}

/// Worker sizes with their grants.
#[async_trait]
pub trait WorkerSizeRepository {
    /// Adds one.
    async fn worker_size_add(&mut self, size: &WorkerSize) -> StoreResult<()>;
    /// Replaces one if its stored revision is `size.revision - 1`; whether it was.
    async fn worker_size_update(&mut self, size: &WorkerSize) -> StoreResult<bool>;
    /// Takes the default off all others than `id`; their revisions go up.
    async fn worker_size_only_default(&mut self, id: WorkerSizeId) -> StoreResult<()>;
    /// Removes one; whether it was there.
    async fn worker_size_remove(&mut self, id: WorkerSizeId) -> StoreResult<bool>;
    /// By id.
    async fn worker_size(&mut self, id: WorkerSizeId) -> StoreResult<Option<WorkerSize>>;
    /// All, by CPU, memory and name.
    async fn worker_sizes(&mut self) -> StoreResult<Vec<WorkerSize>>;
}

/// Security contexts that admins made.
#[async_trait]
pub trait SecurityContextRepository {
    /// Adds one.
    async fn security_context_add(&mut self, context: &OwnSecurityContext) -> StoreResult<()>;
    /// Replaces one if its stored revision is `context.revision - 1`; whether it was.
    async fn security_context_update(&mut self, context: &OwnSecurityContext) -> StoreResult<bool>;
    /// Removes one; whether it was there.
    async fn security_context_remove(&mut self, name: &str) -> StoreResult<bool>;
    /// By name.
    async fn security_context(&mut self, name: &str) -> StoreResult<Option<OwnSecurityContext>>;
    /// All, by name.
    async fn security_contexts(&mut self) -> StoreResult<Vec<OwnSecurityContext>>;
}

/// Workers and their events.
#[async_trait]
pub trait WorkerRepository {
    /// The next worker's number: 1, 2, 3 …; no number is given twice, whatever was removed.
    async fn worker_next_number(&mut self) -> StoreResult<i64>;
    /// Sees to it that no number up to this one is given from now on.
    async fn worker_number_reserve(&mut self, number: i64) -> StoreResult<()>;
    /// The highest number that this database has given; 0 = none yet.
    async fn worker_last_number(&mut self) -> StoreResult<i64>;
    /// Adds one.
    async fn worker_add(&mut self, worker: &Worker) -> StoreResult<()>;
    /// Replaces one.
    async fn worker_update(&mut self, worker: &Worker) -> StoreResult<()>;
    /// By id.
    async fn worker(&mut self, id: WorkerId) -> StoreResult<Option<Worker>>;
    /// By number.
    async fn worker_by_number(&mut self, number: i64) -> StoreResult<Option<Worker>>;
    /// Those that match, newest first.
    async fn workers(&mut self, filter: &WorkerFilter) -> StoreResult<Vec<Worker>>;
    /// Appends an event.
    async fn worker_event_add(&mut self, worker: WorkerId, event: &WorkerEvent) -> StoreResult<()>;
    /// Events, oldest first, at most the last 500.
    async fn worker_events(&mut self, worker: WorkerId) -> StoreResult<Vec<WorkerEvent>>;
}

/// Configurations of build services.
#[async_trait]
pub trait BuildConfigRepository {
    /// Adds or replaces a worker's.
    async fn build_config_put(&mut self, config: &WorkerBuildConfig) -> StoreResult<()>;
    /// A worker's; `None` = never changed.
    async fn build_config(&mut self, worker: WorkerId) -> StoreResult<Option<WorkerBuildConfig>>;
    /// Those that are being changed.
    async fn build_configs_changing(&mut self) -> StoreResult<Vec<WorkerBuildConfig>>;
}

/// Ways into notebooks, found by the hash of their value.
#[async_trait]
pub trait NotebookRepository {
    /// Adds one.
    async fn notebook_login_add(&mut self, login: &NotebookLogin) -> StoreResult<()>;
    /// One that is not over.
    async fn notebook_login(
        &mut self,
        hash: &str,
        kind: NotebookLoginKind,
        now_ms: i64,
    ) -> StoreResult<Option<NotebookLogin>>;
    /// The same, and it is gone.
    async fn notebook_login_take(
        &mut self,
        hash: &str,
        kind: NotebookLoginKind,
        now_ms: i64,
    ) -> StoreResult<Option<NotebookLogin>>;
    /// Removes a user's; how many there were.
    async fn notebook_logins_of(&mut self, user: UserId) -> StoreResult<u64>;
    /// Removes those that are over.
    async fn notebook_logins_sweep(&mut self, now_ms: i64) -> StoreResult<()>;
}

/// Builds.
#[async_trait]
pub trait BuildRepository {
    /// The next build's number.
    async fn build_next_number(&mut self) -> StoreResult<i64>;
    /// Adds one.
    async fn build_add(&mut self, build: &Build) -> StoreResult<()>;
    /// Replaces one if its stored status is one of `from`; whether it was. This makes the end of a build happen once.
    async fn build_update_from(&mut self, build: &Build, from: &[BuildStatus]) -> StoreResult<bool>;
    /// By id.
    async fn build(&mut self, id: BuildId) -> StoreResult<Option<Build>>;
    /// By number.
    async fn build_by_number(&mut self, number: i64) -> StoreResult<Option<Build>>;
    /// Those that match, newest first.
    async fn builds(&mut self, filter: &BuildFilter) -> StoreResult<Vec<Build>>;
    /// The build of a worker that is not final, if any.
    async fn build_active(&mut self, worker: WorkerId) -> StoreResult<Option<Build>>;
}

/// The audit log: rows are only added, and deleted when they are old.
#[async_trait]
pub trait AuditRepository {
    /// Adds one.
    async fn audit_add(&mut self, row: &AuditRow) -> StoreResult<()>;
    /// Rows before an id (all if unset), newest first.
    async fn audit(&mut self, before: Option<prt_types::ids::AuditId>, limit: i64) -> StoreResult<Vec<AuditRow>>;
}

/// Single values of the installation, by key.
#[async_trait]
pub trait SettingRepository {
    /// Reads one.
    async fn setting(&mut self, key: &str) -> StoreResult<Option<String>>;
    /// Writes one.
    async fn setting_put(&mut self, key: &str, value: &str) -> StoreResult<()>;
}

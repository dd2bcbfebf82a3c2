//! From configuration to a running [`Orchestrator`], and telemetry.
//!
//! [`config`] reads defaults < file < environment < flags; [`open_store`] opens the database, unless another console has it or a lost
//! one is missing; [`start`] opens the engine and puts the parts together; [`backup`] writes and restores copies of an installation.
//!
//! # How to add a setting
//! A line in `config::keys::KEYS`, a field in [`Config`] with its reading in `config::read`, and a row in the README's table.

pub mod backup;
pub mod config;
mod database;
mod key_file;
mod lock;
pub mod telemetry;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use prt_core::{
    Orchestrator, Settings,
    clock::SystemClock,
    crypto::Sealer,
    engine::Engine,
    key_check::{KeyFit, key_fit, key_keep},
    logs::LogStore,
    store::Store,
};
use prt_engine_docker::DockerEngine;
use prt_types::Secret;

pub use config::{Config, ConfigError};
pub use database::{Database, open_store};
pub use lock::DataDirLock;

/// The folder of builds' logs in the data directory.
const LOGS: &str = "build-logs";
/// Key of the stored name of this installation.
const INSTANCE: &str = "instance";

/// Why the console does not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A wrong setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Files of the data directory.
    #[error("data_dir: {path} {what}")]
    DataDir {
        /// The file or folder.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// The program that is put into containers.
    #[error("agent: {path} cannot be read: {what}. It is built by scripts/build.sh; set `agent` to where it is")]
    Agent {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// The database.
    #[error("database_url: the database cannot be opened")]
    Store(#[source] prt_core::store::StoreError),
    /// There was another database.
    #[error(
        "database_url: this database is empty, but data_dir has {path} of an installation. Is this the right database? Restore it from a \
         backup (prt-console restore), or start once with --accept-new-database to begin without its users, rules, workers and builds"
    )]
    LostDatabase {
        /// What is left of it.
        path: String,
    },
    /// The engine has workers of this instance that another database made.
    #[error(
        "instance: the container engine has workers of the instance {instance}, but this database never had one. Another \
         console may use the same name: give this one another instance. If the former database is lost, restore it from a backup, or start \
         once with --accept-new-database: the console then leaves these workers alone until an admin adopts or removes them"
    )]
    ForeignWorkers {
        /// The name.
        instance: String,
    },
    /// The key does not fit the database.
    #[error(
        "{what}: the secrets in the database were stored with another key. Restore that key from a backup, or start once with \
         --accept-new-key: stored credentials and secrets must then be entered again"
    )]
    Key {
        /// Which key.
        what: String,
    },
    /// A backup.
    #[error("{0}")]
    Backup(String),
    /// The engine's address.
    #[error("docker_host: the engine's address cannot be used")]
    Engine(#[source] prt_core::engine::EngineError),
    /// Anything in core.
    #[error("the console cannot start")]
    Core(#[from] prt_core::Error),
}

impl From<prt_core::store::StoreError> for BootError {
    fn from(error: prt_core::store::StoreError) -> Self {
        Self::Store(error)
    }
}

/// A console that is ready to serve.
pub struct Booted {
    /// The system.
    pub orchestrator: Orchestrator,
    /// The admin's generated password, at the first start without a given one.
    pub admin_password: Option<Secret>,
    /// Its database.
    pub database: Arc<Database>,
    lock: DataDirLock,
}

impl Booted {
    /// Closes the database, and lets others have it.
    pub async fn close(self) {
        self.database.close().await;
        drop(self.lock);
    }
}

/// Puts the parts together and picks up what a former console left.
pub async fn start(config: &Config) -> Result<Booted, BootError> {
    key_file::private_folder(&config.data_dir)?;
    // Before anything else: what follows changes files and rows.
    let lock = DataDirLock::take(&config.data_dir)?;
    let database = Arc::new(open_store(config).await?);
    match parts(config, &database).await {
        Ok((orchestrator, admin_password)) => Ok(Booted {
            orchestrator,
            admin_password,
            database,
            lock,
        }),
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

async fn parts(config: &Config, database: &Database) -> Result<(Orchestrator, Option<Secret>), BootError> {
    let store = Arc::clone(&database.store);
    let sealer = sealer(config, &*store).await?;
    let instance = match &config.instance {
        Some(name) => name.clone(),
        None => instance(&*store).await?,
    };
    let engine: Arc<dyn Engine> =
        Arc::new(DockerEngine::connect(&instance, config.docker_host.as_deref()).map_err(BootError::Engine)?);
    let agent = std::fs::read(&config.agent).map_err(|error| BootError::Agent {
        path: config.agent.display().to_string(),
        what: error.to_string(),
    })?;
    let logs = LogStore::new(config.data_dir.join(LOGS));
    let orchestrator = Orchestrator::new(
        store,
        engine,
        settings(config, instance.clone(), agent.into()),
        Arc::new(SystemClock),
        sealer,
        logs,
    )?;
    if !config.accept_new_database {
        let foreign = orchestrator.workers_of_another_database().await?;
        if !foreign.is_empty() {
            return Err(BootError::ForeignWorkers { instance });
        }
    }
    let admin_password = orchestrator.access_seed(config.admin_password.clone()).await?;
    orchestrator.start().await?;
    Ok((orchestrator, admin_password))
}

/// With the key that fits the database. One is made only if nothing was ever stored with another.
async fn sealer(config: &Config, store: &dyn Store) -> Result<Sealer, BootError> {
    let path = config.data_dir.join(key_file::NAME);
    let key = match config.secret_key {
        Some(key) => Some(key),
        None => key_file::read(&path)?,
    };
    let sealer = key.as_ref().map(Sealer::new);
    let fit = key_fit(store, sealer.as_ref()).await?;
    if fit == KeyFit::Wrong && !config.accept_new_key {
        let what = match (config.secret_key, key) {
            (Some(_), _) => "secret_key".to_owned(),
            (None, Some(_)) => path.display().to_string(),
            (None, None) => format!("{} is missing", path.display()),
        };
        return Err(BootError::Key { what });
    }
    let sealer = match sealer {
        Some(sealer) => sealer,
        None => Sealer::new(&key_file::make(&path)?),
    };
    key_keep(store, &sealer).await?;
    Ok(sealer)
}

/// The name of this installation in the engine's labels: made once, kept in the database.
async fn instance(store: &dyn Store) -> Result<String, BootError> {
    let mut tx = store.write().await?;
    if let Some(instance) = tx.setting(INSTANCE).await? {
        return Ok(instance);
    }
    let instance = hex::encode(prt_core::crypto::random::<4>());
    tx.setting_put(INSTANCE, &instance).await?;
    tx.save().await?;
    Ok(instance)
}

fn settings(config: &Config, instance: String, agent: Bytes) -> Settings {
    Settings {
        instance,
        data_dir: config.data_dir.clone(),
        public_url: config.public_url.clone(),
        notebook_host: config.notebook_host.clone(),
        worker_url: config.worker_url.clone(),
        platform_version: config.platform_version.clone(),
        default_registry: config.default_registry.clone(),
        pull_policy: config.pull_policy,
        builder_image: config.builder_image.clone(),
        privileged_builder_image: config.privileged_builder_image.clone(),
        registries: config.registries.clone(),
        extra_hosts: config.extra_hosts.clone(),
        allowed_frontends: config.allowed_frontends.clone(),
        ready_timeout: Duration::from_secs(config.ready_timeout_s),
        build_timeout: Duration::from_secs(config.build_timeout_s),
        retention: config.retention,
        agent,
    }
}

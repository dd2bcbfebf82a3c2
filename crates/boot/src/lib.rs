//! From configuration to a running [`Orchestrator`], and telemetry.
//!
//! [`config`] reads defaults < file < environment < flags; [`start`] opens the database and the engine and puts the parts together.
//!
//! # How to add a setting
//! A line in `config::keys::KEYS`, a field in [`Config`] with its reading in `config::read`, and a row in the README's table.

pub mod config;
mod key_file;
mod lock;
pub mod telemetry;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use prt_core::{
    Orchestrator, Settings, clock::SystemClock, crypto::Sealer, engine::Engine, logs::LogStore, store::Store,
};
use prt_engine_docker::DockerEngine;
use prt_store::AnyStore;
use prt_types::Secret;

pub use config::{Config, ConfigError};
pub use lock::DataDirLock;

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
#[derive(Clone)]
pub struct Booted {
    /// The system.
    pub orchestrator: Orchestrator,
    /// The admin's generated password, at the first start without a given one.
    pub admin_password: Option<Secret>,
    /// To be held until the end.
    pub lock: Arc<DataDirLock>,
}

/// Opens the database, and brings its schema up to date.
pub async fn open_store(config: &Config) -> Result<Arc<AnyStore>, BootError> {
    key_file::private_folder(&config.data_dir)?;
    let store = AnyStore::connect(&config.database_url).await?;
    store.migrate().await?;
    Ok(Arc::new(store))
}

/// Puts the parts together and picks up what a former console left.
pub async fn start(config: &Config) -> Result<Booted, BootError> {
    key_file::private_folder(&config.data_dir)?;
    // Before anything else: what follows changes files and rows.
    let lock = Arc::new(DataDirLock::take(&config.data_dir)?);
    let store = open_store(config).await?;
    let key = match &config.secret_key {
        Some(key) => *key,
        None => key_file::read_or_make(&config.data_dir.join("secret.key"))?,
    };
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
    let logs = LogStore::new(config.data_dir.join("build-logs"));
    let orchestrator = Orchestrator::new(
        store,
        engine,
        settings(config, instance, agent.into()),
        Arc::new(SystemClock),
        Sealer::new(&key),
        logs,
    )?;
    let admin_password = orchestrator.access_seed(config.admin_password.clone()).await?;
    orchestrator.start().await?;
    Ok(Booted {
        orchestrator,
        admin_password,
        lock,
    })
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
        ready_timeout: Duration::from_secs(config.ready_timeout_s),
        build_timeout: Duration::from_secs(config.build_timeout_s),
        agent,
    }
}

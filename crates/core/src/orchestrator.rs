//! The one way into core: holds the ports and the state that operations share.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream::BoxStream};
use prt_types::access::Role;
use tokio::{sync::broadcast, time::Instant};
use tokio_util::task::TaskTracker;

use crate::{
    builders::LastPreflight,
    builds::BuildRuns,
    clock::SharedClock,
    crypto::Sealer,
    engine::{Engine, EngineError},
    error::{Error, Result},
    idempotency::RunningKeys,
    logs::LogStore,
    op_context::{Actor, OpContext},
    registry::Registries,
    retention::RetentionState,
    settings::Settings,
    store::{Repository, Store},
    throttle::Throttle,
    tokens::TokenUses,
    workers::WorkerTasks,
};

/// How long the engine has to show that it is there.
const PROBE_WITHIN: Duration = Duration::from_secs(5);

/// Something changed that an open page may show.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A worker's state.
    Worker {
        /// Its name.
        name: String,
    },
    /// A build's state.
    Build {
        /// Its number.
        number: i64,
    },
    /// A Container Image rule or its grants.
    ContainerImages,
    /// A kept registry credential.
    RegistryCredentials,
    /// A named secret or its grants.
    Secrets,
    /// A worker size or its grants.
    WorkerSizes,
    /// A security context.
    SecurityContexts,
    /// The container engine answers again, or does not answer any more.
    Engine,
}

/// A change with the login name of the one user beside the admins who may see it; `None` = everybody.
type OwnedChange = (Option<String>, Change);

/// What this installation is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServerInfo {
    /// Version of the console.
    pub version: String,
    /// Version of the platform's images.
    pub platform_version: String,
    /// Where short image names live.
    pub default_registry: String,
}

/// The system. Cheap to clone.
#[derive(Clone)]
pub struct Orchestrator {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub store: Arc<dyn Store>,
    pub engine: Arc<dyn Engine>,
    pub settings: Arc<Settings>,
    pub clock: SharedClock,
    pub sealer: Sealer,
    pub logs: LogStore,
    pub registries: Registries,
    pub throttle: Throttle,
    pub token_uses: TokenUses,
    pub running_keys: RunningKeys,
    pub builds: BuildRuns,
    pub workers: WorkerTasks,
    pub preflight: LastPreflight,
    pub retention: RetentionState,
    pub tasks: TaskTracker,
    begun: Instant,
    /// Why the engine does not answer, as far as is known.
    engine_away: Mutex<Option<String>>,
    changes: broadcast::Sender<OwnedChange>,
}

impl Orchestrator {
    /// Puts the parts together. Call [`Orchestrator::start`] before serving.
    pub fn new(
        store: Arc<dyn Store>,
        engine: Arc<dyn Engine>,
        settings: Settings,
        clock: SharedClock,
        sealer: Sealer,
        logs: LogStore,
    ) -> Result<Self> {
        let settings = Arc::new(settings);
        let registries = Registries::new(&settings)?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                engine,
                registries,
                settings,
                throttle: Throttle::default(),
                token_uses: TokenUses::default(),
                running_keys: RunningKeys::default(),
                clock,
                sealer,
                logs,
                builds: BuildRuns::default(),
                workers: WorkerTasks::default(),
                preflight: LastPreflight::default(),
                retention: RetentionState::default(),
                tasks: TaskTracker::new(),
                begun: Instant::now(),
                engine_away: Mutex::default(),
                changes: broadcast::channel(1024).0,
            }),
        })
    }

    /// Prepares the data that a first start needs, then picks up what a former console left: workers and builds in any state. Only the
    /// database is waited for; the engine may be away.
    pub async fn start(&self) -> Result<()> {
        self.worker_sizes_seed().await?;
        self.container_images_seed().await?;
        self.workers_resume().await?;
        self.build_configs_resume().await?;
        self.builds_resume().await?;
        self.retention_start();
        Ok(())
    }

    /// Stops following workers and builds, which go on by themselves.
    pub async fn shutdown(&self) {
        self.inner.tasks.close();
        self.inner.builds.detach();
        self.inner.workers.detach();
        // What only reads, or receives, may be in the middle of a wait; it is cut off.
        _ = tokio::time::timeout(Duration::from_secs(2), self.inner.tasks.wait()).await;
    }

    /// The installation's settings.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The store, for the session layer.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.inner.store)
    }

    /// The clock.
    pub fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    /// Milliseconds since this process began: for waits, which a clock that is set must not change.
    pub(crate) fn uptime_ms(&self) -> i64 {
        self.inner.begun.elapsed().as_millis() as i64
    }

    /// What this installation is.
    pub fn info(&self) -> ServerInfo {
        ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform_version: self.inner.settings.platform_version.clone(),
            default_registry: self.inner.settings.default_registry.clone(),
        }
    }

    /// Whether database and engine answer.
    pub async fn ready(&self) -> Result<()> {
        self.inner.store.ping().await?;
        let silent = |_| Error::Unavailable {
            message: "The container engine does not answer.".into(),
            hint: None,
            source: None,
        };
        tokio::time::timeout(PROBE_WITHIN, self.inner.engine.probe())
            .await
            .map_err(silent)??;
        Ok(())
    }

    /// Why the container engine does not answer, if it does not.
    pub fn engine_away(&self) -> Option<String> {
        self.inner
            .engine_away
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes whether the engine answers, and tells open pages when that has changed.
    pub(crate) fn engine_answers(&self, error: Option<&EngineError>) {
        let now = error.map(ToString::to_string);
        let before = std::mem::replace(
            &mut *self.inner.engine_away.lock().unwrap_or_else(PoisonError::into_inner),
            now.clone(),
        );
        if before.is_some() != now.is_some() {
            self.changed(None, Change::Engine);
        }
    }

    /// Changes that the asker may see, from now on. A reader that is too slow misses some, so a change says "look again", not what.
    pub fn changes(&self, cx: &OpContext) -> Result<BoxStream<'static, Change>> {
        Ok(self.changes_for(cx.actor()?))
    }

    pub(crate) fn changes_for(&self, actor: &Actor) -> BoxStream<'static, Change> {
        let Actor { username, role, .. } = actor.clone();
        let stream = tokio_stream::wrappers::BroadcastStream::new(self.inner.changes.subscribe());
        stream
            .filter_map(move |change| {
                let seen = change.ok().and_then(|(owner, change)| {
                    let mine = owner.is_none_or(|owner| owner == username);
                    (mine || role == Role::Admin).then_some(change)
                });
                std::future::ready(seen)
            })
            .boxed()
    }

    /// Changes of all, for the console's own tasks.
    pub(crate) fn any_changes(&self) -> broadcast::Receiver<(Option<String>, Change)> {
        self.inner.changes.subscribe()
    }

    pub(crate) fn changed(&self, owner: Option<&str>, change: Change) {
        // No open page is no error.
        _ = self.inner.changes.send((owner.map(str::to_owned), change));
    }

    pub(crate) async fn read(&self) -> Result<Box<dyn Repository>> {
        Ok(self.inner.store.read().await?)
    }

    pub(crate) async fn write(&self) -> Result<Box<dyn Repository>> {
        Ok(self.inner.store.write().await?)
    }
}

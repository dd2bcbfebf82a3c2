//! An installation whose engine, wall clock and waits the tests control.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::{Arc, mpsc},
    time::Duration,
};

use futures::StreamExt as _;
use prt_core::{
    OpContext, Orchestrator, Settings,
    crypto::Sealer,
    logs::LogStore,
    retention::RetentionSettings,
    store::Store,
    testing::{memory_engine::MemoryEngine, test_clock::TestClock},
};
use prt_store::AnyStore;
use prt_types::{
    Secret,
    access::{Door, LoginRequest},
    build_events::{BuildEvent, BuildRecord},
    builds::{BuildRequest, BuildView},
    container_images::PullPolicy,
    workers::{ImageConfig, WorkerConfig, WorkerStatus, WorkerView},
};
use tempfile::TempDir;

/// How long a build may take.
pub const BUILD_TIMEOUT: Duration = Duration::from_hours(2);
/// How long a worker may take to answer.
pub const READY_TIMEOUT: Duration = Duration::from_mins(2);
/// Virtual time moves on in steps of this; at most so many while something is waited for.
const STEP: Duration = Duration::from_millis(250);
const STEPS: u32 = 4 * 300;

pub struct Bed {
    pub engine: MemoryEngine,
    pub clock: Arc<TestClock>,
    pub o: Orchestrator,
    pub cx: OpContext,
    store: Arc<AnyStore>,
    folder: TempDir,
    /// Virtual time stands still while a blocking task runs: the database works on threads of its own, and a clock that ran ahead
    /// whenever nothing else is to be done would end the waits for it.
    _still: mpsc::Sender<()>,
}

impl Bed {
    /// In a test whose virtual time is paused from its start.
    pub async fn start() -> Self {
        let (still, ended) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || _ = ended.recv());
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", folder.path().display());
        let store = AnyStore::connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        let store = Arc::new(store);
        let engine = MemoryEngine::default();
        let clock = Arc::new(TestClock::default());
        let o = orchestrator(&store, &engine, &clock, &folder);
        let password = Secret::new("password-of-tests");
        o.access_seed(Some(password.clone())).await.unwrap();
        o.start().await.unwrap();
        let cx = OpContext::anonymous("test", Door::Api, "127.0.0.1");
        let login = LoginRequest {
            username: "admin".into(),
            password,
        };
        let cx = cx.clone().with_actor(o.login(&cx, login).await.unwrap());
        Self {
            engine,
            clock,
            o,
            cx,
            store,
            folder,
            _still: still,
        }
    }

    /// Another process takes over what this one followed. `between` happens while there is none.
    pub async fn restart(&mut self, between: impl FnOnce(&Self)) {
        let former = self.o.clone();
        self.moving(former.shutdown()).await;
        drop(former);
        between(self);
        self.o = orchestrator(&self.store, &self.engine, &self.clock, &self.folder);
        self.o.start().await.unwrap();
    }

    /// A copy of the database as it is now.
    pub async fn backup(&self) -> std::path::PathBuf {
        let file = self.folder.path().join("backup.db");
        self.store.copy_into(&file).await.unwrap();
        file
    }

    /// Another process takes over with an older database.
    pub async fn restore(&mut self, backup: &std::path::Path) {
        let former = self.o.clone();
        self.moving(former.shutdown()).await;
        let url = format!("sqlite://{}", backup.display());
        self.store = Arc::new(AnyStore::connect(&url).await.unwrap());
        self.o = orchestrator(&self.store, &self.engine, &self.clock, &self.folder);
        self.o.start().await.unwrap();
    }

    /// Moves virtual time on until `wait` is over.
    pub async fn moving<T>(&self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        for _ in 0..STEPS {
            tokio::select! {
                biased;
                done = &mut wait => return done,
                () = self.settle() => {}
            }
            tokio::time::advance(STEP).await;
        }
        panic!("it is not over after {:?}", STEP * STEPS);
    }

    /// Lets everybody do what there is to do at this moment: those who write to the database have had their turn.
    pub async fn settle(&self) {
        for _ in 0..4 {
            drop(self.store.write().await.unwrap());
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Moves virtual time on by so much.
    pub async fn pass(&self, time: Duration) {
        let step = (time / 200).max(STEP);
        let mut passed = Duration::ZERO;
        while passed < time {
            self.settle().await;
            tokio::time::advance(step).await;
            passed += step;
        }
        self.settle().await;
    }

    /// Waits in virtual time until `look` finds something.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        for _ in 0..STEPS {
            if let Some(found) = look().await {
                return found;
            }
            self.settle().await;
            tokio::time::advance(STEP).await;
        }
        panic!("{what}: not after {:?}", STEP * STEPS);
    }

    pub async fn worker_start(&self) -> WorkerView {
        let config = WorkerConfig {
            worker_image: "practicus-minimal".into(),
            image_config: ImageConfig {
                builder: Some(true),
                ..ImageConfig::default()
            },
            ..WorkerConfig::default()
        };
        self.o.worker_create(&self.cx, config).await.unwrap()
    }

    /// A worker that runs.
    pub async fn worker(&self) -> WorkerView {
        let worker = self.worker_start().await;
        self.worker_in(&worker.name, WorkerStatus::Running).await
    }

    pub async fn worker_in(&self, name: &str, status: WorkerStatus) -> WorkerView {
        self.until(&format!("{name} is {}", status.name()), async || {
            let worker = self.worker_now(name).await;
            (worker.status == status).then_some(worker)
        })
        .await
    }

    pub async fn worker_now(&self, name: &str) -> WorkerView {
        self.moving(self.o.worker_get(&self.cx, name)).await.unwrap()
    }

    /// A build that runs in the builder and has printed a line.
    pub async fn build(&self, worker: &WorkerView) -> BuildView {
        let request = BuildRequest {
            worker: worker.name.clone(),
            name: "registry.example.com/demo/x".into(),
            tag: "1".into(),
            push_image: false,
            ..BuildRequest::default()
        };
        let build = self.o.build_create(&self.cx, request).await.unwrap();
        self.until("the build runs", async || {
            self.engine.can_push(worker.instance_id, build.id).then_some(())
        })
        .await;
        self.engine.print(worker.instance_id, build.id, 1);
        self.until("its line is in the log", async || {
            (self.build_now(build.number).await.lines > 0).then_some(())
        })
        .await;
        self.build_now(build.number).await
    }

    pub async fn build_now(&self, number: i64) -> BuildView {
        self.o.build_get(&self.cx, number).await.unwrap()
    }

    /// Waits for the end. A build whose end is recorded must not be able to push.
    pub async fn build_end(&self, worker: &WorkerView, build: &BuildView) -> BuildView {
        self.until("the build ends", async || {
            let now = self.told_truly(worker, build).await;
            now.status.is_final().then_some(now)
        })
        .await
    }

    /// The build as it is told to be now; an end that is not one fails the test.
    pub async fn told_truly(&self, worker: &WorkerView, build: &BuildView) -> BuildView {
        let could_push = self.engine.can_push(worker.instance_id, build.id);
        let now = self.build_now(build.number).await;
        assert!(
            !(now.status.is_final() && could_push),
            "told as {}, and it could still push: {}",
            now.status.name(),
            now.message
        );
        now
    }

    /// The store, for rows that no operation makes so old.
    pub fn store(&self) -> Arc<AnyStore> {
        Arc::clone(&self.store)
    }

    /// The file with the first records of a build's log.
    pub fn segment(&self, build: &BuildView) -> std::path::PathBuf {
        let name = format!("build-logs/{}/segment-000001.ndjson", build.id);
        self.folder.path().join(name)
    }

    /// The whole log; its numbers have no gap and no repeat, and its end comes last and once.
    pub async fn log(&self, number: i64) -> Vec<BuildRecord> {
        let log = self.o.build_follow(&self.cx, number, 0).await.unwrap();
        let records = log.collect::<Vec<_>>().await.concat();
        let numbers: Vec<u64> = records.iter().map(|record| record.seq).collect();
        assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>());
        let ends = |record: &&BuildRecord| matches!(record.event, BuildEvent::End(_));
        assert_eq!(records.iter().filter(ends).count(), 1);
        assert!(records.last().is_some_and(|last| ends(&last)));
        records
    }
}

/// What the steps have printed.
pub fn lines(records: &[BuildRecord]) -> Vec<String> {
    let text = |record: &BuildRecord| match &record.event {
        BuildEvent::Log(line) => Some(line.text.clone()),
        _ => None,
    };
    records.iter().filter_map(text).collect()
}

/// What the console has said in between.
pub fn notices(records: &[BuildRecord]) -> Vec<String> {
    let text = |record: &BuildRecord| match &record.event {
        BuildEvent::Notice { text } => Some(text.clone()),
        _ => None,
    };
    records.iter().filter_map(text).collect()
}

fn orchestrator(
    store: &Arc<AnyStore>,
    engine: &MemoryEngine,
    clock: &Arc<TestClock>,
    folder: &TempDir,
) -> Orchestrator {
    let settings = Settings {
        instance: "test".into(),
        data_dir: folder.path().into(),
        public_url: "http://127.0.0.1:8080".into(),
        notebook_host: "workers.localhost:8080".into(),
        worker_url: None,
        platform_version: "1".into(),
        default_registry: "registry.example.com".into(),
        pull_policy: PullPolicy::IfNotPresent,
        builder_image: "registry.example.com/builder:1".into(),
        privileged_builder_image: "registry.example.com/builder:1".into(),
        registries: BTreeMap::new(),
        extra_hosts: vec![],
        allowed_frontends: vec![],
        ready_timeout: READY_TIMEOUT,
        build_timeout: BUILD_TIMEOUT,
        agent: bytes::Bytes::new(),
        retention: RetentionSettings::default(),
    };
    Orchestrator::new(
        Arc::clone(store) as Arc<dyn Store>,
        Arc::new(engine.clone()),
        settings,
        Arc::clone(clock) as prt_core::clock::SharedClock,
        Sealer::new(&[7; 32]),
        LogStore::new(folder.path().join("build-logs")),
    )
    .unwrap()
}

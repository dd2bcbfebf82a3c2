//! What every engine must do, checked through the port alone against a real engine.
//!
//! The image must have busybox as `/bin/busybox` with its applets in `/bin`, and users `root` and uid 1000. Each case starts its own
//! workers; all are stopped at the end, also after a failure. Cases run at the same time.

mod commands;
mod rights;
mod watching;

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, join_all},
    stream::{self, BoxStream},
};
use prt_types::{
    container_images::PullPolicy,
    ids::WorkerId,
    worker_sizes::Limits,
    workers::{ContainerRole, ContainerState},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    clock::new_id,
    engine::{
        ContainerPlan, Engine, EngineErrorKind, EngineEvent, ExecDone, ExecHandle, ExecOutput, ExecSpec,
        FileInContainer, Mount, Seccomp, SecuritySettings, Tmpfs, WorkerPlan, exec_collect,
    },
};

use self::{
    commands::{commands, copies, dropped_command, interactive, vanished},
    rights::{default_rights, files, read_only_root, restricted_rights, volumes},
    watching::{child_out_of_memory, events, logs, network, out_of_memory},
};

const PRIMARY: ContainerRole = ContainerRole::Primary;
const BUILDER: ContainerRole = ContainerRole::Builder;
/// Longer than any case takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// Runs until it is told to end, and then ends at once.
const HOLD: &str = "trap 'exit 0' TERM; echo up; echo err >&2; sleep 100000 & wait";

type Case = (&'static str, for<'a> fn(&'a Bed) -> BoxFuture<'a, ()>);

/// Runs all cases and panics with the names of those that failed.
pub async fn engine_conformance(engine: Arc<dyn Engine>, image: &str) {
    let cases: &[Case] = &[
        ("probe", |bed| probe(bed).boxed()),
        ("images", |bed| images(bed).boxed()),
        ("life of a worker", |bed| life(bed).boxed()),
        ("restricted rights", |bed| restricted_rights(bed).boxed()),
        ("default rights", |bed| default_rights(bed).boxed()),
        ("volumes", |bed| volumes(bed).boxed()),
        ("read-only root", |bed| read_only_root(bed).boxed()),
        ("files and tmpfs", |bed| files(bed).boxed()),
        ("failed starts", |bed| failed_starts(bed).boxed()),
        ("commands", |bed| commands(bed).boxed()),
        ("interactive command", |bed| interactive(bed).boxed()),
        ("dropped command", |bed| dropped_command(bed).boxed()),
        ("vanished container", |bed| vanished(bed).boxed()),
        ("copies", |bed| copies(bed).boxed()),
        ("logs", |bed| logs(bed).boxed()),
        ("main process out of memory", |bed| out_of_memory(bed).boxed()),
        ("child out of memory", |bed| child_out_of_memory(bed).boxed()),
        ("events", |bed| events(bed).boxed()),
        ("network", |bed| network(bed).boxed()),
    ];
    let bed = Bed {
        engine,
        image: image.into(),
        workers: Mutex::default(),
    };
    let results = join_all(cases.iter().map(|(name, case)| {
        let guarded = AssertUnwindSafe(timeout(PATIENCE, case(&bed))).catch_unwind();
        async move { (*name, guarded.await) }
    }))
    .await;
    bed.clean().await;

    let failed: Vec<_> = results
        .into_iter()
        .filter_map(|(name, result)| match result {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(format!("{name}: not done after {} s", PATIENCE.as_secs())),
            Err(panic) => {
                let words = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or(panic.downcast_ref::<&str>().map(ToString::to_string));
                Some(format!("{name}: {}", words.unwrap_or_default()))
            }
        })
        .collect();
    assert!(
        failed.is_empty(),
        "the engine fails {} cases:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

struct Bed {
    engine: Arc<dyn Engine>,
    image: String,
    workers: Mutex<Vec<WorkerId>>,
}

impl Bed {
    fn container(&self, script: &str) -> ContainerPlan {
        ContainerPlan {
            image: self.image.clone(),
            entrypoint: Some(vec!["/bin/sh".into(), "-c".into()]),
            command: Some(vec![script.into()]),
            env: BTreeMap::from([("FROM_PLAN".into(), "a b=c".into())]),
            limits: Limits {
                cpu_millis: 500,
                memory_mib: 64,
                gpus: 0,
            },
            security: default_security(),
            mounts: vec![],
            tmpfs: vec![],
            files: vec![],
        }
    }

    /// A plan whose worker is stopped at the end, whatever happens.
    fn plan(&self, primary: ContainerPlan) -> WorkerPlan {
        let worker_id = WorkerId(new_id());
        self.workers.lock().unwrap().push(worker_id);
        WorkerPlan {
            worker_id,
            worker_name: "Worker-1".into(),
            owner: "conformance".into(),
            primary,
            builder: None,
            extra_hosts: vec![],
        }
    }

    async fn start(&self, plan: &WorkerPlan) -> WorkerId {
        self.engine.start_worker(plan).await.unwrap();
        plan.worker_id
    }

    async fn start_plain(&self) -> WorkerId {
        self.start(&self.plan(self.container(HOLD))).await
    }

    /// Runs a shell command and returns what it printed, without the last line end.
    async fn sh(&self, worker: WorkerId, role: ContainerRole, script: &str) -> String {
        let done = self.run(worker, role, shell(script)).await;
        assert_eq!(done.exit_code, 0, "{script}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().into()
    }

    async fn run(&self, worker: WorkerId, role: ContainerRole, spec: ExecSpec) -> ExecDone {
        exec_collect(&*self.engine, worker, role, spec, 16 << 20).await.unwrap()
    }

    async fn clean(&self) {
        let workers = std::mem::take(&mut *self.workers.lock().unwrap());
        for result in join_all(workers.into_iter().map(|worker| self.engine.stop(worker))).await {
            if let Err(error) = result {
                tracing::error!(%error, "stopping a worker of the conformance suite");
            }
        }
    }
}

fn default_security() -> SecuritySettings {
    SecuritySettings {
        privileged: false,
        run_as: Some((0, 0)),
        allow_privilege_escalation: true,
        drop_capabilities: vec![],
        add_capabilities: vec![],
        seccomp: Seccomp::RuntimeDefault,
        mask_proc: true,
        read_only_root: false,
    }
}

fn shell(script: &str) -> ExecSpec {
    ExecSpec::new(["/bin/sh", "-c", script])
}

fn mount(volume: &str, path: &str, read_only: bool) -> Mount {
    Mount {
        volume: volume.into(),
        path: path.into(),
        read_only,
        owner: (1000, 1000),
    }
}

async fn next_event(events: &mut BoxStream<'static, EngineEvent>, worker: WorkerId, kind: &str) -> EngineEvent {
    let wanted = async {
        loop {
            let event = events.next().await.expect("the event stream ended");
            if event.worker_id == worker && event.kind == kind {
                return event;
            }
        }
    };
    timeout(PATIENCE / 2, wanted)
        .await
        .unwrap_or_else(|_| panic!("no event {kind}"))
}

async fn probe(bed: &Bed) {
    let info = bed.engine.probe().await.unwrap();
    assert!(!info.name.is_empty() && !info.architecture.is_empty(), "{info:?}");
    assert!(info.cpus > 0 && info.memory_mib > 0, "{info:?}");
}

async fn images(bed: &Bed) {
    let quiet: crate::engine::OnProgress = Arc::new(|_| ());
    let ensure = |reference: &'static str, policy| bed.engine.ensure_image(reference, policy, None, quiet.clone());

    for policy in [PullPolicy::Never, PullPolicy::IfNotPresent] {
        let image = bed
            .engine
            .ensure_image(&bed.image, policy, None, quiet.clone())
            .await
            .unwrap();
        assert_eq!(image.architecture, bed.engine.probe().await.unwrap().architecture);
        let again = bed
            .engine
            .ensure_image(&image.id, PullPolicy::Never, None, quiet.clone())
            .await
            .unwrap();
        assert_eq!(again.id, image.id);
    }
    let absent = ensure("prt-conformance.invalid/no/such:1", PullPolicy::Never)
        .await
        .unwrap_err();
    assert_eq!(absent.kind, EngineErrorKind::NoSuchImage, "{absent}");
    let bad = ensure("../../containers/json?all=1", PullPolicy::Never)
        .await
        .unwrap_err();
    assert_eq!(bad.kind, EngineErrorKind::NoSuchImage, "{bad}");
    // Port 1 of the engine's own machine refuses connections everywhere.
    for policy in [PullPolicy::Always, PullPolicy::IfNotPresent] {
        let unreachable = ensure("127.0.0.1:1/no/such:1", policy).await.unwrap_err();
        assert_eq!(unreachable.kind, EngineErrorKind::RegistryUnreachable, "{unreachable}");
    }
}

async fn life(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.limits = Limits {
        cpu_millis: 1500,
        memory_mib: 96,
        gpus: 0,
    };
    primary.mounts = vec![mount("shared", "/shared", false)];
    let mut builder = bed.container(HOLD);
    builder.limits = Limits {
        cpu_millis: 250,
        memory_mib: 48,
        gpus: 0,
    };
    builder.mounts = vec![mount("shared", "/elsewhere", false)];
    let plan = WorkerPlan {
        builder: Some(builder.clone()),
        extra_hosts: vec!["registry.test:10.9.8.7".into()],
        ..bed.plan(primary.clone())
    };
    let worker = plan.worker_id;
    let engine = &bed.engine;

    assert_eq!(engine.observe(worker).await.unwrap(), None);
    engine.stop(worker).await.unwrap();
    engine.start_worker(&plan).await.unwrap();

    let seen = engine.observe(worker).await.unwrap().unwrap();
    assert_eq!((seen.worker_id, seen.containers.len()), (worker, 2));
    for (role, planned) in [(PRIMARY, &primary), (BUILDER, &builder)] {
        let container = seen.container(role).unwrap();
        assert_eq!(container.state, ContainerState::Running);
        assert_eq!(
            (container.limits, &container.image),
            (planned.limits, &bed.image),
            "{role:?}"
        );
        assert!(
            container.started_ms.is_some()
                && container.exit_code.is_none()
                && container.error.is_none()
                && !container.oom_killed
        );
        assert!(
            bed.sh(worker, role, "cat /etc/hosts").await.contains("10.9.8.7"),
            "{role:?}"
        );
    }
    let limit = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
    assert_eq!(
        bed.sh(worker, BUILDER, limit).await,
        (48 << 20).to_string(),
        "the kernel's own limit"
    );
    assert!(engine.list().await.unwrap().contains(&worker));

    engine.stop(worker).await.unwrap();
    assert_eq!(engine.observe(worker).await.unwrap(), None);
    assert!(!engine.list().await.unwrap().contains(&worker), "a volume may be left");
    engine.stop(worker).await.unwrap();
    let gone = engine.exec(worker, PRIMARY, shell("true")).await.err().unwrap();
    assert_eq!(gone.kind, EngineErrorKind::NoSuchContainer, "{gone}");
}

async fn failed_starts(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.entrypoint = Some(vec!["/no/such/program".into()]);
    let plan = bed.plan(primary);
    let refused = bed.engine.start_worker(&plan).await.unwrap_err();
    assert_eq!(refused.kind, EngineErrorKind::CannotStart, "{refused}");
    assert!(refused.message.contains("/no/such/program"), "{refused}");
    let seen = bed.engine.observe(plan.worker_id).await.unwrap().unwrap();
    let container = seen.container(PRIMARY).unwrap();
    assert!(
        container
            .error
            .as_deref()
            .unwrap_or_default()
            .contains("/no/such/program"),
        "{container:?}"
    );
    assert_ne!(container.state, ContainerState::Running);
    bed.engine.stop(plan.worker_id).await.unwrap();
    assert_eq!(bed.engine.observe(plan.worker_id).await.unwrap(), None);

    let mut primary = bed.container(HOLD);
    primary.image = "prt-conformance.invalid/no/such:1".into();
    let absent = bed.engine.start_worker(&bed.plan(primary)).await.unwrap_err();
    assert_eq!(absent.kind, EngineErrorKind::NoSuchImage, "{absent}");
}

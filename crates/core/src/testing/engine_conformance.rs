//! What every engine must do, checked through the port alone against a real engine.
//!
//! The image must have busybox as `/bin/busybox` with its applets in `/bin`, and users `root` and uid 1000. Each case starts its own
//! workers; all are stopped at the end, also after a failure. Cases run at the same time.

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

/// A line of `/proc/self/status`.
async fn status(bed: &Bed, worker: WorkerId, field: &str) -> String {
    bed.sh(worker, PRIMARY, &format!("grep ^{field}: /proc/self/status | cut -f2"))
        .await
}

async fn restricted_rights(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.security = SecuritySettings {
        run_as: Some((1000, 1000)),
        allow_privilege_escalation: false,
        drop_capabilities: vec!["ALL".into()],
        add_capabilities: vec!["SETUID".into(), "SETGID".into()],
        seccomp: Seccomp::Unconfined,
        mask_proc: false,
        ..default_security()
    };
    let worker = bed.start(&bed.plan(primary)).await;
    assert_eq!(bed.sh(worker, PRIMARY, "id -u; id -g").await, "1000\n1000");
    assert_eq!(status(bed, worker, "NoNewPrivs").await, "1");
    assert_eq!(status(bed, worker, "Seccomp").await, "0");
    // SETGID is 6, SETUID is 7.
    assert_eq!(status(bed, worker, "CapBnd").await, "00000000000000c0");
    assert_eq!(
        bed.sh(worker, PRIMARY, "grep -c ' /proc/' /proc/mounts || true").await,
        "0",
        "nothing of /proc is masked"
    );
}

async fn default_rights(bed: &Bed) {
    let worker = bed.start_plain().await;
    assert_eq!(bed.sh(worker, PRIMARY, "id -u").await, "0");
    assert_eq!(status(bed, worker, "NoNewPrivs").await, "0");
    assert_eq!(status(bed, worker, "Seccomp").await, "2");
    assert_ne!(
        bed.sh(worker, PRIMARY, "grep -c ' /proc/' /proc/mounts || true").await,
        "0",
        "parts of /proc are masked"
    );
    let refused = bed.run(worker, PRIMARY, shell("mount -t tmpfs none /tmp")).await;
    assert_ne!(refused.exit_code, 0, "not privileged");
}

async fn volumes(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.mounts = vec![
        mount("build", "/home/ubuntu/build", false),
        mount("build", "/build", true),
    ];
    let mut builder = bed.container(HOLD);
    builder.security.run_as = Some((1000, 1000));
    builder.mounts = vec![
        mount("build", "/build", false),
        mount("state", "/home/ubuntu/.local/share/state", false),
    ];
    let worker = bed
        .start(&WorkerPlan {
            builder: Some(builder),
            ..bed.plan(primary)
        })
        .await;

    let owner = "stat -c '%u %g %a'";
    assert_eq!(
        bed.sh(worker, PRIMARY, &format!("{owner} /home/ubuntu/build")).await,
        "1000 1000 775"
    );
    assert_eq!(
        bed.sh(worker, BUILDER, &format!("{owner} /home/ubuntu/.local/share/state"))
            .await,
        "1000 1000 775"
    );
    bed.sh(
        worker,
        BUILDER,
        "echo shared > /build/file && touch /home/ubuntu/.local/share/state/x",
    )
    .await;
    assert_eq!(
        bed.sh(worker, PRIMARY, "cat /home/ubuntu/build/file /build/file").await,
        "shared\nshared"
    );
    let refused = bed.run(worker, PRIMARY, shell("touch /build/no")).await;
    assert_ne!(refused.exit_code, 0, "read-only");
}

async fn read_only_root(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.security.read_only_root = true;
    primary.mounts = vec![mount("work", "/home/ubuntu/work", false)];
    primary.files = vec![FileInContainer {
        path: "/home/ubuntu/work/deep/f".into(),
        content: b"x".into(),
        mode: 0o600,
        owner: (1000, 1000),
    }];
    let worker = bed.start(&bed.plan(primary)).await;
    assert_ne!(bed.run(worker, PRIMARY, shell("touch /etc/no")).await.exit_code, 0);
    let seen = bed
        .sh(
            worker,
            PRIMARY,
            "cd /home/ubuntu/work; stat -c '%u %g %a' . deep deep/f",
        )
        .await;
    assert_eq!(seen, "1000 1000 775\n1000 1000 755\n1000 1000 600");
}

async fn files(bed: &Bed) {
    let file = |path: &str, mode, owner| FileInContainer {
        path: path.into(),
        content: b"content\n".into(),
        mode,
        owner,
    };
    let long = format!("/srv/{}/{}/f", "a".repeat(90), "b".repeat(90));
    let mut primary = bed.container("cat /home/ubuntu/.config/app/settings; trap 'exit 0' TERM; sleep 100000 & wait");
    primary.files = vec![
        file("/home/ubuntu/.config/app/settings", 0o640, (1000, 1001)),
        file("/home/ubuntu/.config/other", 0o600, (1000, 1000)),
        file("/etc/prt.conf", 0o644, (0, 0)),
        file(&long, 0o644, (0, 0)),
    ];
    primary.tmpfs = vec![Tmpfs {
        path: "/secrets".into(),
        size_mib: 1,
        mode: 0o700,
        owner: (1000, 1000),
    }];
    let worker = bed.start(&bed.plan(primary)).await;

    let stat = bed
        .sh(worker, PRIMARY, "stat -c '%u %g %a' /home/ubuntu/.config /home/ubuntu/.config/app/settings /home/ubuntu/.config/other /etc/prt.conf")
        .await;
    assert_eq!(stat, "1000 1001 755\n1000 1001 640\n1000 1000 600\n0 0 644");
    assert_eq!(
        bed.sh(worker, PRIMARY, "stat -c '%u %g %a' /etc").await,
        "0 0 755",
        "existing folders stay as they are"
    );
    assert_eq!(
        bed.sh(worker, PRIMARY, &format!("cat /etc/prt.conf {long}")).await,
        "content\ncontent"
    );

    assert_eq!(
        bed.sh(
            worker,
            PRIMARY,
            "stat -c '%u %g %a' /secrets; grep -c '^tmpfs /secrets' /proc/mounts"
        )
        .await,
        "1000 1000 700\n1"
    );
    let full = bed
        .run(
            worker,
            PRIMARY,
            shell("dd if=/dev/zero of=/secrets/x bs=1024 count=1500"),
        )
        .await;
    assert_ne!(full.exit_code, 0, "1 MiB and no more");
    assert_eq!(bed.sh(worker, PRIMARY, "echo $FROM_PLAN").await, "a b=c");
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

async fn commands(bed: &Bed) {
    let worker = bed.start_plain().await;
    let done = bed.run(worker, PRIMARY, shell("echo out; echo err >&2; exit 7")).await;
    assert_eq!(
        (done.exit_code, done.stdout.as_slice(), done.stderr.as_slice()),
        (7, &b"out\n"[..], &b"err\n"[..])
    );

    let big = Bytes::from(vec![b'x'; 1 << 20]);
    let pieces = stream::iter(vec![big; 4]).boxed();
    let done = bed
        .run(worker, PRIMARY, shell("wc -c; echo closed").stdin_stream(pieces))
        .await;
    assert_eq!(
        String::from_utf8_lossy(&done.stdout),
        "4194304\nclosed\n",
        "the end of the input reaches the command"
    );
    let done = bed
        .run(worker, PRIMARY, shell("exit 3").stdin(vec![b'x'; 1 << 20]))
        .await;
    assert_eq!(done.exit_code, 3, "a command need not read its input");
    let done = bed.run(worker, PRIMARY, shell("cat").stdin(Bytes::new())).await;
    assert_eq!((done.exit_code, done.stdout.len()), (0, 0));

    let mut spec = shell("id -u; id -g; pwd; echo $EXTRA").user("1000:1000");
    spec.workdir = Some("/tmp".into());
    spec.env = vec![("EXTRA".into(), "x=y z".into())];
    let done = bed.run(worker, PRIMARY, spec).await;
    assert_eq!(String::from_utf8_lossy(&done.stdout), "1000\n1000\n/tmp\nx=y z\n");

    let done = bed.run(worker, PRIMARY, shell("head -c 8000000 /dev/zero")).await;
    assert_eq!((done.exit_code, done.stdout.len()), (0, 8_000_000));
    let all = async |n: usize| bed.run(worker, PRIMARY, shell(&format!("exit {n}"))).await.exit_code;
    assert_eq!(join_all((0..8).map(all)).await, (0..8).collect::<Vec<i64>>());

    let handle = bed
        .engine
        .exec(worker, PRIMARY, ExecSpec::new(["no-such-program"]))
        .await;
    let refused = match handle {
        Ok(handle) => finish(handle).await.1.unwrap_err(),
        Err(refused) => refused,
    };
    assert_eq!(refused.kind, EngineErrorKind::CannotStart, "{refused}");
    let missing = bed.engine.exec(worker, BUILDER, shell("true")).await.err().unwrap();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchContainer, "{missing}");
}

/// Reads a command's output to its end.
async fn finish(mut handle: ExecHandle) -> (Vec<u8>, crate::engine::EngineResult<i64>) {
    let mut out = Vec::new();
    while let Some(piece) = handle.output.next().await {
        if let Ok(ExecOutput::Stdout(bytes)) = piece {
            out.extend_from_slice(&bytes);
        }
    }
    (out, handle.exit_code.await)
}

async fn interactive(bed: &Bed) {
    let worker = bed.start_plain().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let spec =
        shell("while read line; do echo got $line; done; echo end").stdin_stream(ReceiverStream::new(receiver).boxed());
    let mut handle = bed.engine.exec(worker, PRIMARY, spec).await.unwrap();
    for word in ["one", "two"] {
        sender.send(format!("{word}\n").into()).await.unwrap();
        let answer = handle.output.next().await.unwrap().unwrap();
        assert_eq!(
            answer,
            ExecOutput::Stdout(format!("got {word}\n").into()),
            "each answer arrives while the command runs"
        );
    }
    drop(sender);
    let (rest, code) = finish(handle).await;
    assert_eq!((rest.as_slice(), code.unwrap()), (&b"end\n"[..], 0));
}

async fn dropped_command(bed: &Bed) {
    let worker = bed.start_plain().await;
    bed.sh(worker, PRIMARY, "mkfifo /tmp/done").await;
    let script =
        "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; cat > /tmp/input; echo completed > /tmp/done";
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let mut handle = bed
        .engine
        .exec(
            worker,
            PRIMARY,
            shell(script).stdin_stream(ReceiverStream::new(receiver).boxed()),
        )
        .await
        .unwrap();
    handle.output.next().await.unwrap().unwrap();
    drop(handle);
    sender.send("typed".into()).await.unwrap();
    drop(sender);
    // Opening the pipe waits for the writer, which comes after all of the output.
    assert_eq!(
        bed.sh(worker, PRIMARY, "cat /tmp/done /tmp/input").await,
        "completed\ntyped"
    );

    // The output is given up, the exit code is not.
    let ExecHandle { output, exit_code } = bed
        .engine
        .exec(worker, PRIMARY, shell("head -c 20000000 /dev/zero; exit 5"))
        .await
        .unwrap();
    drop(output);
    assert_eq!(exit_code.await.unwrap(), 5);
}

async fn vanished(bed: &Bed) {
    let worker = bed.start_plain().await;
    let mut handle = bed
        .engine
        .exec(worker, PRIMARY, shell("echo up; sleep 100000"))
        .await
        .unwrap();
    assert_eq!(
        handle.output.next().await.unwrap().unwrap(),
        ExecOutput::Stdout("up\n".into())
    );
    bed.engine.stop(worker).await.unwrap();
    let (_, code) = finish(handle).await;
    assert_eq!(code.unwrap_err().kind, EngineErrorKind::NoSuchContainer);
}

/// A tar stream in pieces of an awkward size.
fn tar_stream(entries: &[(&str, &[u8])]) -> Pin<Box<dyn futures::Stream<Item = std::io::Result<Bytes>> + Send>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o640);
        header.set_uid(1000);
        header.set_gid(1002);
        tar.append_data(&mut header, path, *content).unwrap();
    }
    let pieces: Vec<_> = tar
        .into_inner()
        .unwrap()
        .chunks(10_007)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Box::pin(stream::iter(pieces))
}

/// The name and content of the first entry.
fn first_entry(tar: &[u8]) -> (String, Vec<u8>) {
    let mut archive = tar::Archive::new(tar);
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
    (entry.path().unwrap().display().to_string(), content)
}

async fn copies(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.mounts = vec![mount("data", "/data", false)];
    let worker = bed.start(&bed.plan(primary)).await;
    let engine = &bed.engine;
    let big: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();

    engine
        .copy_in(
            worker,
            PRIMARY,
            "/data",
            tar_stream(&[("a/big", &big), ("small", b"s")]),
        )
        .await
        .unwrap();
    assert_eq!(
        bed.sh(worker, PRIMARY, "stat -c '%u %g %a %s' /data/a/big /data/small")
            .await,
        "1000 1002 640 8000000\n1000 1002 640 1"
    );

    let mut pieces = engine.copy_out(worker, PRIMARY, "/data/a/big").await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    let (name, content) = first_entry(&bytes);
    assert_eq!(name, "big");
    assert!(content == big, "what comes out is what went in");

    let missing = engine.copy_out(worker, PRIMARY, "/data/none").await.err().unwrap();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchFile, "{missing}");
    let missing = engine
        .copy_in(worker, PRIMARY, "/none/at/all", tar_stream(&[("x", &big)]))
        .await
        .unwrap_err();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchFile, "{missing}");
    let missing = engine.copy_out(worker, BUILDER, "/data/none").await.err().unwrap();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchContainer, "{missing}");

    let broken = stream::iter([
        Ok(Bytes::from_static(&[0; 100])),
        Err(std::io::Error::other("the client went away")),
    ]);
    assert!(
        engine
            .copy_in(worker, PRIMARY, "/data", Box::pin(broken))
            .await
            .is_err()
    );
}

async fn logs(bed: &Bed) {
    let script = "for i in $(seq 1 5000); do echo line $i; done; echo last >&2; exit 4";
    let mut events = bed.engine.events().await.unwrap();
    let worker = bed.start(&bed.plan(bed.container(script))).await;
    next_event(&mut events, worker, "die").await;

    let seen = bed.engine.observe(worker).await.unwrap().unwrap();
    let container = seen.container(PRIMARY).unwrap();
    assert_eq!(
        (container.state, container.exit_code, container.oom_killed),
        (ContainerState::Exited, Some(4), false)
    );
    let all = String::from_utf8(bed.engine.logs(worker, PRIMARY, 1 << 20).await.unwrap()).unwrap();
    assert_eq!(all.lines().count(), 5001);
    // The two outputs are two pipes: each is in order, but not one beside the other.
    let (out, err): (Vec<&str>, Vec<&str>) = all.lines().partition(|line| line.starts_with("line "));
    assert!(out.into_iter().eq((1..=5000).map(|number| format!("line {number}"))));
    assert_eq!(err, ["last"]);
    let tail = bed.engine.logs(worker, PRIMARY, 100).await.unwrap();
    assert_eq!(tail.len(), 100);
    assert!(String::from_utf8_lossy(&tail).contains("line 5000"));
    let gone = bed.engine.exec(worker, PRIMARY, shell("true")).await.err().unwrap();
    assert_eq!(gone.kind, EngineErrorKind::NoSuchContainer, "it does not run: {gone}");
    let missing = bed.engine.logs(worker, BUILDER, 100).await.unwrap_err();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchContainer, "{missing}");
}

async fn out_of_memory(bed: &Bed) {
    let mut primary = bed.container("exec tail /dev/zero");
    primary.limits.memory_mib = 16;
    let plan = bed.plan(primary);
    let mut events = bed.engine.events().await.unwrap();
    bed.start(&plan).await;
    assert_eq!(
        next_event(&mut events, plan.worker_id, "die").await.exit_code,
        Some(137)
    );
    let seen = bed.engine.observe(plan.worker_id).await.unwrap().unwrap();
    let container = seen.container(PRIMARY).unwrap();
    assert_eq!(
        (container.state, container.exit_code),
        (ContainerState::Exited, Some(137))
    );
    if !container.oom_killed {
        next_event(&mut events, plan.worker_id, "oom").await;
    }
}

async fn child_out_of_memory(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.limits.memory_mib = 16;
    let mut events = bed.engine.events().await.unwrap();
    let worker = bed.start(&bed.plan(primary)).await;
    let done = bed.run(worker, PRIMARY, ExecSpec::new(["tail", "/dev/zero"])).await;
    assert_eq!(done.exit_code, 137);
    next_event(&mut events, worker, "oom").await;
    let seen = bed.engine.observe(worker).await.unwrap().unwrap();
    let container = seen.container(PRIMARY).unwrap();
    assert_eq!(
        (container.state, container.oom_killed),
        (ContainerState::Running, false)
    );
}

async fn events(bed: &Bed) {
    let mut events = bed.engine.events().await.unwrap();
    let worker = bed.start_plain().await;
    bed.sh(worker, PRIMARY, "echo canary").await;
    bed.engine.stop(worker).await.unwrap();
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|kind| kind != "destroy") {
        let event = timeout(PATIENCE / 2, events.next())
            .await
            .expect("events arrive")
            .unwrap();
        if event.worker_id == worker {
            assert_eq!(event.role, PRIMARY);
            assert!(event.at_ms > 1_500_000_000_000, "{event:?}");
            kinds.push(event.kind);
        }
    }
    let known: Vec<_> = kinds
        .iter()
        .map(String::as_str)
        .filter(|kind| matches!(*kind, "create" | "start" | "die" | "destroy"))
        .collect();
    assert_eq!(known, ["create", "start", "die", "destroy"], "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind.contains("exec")), "{kinds:?}");
}

async fn network(bed: &Bed) {
    let served = bed.start_plain().await;
    let other = bed.start_plain().await;
    // The server returns to the shell when it listens.
    bed.sh(
        served,
        PRIMARY,
        "mkdir -p /www && echo hello > /www/index.html && httpd -p 8080 -h /www",
    )
    .await;

    let mut stream = bed.engine.connect(served, 8080).await.unwrap();
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello\n"), "{answer}");
    let refused = bed.engine.connect(served, 8081).await.err().unwrap();
    assert_eq!(refused.kind, EngineErrorKind::Other, "{refused}");

    let address = bed.sh(served, PRIMARY, "hostname -i").await;
    // Not wget: static glibc programs that resolve names may crash in an image without its libraries.
    let fetch = format!("printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {address} 8080 | tail -n 1");
    assert_eq!(bed.sh(served, PRIMARY, &fetch).await, "hello", "the address is right");
    assert_eq!(
        bed.sh(other, PRIMARY, &fetch).await,
        "",
        "one worker must not reach another"
    );

    bed.engine.stop(served).await.unwrap();
    let gone = bed.engine.connect(served, 8080).await.err().unwrap();
    assert_eq!(gone.kind, EngineErrorKind::NoSuchContainer, "{gone}");
}

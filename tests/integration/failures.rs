//! Planted faults: each is named truly, with its line in the Dockerfile and with advice that helps.
//!
//! One builder and one registry serve all; most faults need no container of their own.

use std::{fs, io::Write as _};

use prt_client::Client;
use prt_types::{
    builds::{BuildReason, BuildRequest, BuildStatus},
    workers::{ImageConfig, WorkerConfig, WorkerReason, WorkerStatus},
};

use crate::helpers::{Console, FaultyRegistry, OwnRegistry, builder_worker, plain_worker, registry};

/// A build that fails.
struct Planted {
    name: &'static str,
    /// `HOST` is the faulty registry, `CLOSED` an address where nothing listens, `TLS` a registry that nobody trusts.
    dockerfile: &'static str,
    /// Repository to push to.
    push: Option<&'static str>,
    options: &'static str,
    reason: BuildReason,
    /// 0 where no line is to blame.
    line: u32,
    /// What happened, in words that only this cause has.
    words: &'static str,
    /// What to do.
    advice: &'static str,
}

const fn build(
    name: &'static str,
    dockerfile: &'static str,
    reason: BuildReason,
    line: u32,
    words: &'static str,
    advice: &'static str,
) -> Planted {
    Planted {
        name,
        dockerfile,
        push: None,
        options: "",
        reason,
        line,
        words,
        advice,
    }
}

const fn push(
    name: &'static str,
    repository: &'static str,
    reason: BuildReason,
    words: &'static str,
    advice: &'static str,
) -> Planted {
    Planted {
        push: Some(repository),
        ..build(name, "FROM scratch\nCOPY Dockerfile /\n", reason, 0, words, advice)
    }
}

use BuildReason as B;

/// What steps do and print. `OK` is an image with a shell.
const STEPS: &[Planted] = &[
    build(
        "exit code",
        "FROM OK\nRUN exit 3\n",
        B::StepFailed,
        2,
        "exit code 3",
        "The end of the step in the log",
    ),
    build(
        "printed: memory",
        "FROM OK\nRUN test -e /x || { echo 'cannot allocate memory?'; exit 2; }\n",
        B::StepFailed,
        2,
        "exit code 2. It printed last: cannot allocate memory?",
        "log",
    ),
    build(
        "printed: 137",
        "FROM OK\nRUN echo \"exit code: 137 or so\"; exit 3\n",
        B::StepFailed,
        2,
        "ended with exit code 3.",
        "log",
    ),
    build(
        "printed: resolve",
        "FROM OK\nRUN echo 'failed to resolve nosuch.invalid'; exit 5\n",
        B::StepFailed,
        2,
        "ended with exit code 5.",
        "log",
    ),
    build(
        "printed: push",
        "FROM OK\nRUN echo \"failed to push origin\"; exit 6\n",
        B::StepFailed,
        2,
        "ended with exit code 6.",
        "log",
    ),
    build(
        "printed: daemon",
        "FROM OK\nRUN ls /run/buildkit/buildkitd.sock\n",
        B::StepFailed,
        2,
        "ended with exit code 1.",
        "log",
    ),
    build(
        "printed: disk",
        "FROM OK\nRUN echo 'No space left on device'; exit 7\n",
        B::StepFailed,
        2,
        "ended with exit code 7.",
        "log",
    ),
    build(
        "printed: canceled",
        "FROM OK\nRUN echo context canceled; exit 8\n",
        B::StepFailed,
        2,
        "ended with exit code 8.",
        "log",
    ),
    build(
        "full tmpfs",
        "FROM OK\nRUN --mount=type=tmpfs,target=/t,size=1m busybox dd if=/dev/zero of=/t/x bs=1M count=4\n",
        B::StepFailed,
        2,
        "ended with exit code ",
        "log",
    ),
    build(
        "killed by itself",
        "FROM OK\nRUN sleep 60 & kill -9 $!; wait $!\n",
        B::StepFailed,
        2,
        "was killed (exit code 137, SIGKILL), but not for lack of memory",
        "Look for what kills",
    ),
    build(
        "out of memory",
        "FROM OK\nRUN busybox awk 'BEGIN{while(1)s=s \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" s}'\n",
        B::OutOfMemory,
        2,
        "killed because the builder ran out of memory",
        "Use a larger worker size",
    ),
    build(
        "no such command",
        "FROM OK\n\nRUN nosuchcommand\n",
        B::StepFailed,
        3,
        "exit code 127",
        "A command that is not in the image",
    ),
    build(
        "not executable",
        "FROM OK\nRUN echo true >/x && /x\n",
        B::StepFailed,
        2,
        "exit code 126",
        "COPY --chmod=755",
    ),
    build(
        "no such user",
        "FROM OK\nUSER nobody9\nRUN true\n",
        B::StepFailed,
        3,
        "unable to find user nobody9",
        "",
    ),
    build(
        "heredoc",
        "FROM OK\nRUN <<EOT\necho a\nexit 3\nEOT\n",
        B::StepFailed,
        2,
        "exit code 3",
        "log",
    ),
    build(
        "continued line",
        "FROM OK\n# why\nRUN echo a && \\\n  exit 9\n",
        B::StepFailed,
        3,
        "exit code 9",
        "log",
    ),
    build(
        "secret",
        "FROM OK\nRUN --mount=type=secret,id=tok,required=true true\n",
        B::StepFailed,
        2,
        "requires the secret tok",
        "Give it to the build",
    ),
    build(
        "missing file",
        "FROM OK\nCOPY nope.txt /\n",
        B::StepFailed,
        2,
        "there is no nope.txt in the context",
        ".dockerignore",
    ),
    build(
        "path leads out",
        "FROM OK\nRUN true\nCOPY ../secret /x\n",
        B::StepFailed,
        3,
        "the path ../secret leads out of the build context",
        "move it there",
    ),
    build(
        "missing in a stage",
        "FROM OK AS one\nFROM OK\nCOPY --from=0 /nope /x\n",
        B::StepFailed,
        3,
        "there is no /nope in the stage 0 (one)",
        "Check the path",
    ),
    build(
        "missing in a named stage",
        "FROM OK AS one\nFROM OK\nCOPY --from=one /nope /x\n",
        B::StepFailed,
        3,
        "there is no /nope in the stage one",
        "Check the path",
    ),
    build(
        "file as folder",
        "FROM OK\nCOPY Dockerfile /bin/busybox/x\n",
        B::StepFailed,
        2,
        "not a directory",
        "",
    ),
    build(
        "download: checksum",
        "FROM OK\nADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 http://HOST/files/a /x\n",
        B::StepFailed,
        2,
        "does not have the given checksum: it has sha256:5891b5b5",
        "Correct --checksum",
    ),
    build(
        "download: 404",
        "FROM OK\nRUN true\nADD http://HOST/files/404 /x\n",
        B::StepFailed,
        3,
        "HTTP status 404",
        "Check the address",
    ),
    build(
        "download: 503",
        "FROM OK\nADD http://HOST/files/503 /x\n",
        B::StepFailed,
        2,
        "HTTP status 503",
        "Check the address",
    ),
    build(
        "download: closed",
        "FROM OK\nADD http://CLOSED/x /x\n",
        B::StepFailed,
        2,
        "nothing answers there",
        "Check the address",
    ),
    build(
        "download: no host",
        "FROM OK\nARG H=nosuch.prt.invalid\nADD http://${H}/x /x\n",
        B::StepFailed,
        3,
        "cannot download http://nosuch.prt.invalid/x",
        "Check the address",
    ),
    build(
        "right: network",
        "FROM OK\nRUN --network=host true\n",
        B::NotAllowed,
        2,
        "--network=host",
        "Remove --network=host",
    ),
    build(
        "right: security",
        "FROM OK\nRUN --security=insecure true\n",
        B::NotAllowed,
        2,
        "--security=insecure",
        "Remove --security",
    ),
];

/// What is wrong with the Dockerfile itself.
const FILES: &[Planted] = &[
    build(
        "unknown instruction",
        "FROM scratch\nFORM scratch\n",
        B::DockerfileInvalid,
        2,
        "unknown instruction: FORM",
        "did you mean FROM",
    ),
    build(
        "arguments",
        "FROM scratch\nCOPY\n",
        B::DockerfileInvalid,
        2,
        "COPY requires at least two arguments",
        "",
    ),
    build(
        "comments only",
        "# nothing\n",
        B::DockerfileInvalid,
        0,
        "file with no instructions",
        "",
    ),
    build(
        "blank base",
        "FROM ${X}\n",
        B::DockerfileInvalid,
        1,
        "base name (${X}) should not be blank",
        "",
    ),
    build(
        "blank tag",
        "ARG T\nFROM HOST/ok/a:$T\n",
        B::DockerfileInvalid,
        2,
        "invalid reference format",
        "",
    ),
    build(
        "mount type",
        "FROM scratch\nRUN --mount=type=nosuch true\n",
        B::DockerfileInvalid,
        2,
        "unsupported mount type",
        "",
    ),
    build(
        "open heredoc",
        "FROM scratch\nRUN <<EOT\nabc\n",
        B::DockerfileInvalid,
        2,
        "unterminated heredoc",
        "",
    ),
    build(
        "checks",
        "# check=error=true\nFROM scratch\nMAINTAINER me\n",
        B::DockerfileInvalid,
        3,
        "MaintainerDeprecated (line 3)",
        "skip these rules",
    ),
    Planted {
        options: "--target biulder",
        ..build(
            "target",
            "FROM scratch AS builder\nCOPY Dockerfile /\n",
            B::DockerfileInvalid,
            0,
            "no stage biulder (did you mean builder?)",
            "Name one that it has",
        )
    },
    build(
        "misspelt stage",
        "FROM OK AS builder\nFROM OK\nCOPY --from=biulder /x /x\n",
        B::DockerfileInvalid,
        3,
        "The Dockerfile has no stage biulder",
        "did you mean builder?",
    ),
    build(
        "syntax line",
        "# syntax=docker/dockerfile:1\nFROM scratch\nCOPY Dockerfile /\n",
        B::RegistryUnreachable,
        1,
        "docker.io cannot be reached to pull docker.io/docker/dockerfile:1",
        "without that line it uses its own frontend",
    ),
];

/// What a registry does to a base image.
const PULLS: &[Planted] = &[
    build(
        "pull: 401",
        "FROM HOST/pull-401/a:1\n",
        B::PullDenied,
        1,
        "refused to let",
        "Give a credential for",
    ),
    build(
        "pull: 403",
        "FROM HOST/pull-403/a:1\n",
        B::PullDenied,
        1,
        "DENIED: would exceed the quota",
        "Do what the registry says",
    ),
    build(
        "pull: 404",
        "FROM HOST/pull-404/a:1\n",
        B::NoSuchImage,
        1,
        "has no image",
        "Check its name and tag",
    ),
    build(
        "pull: no such tag",
        "FROM HOST/ok/a:2\n",
        B::NoSuchImage,
        1,
        "has no image",
        "Check its name and tag",
    ),
    build(
        "pull: 429",
        "FROM HOST/pull-429/a:1\n",
        B::RateLimited,
        1,
        "429 Too Many Requests",
        "Try again later",
    ),
    build(
        "pull: 503",
        "FROM HOST/pull-503/a:1\n",
        B::RegistryUnreachable,
        1,
        "503 Service Unavailable",
        "Try again later",
    ),
    build(
        "pull: second stage",
        "FROM OK AS a\nFROM HOST/pull-403/b:1\n",
        B::PullDenied,
        2,
        "DENIED",
        "credential",
    ),
    build(
        "content: 403",
        "FROM HOST/blob-403/a:1\nRUN true\n",
        B::PullDenied,
        1,
        "DENIED: would exceed the quota",
        "credential",
    ),
    build(
        "content: 429",
        "FROM HOST/blob-429/a:1\nRUN true\n",
        B::RateLimited,
        1,
        "slow down, you",
        "Try again later",
    ),
    build(
        "token: 401",
        "FROM HOST/token-401/a:1\n",
        B::PullDenied,
        1,
        "refused to let",
        "credential",
    ),
    build(
        "token: 503",
        "FROM HOST/token-503/a:1\n",
        B::RegistryUnreachable,
        1,
        "503 Service Unavailable",
        "Try again later",
    ),
    build(
        "another architecture",
        "FROM HOST/index/a:1\n",
        B::WrongArchitecture,
        1,
        "another processor architecture",
        "Use an image",
    ),
    build(
        "another architecture without an index",
        "FROM HOST/foreign/a:1\nRUN true\n",
        B::WrongArchitecture,
        1,
        "and the build is for linux/",
        "Use an image",
    ),
    build(
        "corrupt layer",
        "FROM HOST/corrupt/a:1\nRUN true\n",
        B::CorruptImage,
        1,
        "is damaged",
        "Push the image again",
    ),
    build(
        "no archive",
        "FROM HOST/notar/a:1\nRUN true\n",
        B::CorruptImage,
        1,
        "is damaged",
        "Push the image again",
    ),
    build(
        "no registry",
        "FROM HOST/html/a:1\n",
        B::CorruptImage,
        1,
        "is damaged",
        "Push the image again",
    ),
    build(
        "pull: closed",
        "FROM CLOSED/a:1\n",
        B::RegistryUnreachable,
        1,
        "nothing answers there",
        "does the registry run",
    ),
    build(
        "pull: no host",
        "FROM nosuch.prt.invalid/a:1\n",
        B::RegistryUnreachable,
        1,
        "no such host name",
        "Is the name right",
    ),
    build(
        "pull: not trusted",
        "FROM TLS/a:1\n",
        B::RegistryUnreachable,
        1,
        "its certificate is not trusted",
        "build configuration",
    ),
];

/// What a registry does to the result.
const PUSHES: &[Planted] = &[
    push(
        "push: no project",
        "post-404/a",
        B::PushDenied,
        "create it first in the portal",
        "",
    ),
    push(
        "push: quota",
        "post-403/a",
        B::PushDenied,
        "DENIED: would exceed the quota",
        "",
    ),
    push(
        "push: 429",
        "post-429/a",
        B::RateLimited,
        "TOOMANYREQUESTS: slow down, you",
        "Try again later",
    ),
    push(
        "push: read-only",
        "post-503/a",
        B::RegistryUnreachable,
        "read-only, back at 18:00",
        "Try again later",
    ),
    push(
        "push: immutable tag",
        "put-409/a",
        B::PushDenied,
        "the tag 1 is immutable",
        "Push another tag",
    ),
    push(
        "push: quota at the end",
        "put-403/a",
        B::PushDenied,
        "DENIED: would exceed the quota",
        "Do what the registry says",
    ),
    push(
        "push: unknown schema",
        "put-400/a",
        B::PushDenied,
        "no schema 2 here",
        "ask the registry's administrator",
    ),
    push(
        "push: read-only at the end",
        "put-503/a",
        B::RegistryUnreachable,
        "read-only, back at 18:00",
        "Try again later",
    ),
];

/// A console that knows the registry.
struct Site {
    console: Console,
    faulty: FaultyRegistry,
    tls: OwnRegistry,
    closed: String,
}

impl Site {
    async fn start() -> Self {
        let faulty = FaultyRegistry::start().await;
        let tls = OwnRegistry::tls().start().await;
        let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = closed.expect("a free port").port();
        let closed = format!("{}:{port}", faulty.host.split(':').next().expect("an address"));
        let mut console = Console::start().await;
        console.kill();
        let config = console.folder.path().join("console.toml");
        let mut config = fs::OpenOptions::new()
            .append(true)
            .open(config)
            .expect("the configuration");
        writeln!(config, "[registries.\"{}\"]\nhttp = true", faulty.host).expect("it can be written");
        console.run().await;
        Self {
            console,
            faulty,
            tls,
            closed,
        }
    }

    fn text(&self, text: &str) -> String {
        text.replace("OK", &format!("{}/ok/base:1", self.faulty.host))
            .replace("HOST", &self.faulty.host)
            .replace("CLOSED", &self.closed)
            .replace("TLS", &self.tls.host)
    }

    fn request(&self, worker: &str, push: Option<&str>) -> BuildRequest {
        BuildRequest {
            name: format!("{}/{}", self.faulty.host, push.unwrap_or("ok/result")),
            push_image: push.is_some(),
            registry_credentials: vec![],
            ..self.console.build_request(worker, "x", "1")
        }
    }

    /// Reason and message; a build that is refused at the check has no reason of its own.
    async fn run(&self, user: &Client, worker: &str, planted: &Planted) -> (Option<BuildReason>, String) {
        self.console
            .dockerfile(user, worker, &self.text(planted.dockerfile))
            .await;
        let request = BuildRequest {
            additional_build_params: planted.options.into(),
            ..self.request(worker, planted.push)
        };
        match user.build_create(&request).await {
            Ok(started) => {
                let build = self.console.build_end(user, started.number).await;
                assert_eq!(build.status, BuildStatus::Failed, "{}: {}", planted.name, build.message);
                (build.reason, build.message)
            }
            Err(error) => {
                let api = error.api().unwrap_or_else(|| panic!("{}: {error}", planted.name));
                let words = ["name", "registry_credentials"]
                    .iter()
                    .find_map(|field| api.field(field));
                (
                    None,
                    words.unwrap_or_else(|| panic!("{}: {api:?}", planted.name)).to_owned(),
                )
            }
        }
    }
}

/// Counts what was named and advised rightly, and tells what was not.
#[derive(Default)]
struct Score {
    all: usize,
    named: usize,
    advised: usize,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, name: &str, named: bool, advised: bool, told: &str) {
        self.all += 1;
        self.named += usize::from(named);
        self.advised += usize::from(advised);
        if !(named && advised) {
            self.wrong.push(format!("{name}: {told}"));
        }
    }

    fn end(self, what: &str) {
        let Self {
            all,
            named,
            advised,
            wrong,
            ..
        } = self;
        println!("{what}: {named} of {all} planted faults named rightly, {advised} with the right advice");
        assert!(
            wrong.is_empty(),
            "{what}, {named} and {advised} of {all}:\n{}",
            wrong.join("\n")
        );
    }
}

async fn builds(planted: &[&[Planted]], what: &str) {
    let site = Site::start().await;
    let user = site.console.user("alice", &[]).await;
    let worker = site.console.worker(&user, &builder_worker("Small")).await.name;
    let mut score = Score::default();
    for planted in planted.iter().copied().flatten() {
        let (reason, message) = site.run(&user, &worker, planted).await;
        // The check names what the registry refuses before the build.
        let reason_named = reason.is_none_or(|reason| reason == planted.reason);
        let line_named = planted.line == 0 || message.contains(&format!("line {}", planted.line));
        let named = reason_named && line_named && message.contains(planted.words);
        let advised = message.contains(planted.advice);
        score.add(planted.name, named, advised, &format!("{reason:?}: {message}"));
    }
    score.end(what);
}

#[tokio::test]
async fn failures_of_steps_and_dockerfiles_are_named_truly() {
    builds(&[STEPS, FILES], "steps and Dockerfiles").await;
}

#[tokio::test]
async fn failures_of_registries_are_named_truly() {
    builds(&[PULLS, PUSHES], "pulls and pushes").await;
}

#[tokio::test]
async fn a_check_that_learns_nothing_lets_the_build_go() {
    let site = Site::start().await;
    let user = site.console.user("alice", &[]).await;
    let worker = site.console.worker(&user, &builder_worker("Small")).await.name;
    site.console
        .dockerfile(&user, &worker, "FROM scratch\nCOPY Dockerfile /\n")
        .await;
    for repository in ["slow-2/a", "once-429/a", "once-503/a"] {
        let request = site.request(&worker, Some(repository));
        let build = user
            .build_create(&request)
            .await
            .unwrap_or_else(|error| panic!("{repository}: {error:?}"));
        let build = site.console.build_end(&user, build.number).await;
        assert_eq!(build.status, BuildStatus::Succeeded, "{repository}: {}", build.message);
    }
}

/// A start that fails: image, reason, words, advice.
type Start = (&'static str, WorkerReason, &'static str, &'static str);

use WorkerReason as W;

const STARTS: &[Start] = &[
    (
        "LOCAL/pull-401/a:1",
        W::PullDenied,
        "UNAUTHORIZED: authentication required",
        "Give a credential for",
    ),
    (
        "LOCAL/pull-403/a:1",
        W::PullDenied,
        "DENIED: would exceed the quota",
        "Do what the registry says",
    ),
    (
        "LOCAL/pull-404/a:1",
        W::NoSuchImage,
        "NAME_UNKNOWN: create it first in the portal",
        "Check its name and tag",
    ),
    ("LOCAL/ok/a:2", W::NoSuchImage, "has no image", "Check its name and tag"),
    (
        "LOCAL/pull-429/a:1",
        W::RateLimited,
        "TOOMANYREQUESTS: slow down, you",
        "Try again later",
    ),
    (
        "LOCAL/pull-500/a:1",
        W::RegistryUnreachable,
        "500 Internal Server Error",
        "Try again later",
    ),
    (
        "LOCAL/pull-502/a:1",
        W::RegistryUnreachable,
        "502 Bad Gateway",
        "Try again later",
    ),
    (
        "LOCAL/pull-503/a:1",
        W::RegistryUnreachable,
        "503 Service Unavailable",
        "Try again later",
    ),
    ("LOCAL/token-401/a:1", W::PullDenied, "refused to let", "credential"),
    ("LOCAL/token-403/a:1", W::PullDenied, "refused to let", "credential"),
    (
        "LOCAL/token-503/a:1",
        W::RegistryUnreachable,
        "503 Service Unavailable",
        "Try again later",
    ),
    (
        "LOCAL/index/a:1",
        W::WrongArchitecture,
        "another processor architecture",
        "Use an image",
    ),
    (
        "LOCAL/corrupt/a:1",
        W::CorruptImage,
        "is damaged",
        "Push the image again",
    ),
    ("LOCAL/notar/a:1", W::CorruptImage, "is damaged", "Push the image again"),
    (
        "LOOP-CLOSED/a:1",
        W::RegistryUnreachable,
        "nothing answers there",
        "does the registry run",
    ),
    (
        "nosuch.prt.invalid/a:1",
        W::RegistryUnreachable,
        "no such host name",
        "Is the name right",
    ),
    (
        "TLS/a:1",
        W::RegistryUnreachable,
        "its certificate is not trusted",
        "its host must trust the registry",
    ),
    (
        "HOST/ok/a:1",
        W::RegistryUnreachable,
        "it speaks plain HTTP",
        "list it as insecure",
    ),
    ("AUTH/a/b:1", W::PullDenied, "refused to let", "Give a credential for"),
];

#[tokio::test]
async fn failures_of_starts_are_named_truly() {
    let site = Site::start().await;
    site.console.allow_all().await;
    let port = site.closed.rsplit(':').next().expect("a port");
    let starts = STARTS.iter().map(|(image, reason, words, advice)| {
        let image = image
            .replace("LOCAL", &site.faulty.local)
            .replace("LOOP-CLOSED", &format!("127.0.0.1:{port}"))
            .replace("AUTH", &registry().host);
        let image = site.text(&image);
        let config = WorkerConfig {
            worker_image: image.clone(),
            image_config: ImageConfig::default(),
            ..plain_worker("X-Small")
        };
        let admin = &site.console.admin;
        async move {
            let worker = admin.worker_create(&config).await.expect("the worker is made");
            let worker = admin.worker_wait(&worker.name, 120).await.expect("it can be seen");
            let named = worker.status == WorkerStatus::Failed
                && worker.reason == Some(*reason)
                && worker.message.contains(words);
            let told = format!("{:?} {:?}: {}", worker.status, worker.reason, worker.message);
            (image, named, worker.message.contains(advice), told)
        }
    });
    let mut score = Score::default();
    for (image, named, advised, told) in futures::future::join_all(starts).await {
        score.add(&image, named, advised, &told);
    }
    score.end("starts");
}

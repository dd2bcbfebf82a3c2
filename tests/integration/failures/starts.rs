//! Starts of workers that fail.

use futures::StreamExt as _;
use prt_types::workers::{ImageConfig, WorkerConfig, WorkerReason as W, WorkerStatus};

use super::{Score, Site};
use crate::helpers::{LocalImage, builder_worker, plain_worker, registry};

/// A start that fails: image, reason, words, advice.
type Start = (&'static str, W, &'static str, &'static str);

/// `LOCAL` is the faulty registry as the engine meets it. The engine pulls the workers' images.
const IMAGES: &[Start] = &[
    (
        "LOCAL/pull-401/a:1",
        W::PullDenied,
        "refused to let",
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
    (
        "LOCAL/pull-504/a:1",
        W::RegistryUnreachable,
        "504 Gateway Timeout",
        "Try again later",
    ),
    (
        "LOCAL/blob-403/a:1",
        W::PullDenied,
        "DENIED: would exceed the quota",
        "Do what the registry says",
    ),
    (
        "LOCAL/blob-429/a:1",
        W::RateLimited,
        "TOOMANYREQUESTS: slow down, you",
        "Try again later",
    ),
    ("LOCAL/token-401/a:1", W::PullDenied, "refused to let", "credential"),
    ("LOCAL/token-403/a:1", W::PullDenied, "refused to let", "credential"),
    (
        "LOCAL/index/a:1",
        W::WrongArchitecture,
        "another processor architecture",
        "Use an image",
    ),
    (
        "LOCAL/foreign/a:1",
        W::WrongArchitecture,
        "another kind of processor",
        "",
    ),
    (
        "LOCAL/corrupt/a:1",
        W::CorruptImage,
        "is damaged",
        "Push the image again",
    ),
    ("LOCAL/notar/a:1", W::CorruptImage, "is damaged", "Push the image again"),
    ("LOCAL/short/a:1", W::CorruptImage, "is damaged", "Push the image again"),
    ("LOCAL/html/a:1", W::CorruptImage, "is damaged", "Push the image again"),
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

/// The same for builders' images.
const BUILDERS: &[Start] = &[
    (
        "LOCAL/pull-401/b:1",
        W::PullDenied,
        "refused to let",
        "an admin sets it",
    ),
    (
        "LOCAL/pull-403/b:1",
        W::PullDenied,
        "DENIED: would exceed the quota",
        "Do what the registry says",
    ),
    (
        "LOCAL/pull-404/b:1",
        W::NoSuchImage,
        "NAME_UNKNOWN: create it first",
        "Check its name and tag",
    ),
    (
        "LOCAL/pull-429/b:1",
        W::RateLimited,
        "TOOMANYREQUESTS: slow down, you",
        "Try again later",
    ),
    (
        "LOCAL/pull-503/b:1",
        W::RegistryUnreachable,
        "503 Service Unavailable",
        "Try again later",
    ),
    (
        "LOCAL/index/b:1",
        W::WrongArchitecture,
        "another processor architecture",
        "Use an image",
    ),
    (
        "LOCAL/corrupt/b:1",
        W::CorruptImage,
        "is damaged",
        "Push the image again",
    ),
    (
        "nosuch.prt.invalid/b:1",
        W::RegistryUnreachable,
        "no such host name",
        "Is the name right",
    ),
];

/// Start commands of images that the engine has: reason and words.
const COMMANDS: &[Start] = &[
    (
        r#"["sleep", "600"]"#,
        W::NoJupyter,
        "there is no Jupyter in it",
        "install JupyterLab",
    ),
    (
        r#"["sh", "-c", "echo no config >&2; exit 3"]"#,
        W::Exited,
        "exit code 3. It printed last: no config",
        "",
    ),
    (
        r#"["sh", "-c", "echo No space left on device; exit 4"]"#,
        W::Exited,
        "exit code 4",
        "",
    ),
    (
        r#"["sh", "-c", "echo out of memory; exit 5"]"#,
        W::Exited,
        "exit code 5",
        "",
    ),
    (
        r#"["sh", "-c", "echo killed; exit 137"]"#,
        W::Exited,
        "exit code 137 (SIGKILL)",
        "",
    ),
    (r#"["start-notebook"]"#, W::Exited, "executable file not found", ""),
    (
        r#"["sh", "-c", "kill -SEGV $$; exit 139"]"#,
        W::Exited,
        "exit code 139 (SIGSEGV)",
        "",
    ),
    (
        r#"["busybox", "dd", "if=/dev/zero", "of=/dev/null", "bs=3000M", "count=1"]"#,
        W::OutOfMemory,
        "memory",
        "larger",
    ),
];

#[tokio::test]
async fn failures_of_starts_are_named_truly() {
    let site = Site::start().await;
    site.console.allow_all().await;
    let port = site.closed.rsplit(':').next().expect("a port");
    let reference = |image: &str| {
        let image = image
            .replace("LOCAL", &site.faulty.local)
            .replace("LOOP-CLOSED", &format!("127.0.0.1:{port}"))
            .replace("AUTH", &registry().host);
        site.text(&image)
    };
    let commands: Vec<(LocalImage, &Start)> = COMMANDS
        .iter()
        .map(|start| (LocalImage::new(None, start.0), start))
        .collect();
    let images = IMAGES.iter().map(|start| {
        let config = WorkerConfig {
            worker_image: reference(start.0),
            ..plain_worker("X-Small")
        };
        (config, start)
    });
    let builders = BUILDERS.iter().map(|start| {
        let image_config = ImageConfig {
            custom_builder_url: Some(reference(start.0)),
            ..builder_worker("Small").image_config
        };
        let config = WorkerConfig {
            image_config,
            ..builder_worker("Small")
        };
        (config, start)
    });
    let commands = commands.iter().map(|(image, start)| (image.worker(), *start));
    let starts = images.chain(builders).chain(commands).map(|(config, start)| {
        let (name, reason, words, advice) = start;
        let admin = &site.console.admin;
        async move {
            let worker = admin.worker_create(&config).await.expect("the worker is made");
            let worker = admin.worker_wait(&worker.name, 120).await.expect("it can be seen");
            let named = worker.status == WorkerStatus::Failed
                && worker.reason == Some(*reason)
                && worker.message.contains(words);
            let told = format!("{:?} {:?}: {}", worker.status, worker.reason, worker.message);
            (name, named, worker.message.contains(advice), told)
        }
    });
    let mut score = Score::default();
    // Several at a time: most of them wait for the engine.
    let mut starts = futures::stream::iter(starts).buffered(6);
    while let Some((name, named, advised, told)) = starts.next().await {
        score.add(name, named, advised, &told);
    }
    score.end("starts");
}

//! Killing the console in the middle of a build or of a worker's start, and what it finds then.

use prt_client::Client;
use prt_types::{
    Secret,
    build_events::{BuildEvent, BuildRecord},
    builds::BuildStatus,
    named_secrets::NamedSecretInput,
    workers::{ContainerState, TerminateRequest, WorkerConfig, WorkerReason, WorkerStatus},
};

use crate::helpers::{
    Console, LocalImage, WORKER_IMAGE, builder_container, builder_worker, canary, docker, eventually, holds,
    plain_worker, sh, shell_image,
};

fn lines(records: &[BuildRecord]) -> Vec<String> {
    records
        .iter()
        .filter_map(|record| match &record.event {
            BuildEvent::Log(line) => Some(line.text.clone()),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_build_outlives_the_console_and_its_log_is_whole() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Medium")).await;
    // Prints through the crash and after it.
    let loop_text = "for i in $(seq 1 400); do echo counting $i; sleep 0.02; done";
    let dockerfile = format!("FROM {}\nRUN {loop_text}\n", shell_image());
    console.dockerfile(&admin, &worker.name, &dockerfile).await;
    let build = admin
        .build_create(&console.build_request(&worker.name, "crash", "1"))
        .await
        .unwrap();
    let reached = |count: usize| {
        let admin = admin.clone();
        async move { (lines(&admin.build_records(build.number, 0, None).await.ok()?).len() >= count).then_some(()) }
    };
    eventually("some lines are there", || reached(50)).await;
    console.kill();
    console.run().await;
    eventually("the log goes on", || reached(120)).await;
    console.kill();
    console.run().await;
    let build = console.build_end(&admin, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    assert!(build.digest.is_some());
    let records = admin.build_records(build.number, 0, None).await.unwrap();
    let numbers: Vec<u64> = records.iter().map(|record| record.seq).collect();
    assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>());
    let counted: Vec<String> = lines(&records)
        .into_iter()
        .filter(|line| line.starts_with("counting"))
        .collect();
    assert_eq!(counted, (1..=400).map(|i| format!("counting {i}")).collect::<Vec<_>>());
    assert_eq!(
        records
            .iter()
            .filter(|record| matches!(record.event, BuildEvent::End(_)))
            .count(),
        1
    );
    assert!(matches!(records.last().unwrap().event, BuildEvent::End(_)));
}

#[tokio::test]
async fn a_build_that_ended_while_the_console_was_down() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Small")).await;
    let dockerfile = format!("FROM {}\nRUN sleep 2; echo woke up\n", shell_image());
    console.dockerfile(&admin, &worker.name, &dockerfile).await;
    let mut request = console.build_request(&worker.name, "x", "1");
    request.push_image = false;
    let build = admin.build_create(&request).await.unwrap();
    eventually("the step runs", || async {
        let records = admin.build_records(build.number, 0, None).await.unwrap();
        records
            .iter()
            .any(|record| matches!(&record.event, BuildEvent::Step(step) if step.name.contains("woke")))
            .then_some(())
    })
    .await;
    console.kill();
    let spool = format!("/tmp/prt-builds/{}/exit", build.id);
    let builder = builder_container(&worker);
    eventually("the build ends without the console", || async {
        holds(&builder, &format!("test -e {spool}")).then_some(())
    })
    .await;
    console.run().await;
    let build = console.build_end(&admin, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    let records = admin.build_records(build.number, 0, None).await.unwrap();
    assert!(lines(&records).contains(&"woke up".to_owned()));
}

#[tokio::test]
async fn a_console_that_was_killed_before_it_started_the_containers() {
    let mut console = Console::start().await;
    // Never answers, so that the worker stays in Provisioning.
    let config = WorkerConfig {
        startup_script: Some("exec tail -f /dev/null".into()),
        ..plain_worker("X-Small")
    };
    let worker = console.admin.worker_create(&config).await.unwrap();
    let primary = format!("prt-{}-primary", worker.instance_id);
    eventually("the container runs", || async {
        let worker = console.admin.worker(&worker.name).await.unwrap();
        worker
            .containers
            .iter()
            .any(|container| container.state == ContainerState::Running)
            .then_some(())
    })
    .await;
    console.kill();
    // The same container, made and not started: what a kill between the two calls leaves.
    let image = docker(&["inspect", "-f", "{{.Image}}", &primary]);
    docker(&["rm", "-f", &primary]);
    let instance = format!("io.prt-console.instance={}", console.instance);
    let id = format!("io.prt-console.worker-id={}", worker.instance_id);
    docker(&[
        "create",
        "--name",
        &primary,
        "--label",
        &instance,
        "--label",
        &id,
        "--label",
        "io.prt-console.role=primary",
        &image,
    ]);
    console.run().await;
    let failed = eventually("the worker fails", || async {
        let worker = console.admin.worker(&worker.name).await.unwrap();
        (worker.status == WorkerStatus::Failed).then_some(worker)
    })
    .await;
    assert_eq!(failed.reason, Some(WorkerReason::Lost), "{}", failed.message);
    assert!(failed.message.contains("The console was stopped"), "{}", failed.message);
    assert_eq!(failed.containers[0].state, ContainerState::Created);
    let ended = console
        .admin
        .worker_terminate(&worker.name, &TerminateRequest::default())
        .await
        .unwrap();
    assert_eq!(ended.status, WorkerStatus::Terminated);
    assert_eq!(console.containers(), Vec::<String>::new());
}

/// Hangs when the console hands the secrets over for the first time: a moment that a kill would hit by luck only.
const AGENT_THAT_HANGS_ONCE: &str = r#"#!/bin/sh
[ "$1" != request ] || ! mkdir /tmp/held 2>/dev/null || exec sleep 3600
exec /usr/local/bin/agent "$@"
"#;

#[tokio::test]
async fn a_console_that_was_killed_before_it_gave_secrets_and_logins() {
    // Workers get logins where a worker can reach the console; this one's is used from here.
    let hanging = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&hanging, AGENT_THAT_HANGS_ONCE).unwrap();
    let hanging_path = hanging.path().display().to_string();
    let settings = [
        ("PRT_WORKER_URL", "http://console.invalid"),
        ("PRT_AGENT", &hanging_path),
    ];
    let mut console = Console::start_with(&settings).await;
    console.allow_all().await;
    let agent = std::fs::read(std::env::var("PRT_AGENT").expect("the tests have PRT_AGENT")).unwrap();
    let image = LocalImage::with_file(WORKER_IMAGE, "/usr/local/bin/agent", agent);
    let value = canary("late");
    let secret = NamedSecretInput {
        name: "LATE".into(),
        value: Some(value.clone()),
        ..NamedSecretInput::default()
    };
    console.admin.secret_create(&secret).await.unwrap();
    let config = WorkerConfig {
        personal_secrets: vec!["LATE".into()],
        startup_script: Some("printf %s \"$LATE\" >/tmp/seen-at-start".into()),
        ..image.worker()
    };
    let worker = console.admin.worker_create(&config).await.unwrap();
    let primary = format!("prt-{}-primary", worker.instance_id);
    eventually("the worker waits for its secrets", || async {
        holds(&primary, "test -d /tmp/held && ! test -e /tmp/seen-at-start").then_some(())
    })
    .await;
    console.kill();
    console.run().await;
    let worker = console.admin.worker_wait(&worker.name, 120).await.unwrap();
    assert_eq!(worker.status, WorkerStatus::Running, "{}", worker.message);
    let seen = sh(&console.admin, &worker.name, "cat /tmp/seen-at-start").await;
    assert_eq!(seen.stdout, value.expose());
    // Its own login is a new one: nobody knows the first.
    let token = sh(&console.admin, &worker.name, "cat \"$PRT_TOKEN_FILE\"").await.stdout;
    let own = Client::new(&console.url, Some(Secret::new(token))).unwrap();
    assert_eq!(own.worker(&worker.name).await.unwrap().instance_id, worker.instance_id);
}

#[tokio::test]
async fn a_second_console_on_the_same_data_does_not_start() {
    let console = Console::start().await;
    let (code, words) = console.second("127.0.0.1:0").await;
    assert_ne!(code, Some(0));
    assert!(
        words.contains("another console runs there") && words.contains(&console.data().display().to_string()),
        "{words}"
    );
    console.admin.workers(true).await.unwrap();
}

#[tokio::test]
async fn a_damaged_log_is_shown_but_for_the_damage() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Small")).await;
    let dockerfile = format!(
        "FROM {}\nRUN for i in $(seq 1 50); do echo counting $i; done\n",
        shell_image()
    );
    console.dockerfile(&admin, &worker.name, &dockerfile).await;
    let mut request = console.build_request(&worker.name, "x", "1");
    request.push_image = false;
    let build = admin.build_create(&request).await.unwrap();
    let build = console.build_end(&admin, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    let before = admin.build_records(build.number, 0, None).await.unwrap();
    console.kill();
    let segment = console
        .data()
        .join(format!("build-logs/{}/segment-000001.ndjson", build.id));
    let text = std::fs::read_to_string(&segment).unwrap();
    let hit = 1 + text.lines().position(|line| line.contains("\"counting 20\"")).unwrap() as u64;
    let line = text.lines().nth(hit as usize - 1).unwrap();
    std::fs::write(
        &segment,
        text.replace(line, &line.replace(&format!("\"seq\":{hit}"), "\"seq\":{}")),
    )
    .unwrap();
    console.run().await;
    let after = admin.build_records(build.number, 0, None).await.unwrap();
    assert_eq!(after.len(), before.len());
    for (after, before) in after.iter().zip(&before) {
        if before.seq == hit {
            assert!(
                matches!(&after.event, BuildEvent::Notice { text } if text.contains("damaged")),
                "{after:?}"
            );
        } else {
            assert_eq!(after, before);
        }
    }
}

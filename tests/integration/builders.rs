//! Builders: which image runs, what the host must have, and their cache.

use std::time::{Duration, Instant};

use prt_types::{
    ErrorCode,
    builders::CheckState,
    builds::BuildStatus,
    container_images::ContainerImageInput,
    workers::{ContainerRole, ImageConfig, WorkerConfig, WorkerReason, WorkerStatus},
};
use serde_json::{Value, json};

use crate::helpers::{
    Console, LocalImage, WORKER_IMAGE, builder_container, builder_worker, docker, eventually, plain_worker, shell_image,
};

/// The platform's own image, granted to everyone: no builder.
const NO_BUILDER: &str = WORKER_IMAGE;

fn custom(image: &str) -> WorkerConfig {
    let image_config = ImageConfig {
        custom_builder_url: Some(image.into()),
        ..builder_worker("Medium-restricted").image_config
    };
    WorkerConfig {
        image_config,
        ..builder_worker("Medium-restricted")
    }
}

#[tokio::test]
async fn a_custom_builder_needs_a_grant_and_a_build_service() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let own = console.admin.builders().await.unwrap().restricted_image;
    let refused = alice.worker_create(&custom(&own)).await.unwrap_err();
    let error = refused.api().unwrap();
    assert_eq!(error.code, ErrorCode::Forbidden, "{error}");
    assert!(
        error.message.contains(&own) && error.message.contains("Infrastructure > Container Images"),
        "{error}"
    );
    assert_eq!(alice.workers(true).await.unwrap().len(), 0, "nothing was started");

    // Granted, and run instead of the installation's.
    let rule = ContainerImageInput {
        image: own.clone(),
        users: vec!["alice".into()],
        ..ContainerImageInput::default()
    };
    console.admin.container_image_create(&rule).await.unwrap();
    let worker = console.worker(&alice, &custom(&own)).await;
    assert_eq!(
        docker(&["inspect", "-f", "{{.Image}}", &builder_container(&worker)]),
        docker(&["image", "inspect", "-f", "{{.Id}}", &own])
    );
    let planned = worker.containers.iter().map(|container| container.image.as_str());
    assert!(
        planned.clone().any(|image| image == own),
        "{:?}",
        planned.collect::<Vec<_>>()
    );

    // An image that is no builder ends in words, soon.
    let since = Instant::now();
    let worker = alice.worker_create(&custom(NO_BUILDER)).await.unwrap();
    let worker = eventually("the worker has failed", || async {
        let worker = alice.worker(&worker.name).await.ok()?;
        (worker.status == WorkerStatus::Failed).then_some(worker)
    })
    .await;
    assert_eq!(worker.reason, Some(WorkerReason::BuilderFailed), "{}", worker.message);
    assert!(
        worker.message.contains(NO_BUILDER)
            && worker.message.contains("is no builder")
            && worker.message.contains("moby/buildkit"),
        "{}",
        worker.message
    );
    let took = since.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn a_restricted_builder_has_no_more_rights_than_it_needs() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let builder = builder_container(&worker);
    let found: Value = serde_json::from_str(&docker(&["inspect", &builder])).unwrap();
    let found = &found[0];
    let host = &found["HostConfig"];
    // Engines write a capability with or without its prefix, in any order.
    let words = |value: &Value| {
        let mut words: Vec<String> = serde_json::from_value(value.clone()).unwrap();
        for word in &mut words {
            *word = word.trim_start_matches("CAP_").to_owned();
        }
        words.sort();
        words
    };
    assert_eq!(found["Config"]["User"], "1000:1000");
    assert_eq!(host["Privileged"], false);
    assert_eq!(words(&host["CapDrop"]), ["ALL"]);
    assert_eq!(words(&host["CapAdd"]), ["SETGID", "SETUID"]);
    assert_eq!(
        words(&host["SecurityOpt"]),
        ["apparmor=unconfined", "seccomp=unconfined"]
    );
    assert_eq!(host["ReadonlyRootfs"], false);
    // For the process sandbox of its steps.
    assert_eq!((&host["MaskedPaths"], &host["ReadonlyPaths"]), (&json!([]), &json!([])));
    // Nothing of the host.
    for list in ["Binds", "Devices"] {
        assert!(host[list].as_array().is_none_or(Vec::is_empty), "{list}: {host}");
    }
    for space in ["PidMode", "UTSMode", "UsernsMode"] {
        assert_eq!(host[space], "", "{space}");
    }
    assert_ne!(host["NetworkMode"], "host");
    assert_ne!(host["IpcMode"], "host");
    let mounts = found["Mounts"].as_array().unwrap();
    let kinds: Vec<&str> = mounts.iter().filter_map(|mount| mount["Type"].as_str()).collect();
    assert_eq!(
        kinds, ["volume"; 3],
        "build folder, BuildKit's state, contexts: {mounts:?}"
    );

    // And what the kernel holds its main process to: no capability but those two to be gained.
    let status = docker(&["exec", &builder, "cat", "/proc/1/status"]);
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {status}"))
            .trim()
            .to_owned()
    };
    assert_eq!(of("Uid"), "1000\t1000\t1000\t1000");
    let rights = ["CapEff", "CapPrm", "CapBnd"].map(of);
    assert_eq!(rights, ["0000000000000000", "0000000000000000", "00000000000000c0"]);
}

#[tokio::test]
async fn the_builder_image_of_the_configuration_runs() {
    let former = Console::start().await.admin.builders().await.unwrap().restricted_image;
    // With a label more, so that the engine tells the two apart: it knows images by their content.
    let image = LocalImage::with_instruction(&former, "LABEL prt.test=another");
    let id = |image: &str| docker(&["image", "inspect", "-f", "{{.Id}}", image]);
    assert_ne!(id(&image.name), id(&former));
    let console = Console::start_with(&[("PRT_BUILDER_IMAGE", &image.name)]).await;
    let told = console.admin.builders().await.unwrap();
    assert_eq!(told.restricted_image, image.name);
    assert_ne!(told.privileged_image, image.name);

    // It needs no grant: an admin has put it there.
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    assert_eq!(
        docker(&["inspect", "-f", "{{.Image}}", &builder_container(&worker)]),
        id(&image.name)
    );
    let builder = worker
        .containers
        .iter()
        .find(|container| container.role == ContainerRole::Builder)
        .unwrap();
    assert_eq!(builder.image, image.name);
}

#[tokio::test]
async fn this_host_has_what_the_restricted_builder_needs() {
    let console = Console::start().await;
    let admin = &console.admin;
    let before = admin.builders().await.unwrap();
    assert_eq!(before.preflight, None);
    assert_ne!(before.restricted_image, before.privileged_image);
    let found = admin.builders_preflight().await.unwrap();
    assert!(found.ok, "{found:#?}");
    assert_eq!(found.image, before.restricted_image);
    for check in &found.checks {
        assert_eq!((check.state, check.fix.as_str()), (CheckState::Ok, ""), "{check:?}");
    }
    assert_eq!(console.engine_things(), Vec::<String>::new(), "the probe is gone");
    assert_eq!(admin.builders().await.unwrap().preflight, Some(found));
    let rows = admin.audit(Some(20), None).await.unwrap();
    assert!(rows.iter().any(|row| row.action == "builders.preflight"));

    let alice = console.user("alice", &[]).await;
    for refused in [
        alice.builders().await.unwrap_err(),
        alice.builders_preflight().await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Some(ErrorCode::Forbidden), "{refused}");
    }
}

#[tokio::test]
async fn the_cache_is_measured_and_emptied_but_not_during_a_build() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await.name;
    console
        .dockerfile(&alice, &worker, &format!("FROM {}\nRUN echo cached\n", shell_image()))
        .await;
    let mut request = console.build_request(&worker, "cached", "1");
    request.push_image = false;
    let started = alice.build_create(&request).await.unwrap();
    let built = console.build_end(&alice, started.number).await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);
    let full = alice.worker_cache(&worker).await.unwrap();
    assert!(full.total_bytes > 1_000_000 && full.records > 1, "{full:?}");

    let pruned = alice.worker_cache_prune(&worker).await.unwrap();
    assert_eq!((pruned.left.records, pruned.left.total_bytes), (0, 0), "{pruned:?}");
    assert_eq!(pruned.freed_bytes, full.total_bytes);
    assert_eq!(alice.worker_cache(&worker).await.unwrap(), pruned.left);
    let rows = console.admin.audit(Some(50), None).await.unwrap();
    let row = rows.iter().rfind(|row| row.action == "worker.cache_prune").unwrap();
    assert_eq!((&*row.actor, &*row.object), ("alice", &*worker));
    assert!(row.details.contains("before_bytes"), "{}", row.details);

    let endless = format!("FROM {}\nRUN while true; do sleep 0.1; done\n", shell_image());
    console.dockerfile(&alice, &worker, &endless).await;
    let running = alice.build_create(&request).await.unwrap();
    let refused = alice.worker_cache_prune(&worker).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Conflict));
    let words = format!("Build #{} runs in {worker}", running.number);
    assert!(refused.to_string().contains(&words), "{refused}");
    let rows = console.admin.audit(Some(50), None).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.action == "worker.cache_prune").count(), 1);
    alice.build_cancel(running.number).await.unwrap();
    console.build_end(&alice, running.number).await;

    let bob = console.user("bob", &[]).await;
    for refused in [
        bob.worker_cache(&worker).await.unwrap_err(),
        bob.worker_cache_prune(&worker).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Some(ErrorCode::NotFound), "{refused}");
    }
    let plain = console.worker(&alice, &plain_worker("X-Small")).await.name;
    let refused = alice.worker_cache(&plain).await.unwrap_err();
    assert!(refused.to_string().contains("has no builder"), "{refused}");
}

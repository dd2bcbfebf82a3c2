//! Workers on the real engine.

use prt_types::{
    ErrorCode,
    container_images::ContainerImageInput,
    worker_sizes::{Limits, SecurityContext},
    workers::{
        ContainerRole, ContainerState, ExecRequest, ExecResult, ImageConfig, TerminateRequest, WorkerConfig,
        WorkerReason, WorkerStatus,
    },
};

use prt_client::Client;

use crate::helpers::{Console, builder_worker, docker, eventually, plain_worker, registry};

async fn sh(client: &Client, worker: &str, script: &str) -> ExecResult {
    let request = ExecRequest {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
    };
    client.worker_exec(worker, &request).await.expect("the command runs")
}

#[tokio::test]
async fn a_builder_worker_has_two_containers_that_share_the_size_and_the_build_folder() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let mut config = builder_worker("Medium-restricted");
    config.image_config.builder_capacity = Some(60);
    config.env_variables.insert("GREETING".into(), "hello".into());
    config.startup_script = Some("echo started > /tmp/started".into());
    let worker = console.worker(&alice, &config).await;
    assert_eq!(worker.security_context, SecurityContext::Restricted);
    assert_eq!(console.containers().len(), 2);

    // The engine enforces what was planned, and the two limits add up to the size.
    let worker = alice.worker(&worker.name).await.unwrap();
    let limits = |role| {
        worker
            .containers
            .iter()
            .find(|container| container.role == role)
            .unwrap()
            .limits
    };
    assert_eq!(
        limits(ContainerRole::Builder),
        Limits {
            cpu_millis: 1140,
            memory_mib: 2304,
            gpus: 0
        }
    );
    assert_eq!(
        limits(ContainerRole::Primary),
        Limits {
            cpu_millis: 760,
            memory_mib: 1536,
            gpus: 0
        }
    );
    assert!(
        worker
            .containers
            .iter()
            .all(|container| container.state == ContainerState::Running)
    );
    for id in console.containers() {
        assert_eq!(docker(&["inspect", "-f", "{{.HostConfig.Privileged}}", &id]), "false");
    }

    // One folder, both ways, with an owner that fits on both sides.
    let builder = format!("prt-{}-builder", worker.instance_id);
    let done = sh(
        &alice,
        &worker.name,
        "echo from-primary > ~/build/a && stat -c %u ~/build/a && cat /tmp/started && echo $GREETING",
    )
    .await;
    assert_eq!(
        (done.exit_code, done.stdout.as_str()),
        (0, "1000\nstarted\nhello\n"),
        "{}",
        done.stderr
    );
    assert_eq!(
        docker(&[
            "exec",
            &builder,
            "sh",
            "-c",
            "cat /build/a; echo from-builder > /build/b; stat -c %u /build/b"
        ]),
        "from-primary\n1000"
    );
    assert_eq!(
        sh(&alice, &worker.name, "cat ~/build/b; echo more >> ~/build/b && echo ok")
            .await
            .stdout,
        "from-builder\nok\n"
    );

    // Restricted: no way to root in the primary.
    assert_ne!(sh(&alice, &worker.name, "sudo -n true").await.exit_code, 0);

    let ended = alice
        .worker_terminate(
            &worker.name,
            &TerminateRequest {
                stop_reason: Some("done".into()),
            },
        )
        .await
        .unwrap();
    assert_eq!(
        (ended.status, ended.stop_reason.as_deref()),
        (WorkerStatus::Terminated, Some("done"))
    );
    assert_eq!(console.containers(), Vec::<String>::new());
    assert_eq!(console.volumes(), Vec::<String>::new());
    let again = alice
        .worker_terminate(&worker.name, &TerminateRequest::default())
        .await
        .unwrap();
    assert_eq!(again.status, WorkerStatus::Terminated);
}

#[tokio::test]
async fn without_a_builder_there_is_one_container_and_no_build() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &plain_worker("X-Small")).await;
    assert_eq!(console.containers().len(), 1);
    // The default context: sudo works, and it is not privileged.
    assert_eq!(
        sh(&alice, &worker.name, "id -u; sudo -n id -u").await.stdout,
        "1000\n0\n"
    );
    let request = console.build_request(&worker.name, "x", "1");
    let error = alice.build_create(&request).await.unwrap_err();
    assert!(error.to_string().contains("builder=True"), "{error}");
}

#[tokio::test]
async fn workers_do_not_reach_each_other_nor_are_they_seen_by_others() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let bob = console.user("bob", &[]).await;
    let hers = console.worker(&alice, &plain_worker("X-Small")).await;
    let his = console.worker(&bob, &plain_worker("X-Small")).await;
    assert_eq!(
        alice.worker(&his.name).await.unwrap_err().code(),
        Some(ErrorCode::NotFound)
    );
    assert_eq!(bob.workers(true).await.unwrap().len(), 1);
    assert_eq!(console.admin.workers(true).await.unwrap().len(), 2);
    let address = docker(&[
        "inspect",
        "-f",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        &format!("prt-{}-primary", his.instance_id),
    ]);
    let probe = format!("python3 -c \"import socket; socket.create_connection(('{address}', 8888), 3)\"");
    let done = sh(&alice, &hers.name, &probe).await;
    assert_ne!(done.exit_code, 0, "one worker reaches another's notebook");
    let own = sh(
        &alice,
        &hers.name,
        "python3 -c \"import socket; socket.create_connection(('127.0.0.1', 8888), 3)\"",
    )
    .await;
    assert_eq!(own.exit_code, 0, "{}", own.stderr);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_field_by_field() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let size = alice.worker_create(&plain_worker("Huge")).await.unwrap_err();
    let message = size.api().unwrap().field("worker_size").unwrap().to_owned();
    assert!(
        message.contains("Medium-restricted") && !message.contains("Medium-privileged"),
        "{message}"
    );
    assert!(
        alice.worker_create(&plain_worker("Medium-privileged")).await.is_err(),
        "a size that is not granted"
    );
    let image_config = ImageConfig {
        builder_capacity: Some(100),
        repo_username: Some("u".into()),
        ..ImageConfig::default()
    };
    let config = WorkerConfig {
        image_config,
        ..plain_worker("Small")
    };
    let error = alice.worker_create(&config).await.unwrap_err();
    let error = error.api().unwrap();
    assert_eq!(
        error.field("image_config.builder_capacity"),
        Some("builder_capacity needs builder=True.")
    );
    assert_eq!(
        error.field("image_config.repo_password"),
        Some("repo_username needs repo_password.")
    );
}

/// Grants all images to Everyone.
async fn allow_all(console: &Console) {
    let rule = ContainerImageInput {
        image: "*".into(),
        groups: vec!["Everyone".into()],
        ..ContainerImageInput::default()
    };
    console.admin.container_image_create(&rule).await.unwrap();
}

#[tokio::test]
async fn a_failed_start_says_why() {
    let console = Console::start().await;
    allow_all(&console).await;
    let registry = registry();
    let private = format!("{}/practicusai/practicus-minimal", registry.host);
    let login = |password: &str| ImageConfig {
        repo_username: Some(registry.username.clone()),
        repo_password: Some(password.into()),
        ..ImageConfig::default()
    };
    for (image, image_config, reason) in [
        (
            format!("{private}:25.5.3-missing"),
            login(&registry.password),
            WorkerReason::NoSuchImage,
        ),
        (
            format!("{private}:25.5.3-missing"),
            login("wrong"),
            WorkerReason::PullDenied,
        ),
        (
            "127.0.0.1:9/nothing/here:1".to_owned(),
            ImageConfig::default(),
            WorkerReason::RegistryUnreachable,
        ),
    ] {
        let config = WorkerConfig {
            worker_image: image.clone(),
            image_config,
            ..plain_worker("X-Small")
        };
        let worker = console.admin.worker_create(&config).await.unwrap();
        let worker = console.admin.worker_wait(&worker.name, 60).await.unwrap();
        assert_eq!(
            (worker.status, worker.reason),
            (WorkerStatus::Failed, Some(reason)),
            "{image}: {}",
            worker.message
        );
        assert!(
            worker.events.iter().any(|event| event.kind == "Failed"),
            "{:?}",
            worker.events
        );
    }
}

#[tokio::test]
async fn a_main_process_that_ends_and_one_that_eats_memory() {
    let console = Console::start().await;
    let worker = console.worker(&console.admin, &plain_worker("X-Small")).await;
    let name = worker.name.clone();
    docker(&[
        "exec",
        "-u",
        "0",
        &format!("prt-{}-primary", worker.instance_id),
        "sh",
        "-c",
        "kill -9 -1; kill 1 || true",
    ]);
    docker(&["kill", &format!("prt-{}-primary", worker.instance_id)]);
    let failed = eventually("the worker fails", || async {
        let worker = console.admin.worker(&name).await.unwrap();
        (worker.status == WorkerStatus::Failed).then_some(worker)
    })
    .await;
    assert_eq!(failed.reason, Some(WorkerReason::Exited), "{}", failed.message);

    let hungry = WorkerConfig {
        startup_script: Some("exec python3 -c \"b = bytearray(3 * 1024 ** 3)\"".into()),
        ..plain_worker("X-Small")
    };
    // Replaces the start command, so that the main process itself goes over the limit.
    let hungry = WorkerConfig {
        startup_script: hungry.startup_script.map(|script| format!("{script}; exit 1")),
        ..hungry
    };
    let worker = console.admin.worker_create(&hungry).await.unwrap();
    let worker = console.admin.worker_wait(&worker.name, 60).await.unwrap();
    // A child was killed and the notebook goes on, or the main process was: both are told.
    let told = eventually("the engine's event arrives", || async {
        let worker = console.admin.worker(&worker.name).await.unwrap();
        worker.events.iter().any(|event| event.kind == "oom").then_some(worker)
    })
    .await;
    assert!(
        told.events.iter().any(|event| event.message.contains("out of memory")),
        "{:?}",
        told.events
    );
}

#[tokio::test]
async fn a_restarted_console_finds_its_workers_and_sweeps_what_is_nobodys() {
    let mut console = Console::start().await;
    let worker = console.worker(&console.admin, &plain_worker("X-Small")).await;
    console.kill();
    // What a crash between row and container, or a lost database, would leave.
    let orphan = "018f0000-0000-7000-8000-000000000001";
    docker(&[
        "volume",
        "create",
        "--label",
        &format!("io.prt-console.instance={}", console.instance),
        "--label",
        &format!("io.prt-console.worker-id={orphan}"),
        &format!("prt-{orphan}-build"),
    ]);
    console.run().await;
    let found = console.admin.worker(&worker.name).await.unwrap();
    assert!(found.ready, "{found:?}");
    assert_eq!(console.volumes().len(), 1, "{:?}", console.volumes());
    // Ended while nobody looked.
    console.kill();
    docker(&["rm", "-f", &format!("prt-{}-primary", worker.instance_id)]);
    console.run().await;
    let lost = eventually("the loss is seen", || async {
        let worker = console.admin.worker(&worker.name).await.unwrap();
        (worker.status == WorkerStatus::Failed).then_some(worker)
    })
    .await;
    assert_eq!(lost.reason, Some(WorkerReason::Lost));
}

//! Workers on the real engine.

use prt_types::{
    ErrorCode,
    audit::Outcome,
    named_secrets::NamedSecretInput,
    unknown_workers::AdoptRequest,
    worker_sizes::{Limits, SecurityContext},
    workers::{
        ContainerRole, ContainerState, ImageConfig, TerminateRequest, WorkerConfig, WorkerReason, WorkerStatus,
        WorkerView,
    },
};

use crate::helpers::{
    ADMIN_PASSWORD, Console, LocalImage, PRIVILEGED, WORKER_IMAGE, builder_worker, docker, engine_behind, eventually,
    plain_worker, registry, sh,
};

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
    assert_eq!(console.engine_things(), Vec::<String>::new());
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
        message.contains("Medium-restricted") && !message.contains(PRIVILEGED),
        "{message}"
    );
    assert!(
        alice.worker_create(&plain_worker(PRIVILEGED)).await.is_err(),
        "a size that is not granted"
    );
    let rows = console.admin.audit(None, None).await.unwrap();
    let refused: Vec<_> = rows.iter().filter(|row| row.outcome == Outcome::Refused).collect();
    assert_eq!(refused.len(), 1, "one size exists, the other does not: {refused:?}");
    assert!(
        refused[0]
            .details
            .contains(&format!("{PRIVILEGED} is not granted to alice")),
        "{refused:?}"
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

#[tokio::test]
async fn a_script_with_a_nul_and_an_empty_size_are_refused() {
    let console = Console::start().await;
    let config = WorkerConfig {
        startup_script: Some("echo a\0b".into()),
        ..plain_worker("")
    };
    let error = console.admin.worker_create(&config).await.unwrap_err();
    let error = error.api().unwrap();
    assert_eq!(
        error.field("startup_script"),
        Some("The script cannot contain a NUL character.")
    );
    assert_eq!(
        error.field("worker_size"),
        Some("Name a worker size, or leave it out for the default one.")
    );
    assert_eq!(console.admin.workers(true).await.unwrap(), []);
}

#[tokio::test]
async fn a_worker_that_is_terminated_while_it_starts_leaves_nothing() {
    let console = Console::start().await;
    let ends = (0..8).map(|_| async {
        let worker = console.admin.worker_create(&builder_worker("Small")).await.unwrap();
        // The engine is in the middle of making its containers.
        eventually("the containers are being made", || async {
            let worker = console.admin.worker(&worker.name).await.unwrap();
            (worker.message == "Starting the containers" || worker.status != WorkerStatus::Provisioning).then_some(())
        })
        .await;
        let ended = console
            .admin
            .worker_terminate(&worker.name, &TerminateRequest::default())
            .await
            .unwrap();
        eventually("the worker is terminated", || async {
            let worker = console.admin.worker(&worker.name).await.unwrap();
            (worker.status == WorkerStatus::Terminated).then_some(())
        })
        .await;
        ended
    });
    futures::future::join_all(ends).await;
    assert_eq!(console.engine_things(), Vec::<String>::new());
    let log = std::fs::read_to_string(console.log_file()).unwrap();
    assert!(
        !log.contains("cannot be repaired") && !log.contains("belong to no worker"),
        "{log}"
    );
}

/// Starts a worker that does not come up.
async fn fails(console: &Console, config: &WorkerConfig, reason: WorkerReason) -> WorkerView {
    let worker = console.admin.worker_create(config).await.unwrap();
    let worker = console.admin.worker_wait(&worker.name, 60).await.unwrap();
    assert_eq!(
        (worker.status, worker.reason),
        (WorkerStatus::Failed, Some(reason)),
        "{}: {}",
        worker.image,
        worker.message
    );
    worker
}

#[tokio::test]
async fn a_failed_start_says_why() {
    let console = Console::start().await;
    console.allow_all().await;
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
        let worker = fails(&console, &config, reason).await;
        assert!(
            worker.events.iter().any(|event| event.kind == "Failed"),
            "{:?}",
            worker.events
        );
    }
}

/// The header of a 64-bit ELF program for a processor that no machine here has (EM_S390).
const FOREIGN: &[u8] = b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x16\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0\0\0\x40\0\0\0\0";

fn in_time(failed: &WorkerView) {
    let took = failed.ended_ms.expect("it has ended") - failed.created_ms;
    assert!(took < 30_000, "the limit is two minutes, and it took {took} ms");
}

#[tokio::test]
async fn an_unsuitable_image_is_told_within_seconds() {
    let console = Console::start().await;
    console.allow_all().await;
    for (image, reason, words) in [
        (
            LocalImage::new(None, r#"["sleep", "600"]"#),
            WorkerReason::NoJupyter,
            "there is no Jupyter in it",
        ),
        (
            LocalImage::new(None, r#"["sh", "-c", "echo no config >&2; exit 3"]"#),
            WorkerReason::Exited,
            "ended with exit code 3. It printed last: no config. Possible cause: the security context Default runs the image as user 1000",
        ),
        (
            LocalImage::new(Some(FOREIGN), r#"["/bin/sh"]"#),
            WorkerReason::WrongArchitecture,
            "another kind of processor",
        ),
        (
            LocalImage::new(None, r#"["start-notebook"]"#),
            WorkerReason::Exited,
            "\"start-notebook\": executable file not found",
        ),
        // As many images with Jupyter are: they know root alone, and a worker does not run as root.
        (
            LocalImage::with_file(WORKER_IMAGE, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
            WorkerReason::Exited,
            "the security context Default runs the image as user 1000, which does not exist in it",
        ),
        (
            LocalImage::with_instruction(WORKER_IMAGE, r#"CMD ["sh", "-c", "echo full >&2; exit 4"]"#),
            WorkerReason::Exited,
            "ended with exit code 4. It printed last: full\n",
        ),
        // As a program ends that does not expect to have no name.
        (
            LocalImage::new(None, r#"["sh", "-c", "exit 139"]"#),
            WorkerReason::Exited,
            "ended with exit code 139 (SIGSEGV). It printed nothing. Possible cause: the security context Default runs the image as user 1000",
        ),
        // Killed, so it is not for want of a user.
        (
            LocalImage::new(None, r#"["sh", "-c", "echo killed >&2; exit 137"]"#),
            WorkerReason::Exited,
            "ended with exit code 137 (SIGKILL). It printed last: killed\n",
        ),
    ] {
        let worker = fails(&console, &image.worker(), reason).await;
        // With a line end behind it, so that words can ask to be the last ones.
        let message = format!("{}\n", worker.message);
        assert!(message.contains(words), "{message}");
        in_time(&worker);
    }

    // Where the security context leaves the user to the image.
    console.grant_privileged("admin").await;
    let image = LocalImage::with_instruction(WORKER_IMAGE, "USER nobody-knows");
    let config = WorkerConfig {
        worker_size: Some(PRIVILEGED.into()),
        ..image.worker()
    };
    let worker = fails(&console, &config, WorkerReason::Exited).await;
    let words = "USER instruction names a user or group that it does not have";
    assert!(worker.message.contains(words), "{}", worker.message);
    in_time(&worker);
}

#[tokio::test]
async fn a_main_process_that_ends_fails_the_worker() {
    let console = Console::start().await;
    let worker = console.worker(&console.admin, &plain_worker("X-Small")).await;
    docker(&["kill", &format!("prt-{}-primary", worker.instance_id)]);
    let failed = eventually("the worker fails", || async {
        let worker = console.admin.worker(&worker.name).await.unwrap();
        (worker.status == WorkerStatus::Failed).then_some(worker)
    })
    .await;
    assert_eq!(failed.reason, Some(WorkerReason::Exited), "{}", failed.message);
}

#[tokio::test]
async fn a_child_that_eats_memory_is_told_and_the_worker_goes_on() {
    let console = Console::start().await;
    let hungry = WorkerConfig {
        startup_script: Some("python3 -c \"bytearray(2 * 1024 ** 3)\"".into()),
        ..plain_worker("X-Small")
    };
    let worker = console.worker(&console.admin, &hungry).await;
    let told = eventually("the engine's event arrives", || async {
        let worker = console.admin.worker(&worker.name).await.unwrap();
        worker.events.iter().any(|event| event.kind == "oom").then_some(worker)
    })
    .await;
    assert_eq!(
        (told.status, told.reason),
        (WorkerStatus::Running, Some(WorkerReason::StartupFailed)),
        "{}",
        told.message
    );
    assert!(
        told.events
            .iter()
            .any(|event| event.kind == "oom" && event.source == "primary" && event.message.contains("out of memory")),
        "{:?}",
        told.events
    );
}

#[tokio::test]
async fn a_startup_script_is_run_by_its_first_line_and_its_failure_is_told() {
    let console = Console::start().await;
    let started = |script: &str| WorkerConfig {
        startup_script: Some(script.into()),
        ..plain_worker("X-Small")
    };
    let bash = "#!/bin/bash\nset -euo pipefail\na=(one two)\necho \"${a[1]}\" >/tmp/started\n";
    // As a form or an editor on Windows sends it.
    let windows = bash.replace('\n', "\r\n");
    for script in [bash, &windows] {
        let worker = console.worker(&console.admin, &started(script)).await;
        assert_eq!((worker.reason, worker.message.as_str()), (None, "Ready"));
        assert_eq!(
            sh(&console.admin, &worker.name, "cat /tmp/started").await.stdout,
            "two\n"
        );
    }

    let script = "#!/bin/sh\necho hello from startup\ncat /no/such/file\nexit 3\n";
    let worker = console.worker(&console.admin, &started(script)).await;
    assert_eq!(worker.reason, Some(WorkerReason::StartupFailed), "{}", worker.message);
    for words in ["exit code 3", "cat: /no/such/file: No such file"] {
        assert!(worker.message.contains(words), "{words}: {}", worker.message);
    }
    let told = worker
        .events
        .iter()
        .find(|event| event.kind == "StartupFailed")
        .unwrap();
    assert_eq!(told.message, worker.message);

    let worker = console
        .worker(&console.admin, &started("#!/usr/bin/fish\ntrue\n"))
        .await;
    let words = "The startup script needs /usr/bin/fish, which the image does not have.";
    assert!(worker.message.contains(words), "{}", worker.message);

    // One that was to start the notebook.
    console.allow_all().await;
    let image = LocalImage::new(None, r#"["sleep", "600"]"#);
    let config = WorkerConfig {
        startup_script: Some("pip install jupyterlab\n".into()),
        ..image.worker()
    };
    let worker = fails(&console, &config, WorkerReason::StartupFailed).await;
    for words in ["exit code 127", "pip: not found", "there is no Jupyter in it"] {
        assert!(worker.message.contains(words), "{words}: {}", worker.message);
    }
}

/// An image without a shell: one static program that answers as a notebook does.
#[tokio::test]
async fn an_image_without_a_shell_starts_and_says_what_it_cannot_do() {
    let console = Console::start().await;
    console.allow_all().await;
    let image = LocalImage::without_shell();
    let key = NamedSecretInput {
        name: "KEY".into(),
        value: Some("a 'value'".into()),
        ..NamedSecretInput::default()
    };
    console.admin.secret_create(&key).await.unwrap();
    let config = WorkerConfig {
        personal_secrets: vec!["KEY".into()],
        startup_script: Some("echo never".into()),
        ..image.worker()
    };
    let worker = console.worker(&console.admin, &config).await;
    assert_eq!(worker.reason, Some(WorkerReason::StartupFailed), "{}", worker.message);
    let words = "The startup script needs /bin/sh, which the image does not have.";
    assert!(worker.message.contains(words), "{}", worker.message);
    assert!(
        worker.events.iter().any(|event| event.kind == "NoShell"),
        "{:?}",
        worker.events
    );
    let file = console
        .admin
        .worker_put_file(&worker.name, "a.txt", "content".into())
        .await;
    assert!(file.is_ok(), "files are the agent's work: {file:?}");
    // No command of the image can show it.
    let top = docker(&[
        "inspect",
        "-f",
        "{{.State.Pid}}",
        &format!("prt-{}-primary", worker.instance_id),
    ]);
    let environment = std::fs::read_to_string(format!("/proc/{}/environ", top.trim())).unwrap();
    assert!(
        environment.split('\0').any(|variable| variable == "KEY=a 'value'"),
        "{environment}"
    );
}

/// Answers as a notebook does, and goes over any limit at a signal.
const ANSWERS_AND_EATS: &str = r#"import http.server, signal, socketserver
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
signal.signal(signal.SIGUSR1, lambda *_: bytearray(2 * 1024 ** 3))
socketserver.TCPServer(("", 8888), Answer).serve_forever()
"#;

#[tokio::test]
async fn a_main_process_over_its_memory_limit_fails_the_worker() {
    let command = serde_json::to_string(&["python3", "-c", ANSWERS_AND_EATS]).unwrap();
    let image = LocalImage::with_instruction(WORKER_IMAGE, &format!("CMD {command}"));
    let console = Console::start().await;
    console.allow_all().await;
    let worker = console.worker(&console.admin, &image.worker()).await;
    let primary = format!("prt-{}-primary", worker.instance_id);
    // Neither a shell nor an init before it: nobody but the main process can be killed.
    assert_eq!(docker(&["inspect", "-f", "{{.Path}}", &primary]), "python3");
    docker(&["kill", "--signal", "USR1", &primary]);
    // The engine may say why only after it has said that the process ended; until then the reason is another one.
    let failed = eventually("the worker fails for want of memory", || async {
        let worker = console.admin.worker(&worker.name).await.unwrap();
        (worker.reason == Some(WorkerReason::OutOfMemory)).then_some(worker)
    })
    .await;
    assert_eq!(
        (
            failed.status,
            failed.containers[0].state,
            failed.containers[0].exit_code
        ),
        (WorkerStatus::Failed, ContainerState::Exited, Some(137)),
        "{}",
        failed.message
    );
    let limit = format!("its memory limit of {} MiB", worker.limits.memory_mib);
    assert!(failed.message.contains(&limit), "{}", failed.message);
}

#[tokio::test]
async fn a_restarted_console_finds_its_workers_and_shows_what_is_nobodys() {
    let mut console = Console::start().await;
    let worker = console.worker(&console.admin, &plain_worker("X-Small")).await;
    console.kill();
    // What another database's worker has left.
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
    let orphans = console.admin.unknown_workers().await.unwrap();
    let about: Vec<_> = orphans
        .iter()
        .map(|one| (one.id.to_string(), one.adoptable, one.containers.len()))
        .collect();
    assert_eq!(about, [(orphan.to_owned(), false, 0)]);
    let refused = console
        .admin
        .unknown_worker_adopt(orphans[0].id, &AdoptRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Conflict), "{refused:?}");
    console.admin.unknown_worker_remove(orphans[0].id).await.unwrap();
    assert_eq!(console.volumes().len(), 1);
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

#[tokio::test]
async fn while_the_engine_is_away_the_containers_are_unknown() {
    let (address, between) = engine_behind().await;
    let console = Console::start_with(&[("PRT_DOCKER_HOST", &address)]).await;
    let worker = console.worker(&console.admin, &plain_worker("X-Small")).await;
    between.abort();
    let worker = eventually("the engine is away", || async {
        let worker = console.admin.worker(&worker.name).await.unwrap();
        (worker.containers[0].state != ContainerState::Running).then_some(worker)
    })
    .await;
    assert_eq!(worker.containers[0].state, ContainerState::Unknown);
    assert_eq!(worker.status, WorkerStatus::Running, "{}", worker.message);
}

#[tokio::test]
async fn a_new_database_does_not_end_the_workers_of_another() {
    let mut console = Console::on_sqlite().await;
    let former = console.worker(&console.admin, &plain_worker("X-Small")).await;
    console.kill();
    let saved = console.folder.path().join("saved");
    std::fs::create_dir(&saved).unwrap();
    let move_database = |from: &std::path::Path, to: &std::path::Path| {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with("console.db") {
                std::fs::rename(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    };
    move_database(&console.data(), &saved);
    console.run_with(&["--accept-new-database"]).await;
    console.admin = console.login("admin", ADMIN_PASSWORD).await;
    assert_eq!(console.admin.workers(true).await.unwrap(), []);
    let words = eventually("the log says so", || async {
        let log = std::fs::read_to_string(console.log_file()).unwrap();
        log.lines()
            .find(|line| line.contains("the database does not know"))
            .map(str::to_owned)
    })
    .await;
    assert!(words.contains(&former.instance_id.to_string()), "{words}");
    // Also when it has workers of its own, and starts again.
    let own = console.worker(&console.admin, &plain_worker("X-Small")).await;
    console.kill();
    console.run().await;
    assert!(console.admin.worker(&own.name).await.unwrap().ready);
    assert_eq!(console.containers().len(), 2);
    console.kill();
    // The right database again: its worker is there, and that of the other one is left alone.
    for name in ["console.db", "console.db-wal", "console.db-shm"] {
        _ = std::fs::remove_file(console.data().join(name));
    }
    move_database(&saved, &console.data());
    console.run().await;
    console.admin = console.login("admin", ADMIN_PASSWORD).await;
    assert!(console.admin.worker(&former.name).await.unwrap().ready);
    assert_eq!(console.containers().len(), 2);
}

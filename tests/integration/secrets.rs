//! Secrets appear nowhere.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use prt_types::{
    builds::BuildStatus,
    container_images::PullPolicy,
    workers::{ImageConfig, WorkerConfig, WorkerReason},
};

use crate::helpers::{
    Console, base_image, builder_worker, canary, docker, eventually, files_with, plain_worker, registry, sh,
    shell_image,
};

#[tokio::test]
async fn a_registry_password_is_found_nowhere() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    let registry = registry();
    let events = {
        let since = docker(&["info", "-f", "{{.SystemTime}}"]);
        move || {
            docker(&[
                "events",
                "--since",
                &since,
                "--until",
                &docker(&["info", "-f", "{{.SystemTime}}"]),
            ])
        }
    };
    // A login for a registry that the push does not need: it goes all the way without being checked against that registry.
    let password = registry.password.clone();
    let encoded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", registry.username))
    };
    // The step prints the password by itself, as a careless script would: it is taken from a file of the user's own.
    alice
        .worker_put_file(
            &worker.name,
            "leak.txt",
            format!("user said {password}\nand {encoded}\n").into(),
        )
        .await
        .unwrap();
    let dockerfile = format!(
        "FROM {}\nRUN --mount=type=bind,target=/ctx cat /ctx/leak.txt; sleep 3\n",
        shell_image()
    );
    console.dockerfile(&alice, &worker.name, &dockerfile).await;
    let build = alice
        .build_create(&console.build_request(&worker.name, "x", "1"))
        .await
        .unwrap();
    eventually("the step runs", || async {
        let view = alice.build(build.number).await.unwrap();
        (view.lines > 0).then_some(())
    })
    .await;

    // While it runs.
    let processes =
        String::from_utf8_lossy(&Command::new("ps").args(["-eww", "-o", "args"]).output().unwrap().stdout).into_owned();
    assert!(!processes.contains(&password), "the process list shows the password");
    let database_now = files_with(&console.data(), &password);
    let build = console.build_end(&alice, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);

    let builder = format!("prt-{}-builder", worker.instance_id);
    for needle in [&password, &encoded] {
        assert_eq!(database_now, "", "in clear while the build runs");
        assert_eq!(files_with(console.folder.path(), needle), "", "in the console's files");
        for id in console.containers() {
            assert!(
                !docker(&["inspect", &id]).contains(needle.as_str()),
                "docker inspect shows it"
            );
        }
        assert!(!events().contains(needle.as_str()), "engine events show it");
        let log = console.build_log_file(&alice, &worker.name, build.number).await;
        assert!(!log.contains(needle.as_str()), "build.log shows it");
        // The user's own leak.txt is theirs; BuildKit keeps a copy of the context. What we put there must not have it.
        let search = format!("grep -rlaF '{needle}' /home/user/.docker /tmp /dev/shm /etc /run 2>/dev/null || true");
        assert_eq!(
            docker(&["exec", "-u", "0", &builder, "sh", "-c", &search]),
            "",
            "on the builder's disk"
        );
    }
    let text = console.build_log_file(&alice, &worker.name, build.number).await;
    assert!(text.contains("user said ***"), "the line is there, masked: {text}");
    let audit = serde_json::to_string(&console.admin.audit(Some(500), None).await.unwrap()).unwrap();
    assert!(!audit.contains(&password));
}

/// Files that hold one of the needles, by grep with `args`. The needles go by standard input: tests beside this one look for the
/// same password in the process list and in the engine's events.
fn holding(grep: &[&str], needles: &[&str]) -> Vec<String> {
    let mut child = Command::new(grep[0])
        .args(&grep[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(needles.join("\n").as_bytes()).unwrap();
    drop(stdin);
    let found = child.wait_with_output().unwrap().stdout;
    String::from_utf8(found).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_pull_password_is_found_nowhere() {
    // Workers get logins of their own where a worker can reach the console; nobody calls it here.
    let console = Console::start_with(&[("PRT_WORKER_URL", "http://console.invalid")]).await;
    console.allow_all().await;
    let registry = registry();
    let since = docker(&["info", "-f", "{{.SystemTime}}"]);
    let config = |image_config: ImageConfig| WorkerConfig {
        worker_image: base_image(),
        image_config: ImageConfig {
            pull_policy: Some(PullPolicy::Always),
            ..image_config
        },
        ..plain_worker("X-Small")
    };
    // The engine has no login of its own for it.
    let without = console
        .admin
        .worker_create(&config(ImageConfig::default()))
        .await
        .unwrap();
    let without = console.admin.worker_wait(&without.name, 60).await.unwrap();
    assert_eq!(without.reason, Some(WorkerReason::PullDenied), "{}", without.message);
    let login = ImageConfig {
        repo_username: Some(registry.username.clone()),
        repo_password: Some(registry.password.as_str().into()),
        ..ImageConfig::default()
    };
    let worker = console.worker(&console.admin, &config(login)).await;
    assert!(worker.image_digest.is_some(), "the registry was asked");

    let primary = format!("prt-{}-primary", worker.instance_id);
    let token = sh(&console.admin, &worker.name, "cat \"$PRT_TOKEN_FILE\"").await.stdout;
    assert!(token.starts_with("prt_"), "the worker has a login of its own");
    let encoded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", registry.username, registry.password))
    };
    let secrets = [&*registry.password, &*encoded, &*token];

    // Files. One that is known to hold a needle shows that the search finds.
    let control = canary("control");
    let there = console.folder.path().join("control").display().to_string();
    std::fs::write(&there, control.expose()).unwrap();
    let needles = [&secrets[..], &[control.expose()]].concat();
    let folder = console.folder.path().display().to_string();
    assert_eq!(
        holding(&["grep", "-rlaFs", "-f", "-", &folder], &needles),
        [there],
        "in the console's files"
    );
    let in_worker = [
        "docker", "exec", "-i", "-u", "0", &*primary, "grep", "-rlaFs", "-f", "-", "/home", "/tmp", "/run", "/dev/shm",
        "/etc", "/var/log",
    ];
    assert_eq!(
        holding(&in_worker, &secrets),
        ["/run/prt/token"],
        "in the worker, where its own token is in memory"
    );

    // The engine: what it says of the containers, and what it has told since.
    let events = |filter: &str| {
        let until = docker(&["info", "-f", "{{.SystemTime}}"]);
        docker(&["events", "--since", &since, "--until", &until, "--filter", filter])
    };
    let of_containers = events(&format!("label=io.prt-console.instance={}", console.instance));
    assert!(of_containers.contains(&primary), "{of_containers}");
    let of_images = events("type=image");
    assert!(
        of_images.contains(&format!("image pull {}", base_image())),
        "{of_images}"
    );
    let inspected: Vec<String> = console.containers().iter().map(|id| docker(&["inspect", id])).collect();
    assert_eq!(inspected.len(), 1, "{inspected:?}");
    // The console: what it answers and keeps.
    let worker = console.admin.worker(&worker.name).await.unwrap();
    let view = serde_json::to_string(&worker).unwrap();
    let audit = serde_json::to_string(&console.admin.audit(Some(500), None).await.unwrap()).unwrap();
    assert!(audit.contains("worker.create"), "{audit}");
    for secret in secrets {
        for (what, text) in [
            ("the events of its containers", &of_containers),
            ("the events of images", &of_images),
            ("docker inspect", &inspected[0]),
            ("the worker's view", &view),
            ("the audit log", &audit),
        ] {
            assert!(!text.contains(secret), "a secret stands in {what}");
        }
    }
}

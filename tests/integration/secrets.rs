//! Secrets appear nowhere.

use std::process::Command;

use prt_types::{builds::BuildStatus, workers::ImageConfig, workers::WorkerConfig};

use crate::helpers::{
    Console, builder_worker, canary, docker, eventually, files_with, plain_worker, registry, shell_image,
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
        let log = alice.worker_file(&worker.name, "build.log").await.unwrap();
        assert!(
            !String::from_utf8_lossy(&log).contains(needle.as_str()),
            "build.log shows it"
        );
        // The user's own leak.txt is theirs; BuildKit keeps a copy of the context. What we put there must not have it.
        let search = format!("grep -rlaF '{needle}' /home/user/.docker /tmp /dev/shm /etc /run 2>/dev/null || true");
        assert_eq!(
            docker(&["exec", "-u", "0", &builder, "sh", "-c", &search]),
            "",
            "on the builder's disk"
        );
    }
    let text = String::from_utf8(alice.worker_file(&worker.name, "build.log").await.unwrap().to_vec()).unwrap();
    assert!(text.contains("user said ***"), "the line is there, masked: {text}");
    let audit = serde_json::to_string(&console.admin.audit(Some(500), None).await.unwrap()).unwrap();
    assert!(!audit.contains(&password));
}

#[tokio::test]
async fn a_pull_password_is_found_nowhere() {
    let console = Console::start().await;
    let password = canary("pull");
    let image_config = ImageConfig {
        repo_username: Some("robot".into()),
        repo_password: Some(password.clone()),
        ..ImageConfig::default()
    };
    let worker = console
        .worker(
            &console.admin,
            &WorkerConfig {
                image_config,
                ..plain_worker("X-Small")
            },
        )
        .await;
    let needle = password.expose();
    assert_eq!(files_with(console.folder.path(), needle), "");
    for id in console.containers() {
        assert!(!docker(&["inspect", &id]).contains(needle));
    }
    // The worker's own token is in memory only.
    let token_name = format!("prt-{}-primary", worker.instance_id);
    let env = docker(&["inspect", "-f", "{{json .Config.Env}}", &token_name]);
    assert!(!env.contains("prt_"), "{env}");
}

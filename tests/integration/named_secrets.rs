//! Secrets that workers get by their names, and the other fields that go with a worker.

use std::process::Command;

use prt_types::{
    ErrorCode, Secret,
    access::GroupInput,
    named_secrets::{NamedSecretInput, NamedSecretView, SecretKind},
    workers::WorkerConfig,
};

use crate::helpers::{Cli, Console, canary, docker, eventually, files_with, plain_worker, said, sh};

fn personal(name: &str, value: &Secret) -> NamedSecretInput {
    NamedSecretInput {
        name: name.into(),
        value: Some(value.clone()),
        ..NamedSecretInput::default()
    }
}

fn shared(name: &str, value: &Secret, groups: &[&str]) -> NamedSecretInput {
    NamedSecretInput {
        kind: SecretKind::Shared,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        ..personal(name, value)
    }
}

fn with(personal: &[&str], shared: &[&str]) -> WorkerConfig {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    WorkerConfig {
        personal_secrets: names(personal),
        shared_secrets: names(shared),
        ..plain_worker("X-Small")
    }
}

fn names(views: &[NamedSecretView]) -> Vec<&str> {
    views.iter().map(|view| view.name.as_str()).collect()
}

#[tokio::test]
async fn kernels_and_terminals_have_them_and_nothing_else_shows_them() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let (token, key) = (canary("hf"), canary("s3"));
    // What a shell would make something of, and several lines.
    let odd = Secret::new(format!("it's $(id) `id` \"{}\"\n\\second line", key.expose()));
    let kept = alice.secret_create(&personal("HF_TOKEN", &token)).await.unwrap();
    assert!(kept.usable && kept.editable && kept.last_used_ms.is_none());
    console
        .admin
        .secret_create(&shared("S3_KEY", &odd, &["Everyone"]))
        .await
        .unwrap();
    let since = docker(&["info", "-f", "{{.SystemTime}}"]);
    let config = WorkerConfig {
        additional_params: [("nodes".to_owned(), serde_json::json!([3, {"a": "it's"}]))].into(),
        network_protocol: Some("http".into()),
        startup_script: Some("printf %s \"$HF_TOKEN\" | sha256sum >/tmp/seen-at-start".into()),
        ..with(&["HF_TOKEN"], &["S3_KEY"])
    };
    let worker = console.worker(&alice, &config).await;
    assert_eq!(worker.network_protocol, "http");
    assert_eq!(
        (&*worker.personal_secrets, &*worker.shared_secrets),
        (&["HF_TOKEN".to_owned()][..], &["S3_KEY".to_owned()][..])
    );
    assert_eq!(worker.additional_params, config.additional_params);

    // A kernel and a terminal, as JupyterLab starts them.
    let start = r#"t=$(cat /run/prt/notebook-token); u=http://127.0.0.1:8888/api
curl -fsS -o /dev/null -X POST -H "Authorization: token $t" -d '{"name":"python3"}' $u/kernels &&
curl -fsS -o /dev/null -X POST -H "Authorization: token $t" $u/terminals"#;
    let begun = sh(&alice, &worker.name, start).await;
    assert_eq!(begun.exit_code, 0, "{}", begun.stderr);
    // The environment of the first process that runs a program, with its NUL characters as they are.
    let environment = |program: &str| {
        format!(
            "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q '{program}' && [ $p != /proc/$$ ] && \
             {{ tr '\\0' '\\1' <$p/environ; exit 0; }}; done"
        )
    };
    for program in ["[i]pykernel", "^[^ ]*[b]ash"] {
        let found = eventually(program, || async {
            let text = sh(&alice, &worker.name, &environment(program)).await.stdout;
            (!text.is_empty()).then_some(text)
        })
        .await;
        let value = |name: &str| {
            let start = format!("{name}=");
            let line = found.split('\u{1}').find(|line| line.starts_with(&start));
            line.map(|line| line[start.len()..].to_owned())
        };
        assert_eq!(value("HF_TOKEN").as_deref(), Some(token.expose()), "{program}");
        assert_eq!(value("S3_KEY").as_deref(), Some(odd.expose()), "{program}");
        let params = value("PRT_ADDITIONAL_PARAMS").unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&params).unwrap(),
            serde_json::json!({"nodes": [3, {"a": "it's"}]})
        );
    }
    let file = sh(
        &alice,
        &worker.name,
        "stat -c %a \"$PRT_SECRETS_FILE\"; cat /tmp/seen-at-start; printf %s \"$HF_TOKEN\"",
    )
    .await;
    use sha2::Digest as _;
    let hash = hex::encode(sha2::Sha256::digest(token.expose()));
    assert!(file.stdout.starts_with("600\n"), "{}", file.stdout);
    assert!(
        file.stdout.contains(&hash),
        "the startup script has them, too: {}",
        file.stdout
    );
    assert!(
        !file.stdout.contains(token.expose()),
        "not in what the engine starts by itself"
    );

    let events = docker(&[
        "events",
        "--since",
        &since,
        "--until",
        &docker(&["info", "-f", "{{.SystemTime}}"]),
    ]);
    let processes = Command::new("ps").args(["-eww", "-o", "args"]).output().unwrap().stdout;
    let processes = String::from_utf8_lossy(&processes).into_owned();
    let audit = serde_json::to_string(&console.admin.audit(Some(500), None).await.unwrap()).unwrap();
    assert!(audit.contains("secret.use") && audit.contains("HF_TOKEN"));
    let view = serde_json::to_string(&alice.worker(&worker.name).await.unwrap()).unwrap();
    for needle in [token.expose(), key.expose()] {
        // Database, log files and everything else that the console writes.
        assert_eq!(files_with(console.folder.path(), needle), "");
        for id in console.containers() {
            assert!(!docker(&["inspect", &id]).contains(needle), "docker inspect shows it");
            assert!(!docker(&["logs", &id]).contains(needle), "the container's log shows it");
        }
        for (what, text) in [
            ("events", &events),
            ("processes", &processes),
            ("audit", &audit),
            ("worker", &view),
        ] {
            assert!(!text.contains(needle), "{what} show it");
        }
    }
    let seen = alice.secret(kept.id).await.unwrap();
    assert!(seen.last_used_ms.is_some());
    assert_eq!(seen.workers, std::slice::from_ref(&worker.name));
    // It may be deleted: the worker goes on with what it has.
    alice.secret_delete(kept.id).await.unwrap();
    said(&alice.worker_create(&config).await.unwrap_err(), "personal_secrets");
}

#[tokio::test]
async fn who_may_use_which() {
    let console = Console::start().await;
    let group = GroupInput {
        name: "dev".into(),
        members: vec![],
    };
    console.admin.group_create(&group).await.unwrap();
    let (alice, bob) = (console.user("alice", &["dev"]).await, console.user("bob", &[]).await);
    let value = canary("v");
    let hers = alice.secret_create(&personal("TOKEN", &value)).await.unwrap();
    bob.secret_create(&personal("TOKEN", &value))
        .await
        .expect("each has names of their own");
    let team = console
        .admin
        .secret_create(&shared("TOKEN", &value, &["dev"]))
        .await
        .unwrap();

    // A personal secret is its owner's alone.
    for client in [&bob, &console.admin] {
        for error in [
            client.secret(hers.id).await.unwrap_err(),
            client
                .secret_update(hers.id, &personal("TOKEN", &value))
                .await
                .unwrap_err(),
            client.secret_delete(hers.id).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), Some(ErrorCode::NotFound), "{error}");
        }
    }
    assert_eq!(names(&alice.secrets().await.unwrap()), ["TOKEN", "TOKEN"]);
    assert_eq!(names(&bob.secrets().await.unwrap()), ["TOKEN"]);
    let seen = alice.secret(team.id).await.unwrap();
    assert!(seen.usable && !seen.editable && seen.groups.is_empty(), "{seen:?}");
    assert!(
        !console.admin.secret(team.id).await.unwrap().usable,
        "managing is not using"
    );
    for error in [
        alice.secret_create(&shared("X", &value, &["dev"])).await.unwrap_err(),
        alice
            .secret_update(team.id, &shared("TOKEN", &value, &["dev"]))
            .await
            .unwrap_err(),
        alice.secret_delete(team.id).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Some(ErrorCode::Forbidden), "{error}");
    }
    assert_eq!(
        said(
            &bob.worker_create(&with(&[], &["TOKEN"])).await.unwrap_err(),
            "shared_secrets"
        ),
        "There is no shared secret \"TOKEN\" that you may use. You may use none; they are kept in Infrastructure > Secrets."
    );
    assert_eq!(
        said(
            &alice.worker_create(&with(&["OTHER"], &[])).await.unwrap_err(),
            "personal_secrets"
        ),
        "There is no personal secret \"OTHER\" that you may use. You may use: TOKEN."
    );
    said(
        &console.admin.worker_create(&with(&[], &["TOKEN"])).await.unwrap_err(),
        "shared_secrets",
    );
    let both = alice.worker_create(&with(&["TOKEN"], &["TOKEN"])).await.unwrap_err();
    assert_eq!(
        said(&both, "shared_secrets"),
        "TOKEN is in personal_secrets, too; a variable has one value."
    );

    // Bad input changes nothing.
    for (input, field) in [
        (personal("TOKEN", &value), "name"),
        (personal("PRT_TOKEN", &value), "name"),
        (personal("A-B", &value), "name"),
        (personal("EMPTY", &"".into()), "value"),
        (
            NamedSecretInput {
                users: vec!["bob".into()],
                ..personal("X", &value)
            },
            "users",
        ),
    ] {
        said(&alice.secret_create(&input).await.unwrap_err(), field);
    }
    let wrong_group = console
        .admin
        .secret_create(&shared("X", &value, &["nobody"]))
        .await
        .unwrap_err();
    said(&wrong_group, "groups");
    said(
        &alice
            .secret_update(hers.id, &personal("OTHER", &value))
            .await
            .unwrap_err(),
        "name",
    );
    let stale = NamedSecretInput {
        revision: Some(7),
        ..personal("TOKEN", &value)
    };
    let error = alice.secret_update(hers.id, &stale).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Conflict));
    assert_eq!(alice.secret(hers.id).await.unwrap(), hers);
    assert!(alice.workers(true).await.unwrap().is_empty());

    // Access that is taken away is gone at once.
    console
        .admin
        .secret_update(
            team.id,
            &NamedSecretInput {
                value: None,
                ..shared("TOKEN", &value, &[])
            },
        )
        .await
        .unwrap();
    assert_eq!(names(&alice.secrets().await.unwrap()), ["TOKEN"]);
    said(
        &alice.worker_create(&with(&[], &["TOKEN"])).await.unwrap_err(),
        "shared_secrets",
    );
    let rows = console.admin.audit(Some(500), None).await.unwrap();
    assert!(
        rows.iter()
            .any(|row| row.action == "secret.delete" && row.details.contains("Only an admin"))
    );
    assert!(!serde_json::to_string(&rows).unwrap().contains(value.expose()));
}

#[tokio::test]
async fn by_command_line() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let cli = Cli::login(&console, "alice");
    let out = cli.run(&["secret", "set", "HF_TOKEN"], "one\ntwo\n");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "HF_TOKEN is kept for you");
    let out = cli.run(&["secret", "set", "HF_TOKEN"], "another");
    assert!(out.status.success());
    assert_eq!(alice.secrets().await.unwrap()[0].revision, 2);
    let out = cli.run(&["secret", "set", "S3", "--shared", "--for-group", "Everyone"], "x");
    assert_eq!(out.status.code(), Some(3), "{}", String::from_utf8_lossy(&out.stderr));
    let list = cli.command(&["secret", "list"]).output().unwrap();
    assert!(String::from_utf8_lossy(&list.stdout).contains("HF_TOKEN"));
    assert!(
        cli.command(&["secret", "delete", "HF_TOKEN"])
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(alice.secrets().await.unwrap().is_empty());
    assert_eq!(
        cli.command(&["secret", "delete", "HF_TOKEN"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(1)
    );
}

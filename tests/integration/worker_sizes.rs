//! Worker sizes and security contexts: who edits them, what workers get, and what is refused.

use prt_client::Client;
use prt_types::{
    ErrorCode,
    access::GroupInput,
    audit::Outcome,
    ids::WorkerSizeId,
    security_contexts::{PodSecurityLevel, SecurityContextInput},
    worker_sizes::{WorkerSizeCloneRequest, WorkerSizeInput},
    workers::{TerminateRequest, WorkerStatus},
};

use crate::helpers::{Console, docker, eventually, plain_worker};

fn size(name: &str) -> WorkerSizeInput {
    WorkerSizeInput {
        name: name.into(),
        cpu_millis: 500,
        cpu_net_millis: 450,
        memory_mib: 1024,
        memory_net_mib: 960,
        ..WorkerSizeInput::default()
    }
}

/// Read-only root, no capabilities, no way to more.
fn hardened() -> SecurityContextInput {
    SecurityContextInput {
        name: "hardened".into(),
        run_as_user: Some(1000),
        run_as_non_root: true,
        read_only_root: true,
        drop_capabilities: vec!["ALL".into()],
        ..SecurityContextInput::default()
    }
}

async fn id_of(console: &Console, name: &str) -> WorkerSizeId {
    let all = console.admin.worker_sizes_all().await.unwrap();
    all.into_iter().find(|one| one.size.name == name).unwrap().size.id
}

/// The engine's words about the console's only container.
fn inspect(console: &Console) -> serde_json::Value {
    let containers = console.containers();
    assert_eq!(containers.len(), 1);
    let all: serde_json::Value = serde_json::from_str(&docker(&["inspect", &containers[0]])).unwrap();
    all[0].clone()
}

async fn ended(client: &Client, worker: &str) {
    eventually("the worker has ended", || async {
        let worker = client.worker(worker).await.ok()?;
        (worker.status == WorkerStatus::Terminated).then_some(())
    })
    .await;
}

#[tokio::test]
async fn only_admins_edit_and_lists_show_what_is_granted() {
    let console = Console::start().await;
    let group = GroupInput {
        name: "data-science".into(),
        members: vec![],
    };
    console.admin.group_create(&group).await.unwrap();
    let alice = console.user("alice", &["data-science"]).await;
    for refused in [
        alice.worker_sizes_all().await.unwrap_err(),
        alice.worker_size_create(&size("mine")).await.unwrap_err(),
        alice.security_contexts().await.unwrap_err(),
        alice.security_context_create(&hardened()).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Some(ErrorCode::Forbidden));
    }
    let made = console.admin.worker_size_create(&size("team")).await.unwrap();
    let names = async || -> Vec<String> {
        let sizes = alice.worker_sizes().await.unwrap();
        sizes.into_iter().map(|size| size.name).collect()
    };
    assert!(!names().await.contains(&"team".to_owned()), "granted to nobody");
    let refused = alice.worker_create(&plain_worker("team")).await.unwrap_err();
    assert!(refused.api().unwrap().field("worker_size").is_some(), "{refused}");

    let granted = WorkerSizeInput {
        groups: vec!["data-science".into()],
        revision: Some(made.revision),
        ..size("team")
    };
    let granted_then = console.admin.worker_size_update(made.size.id, &granted).await.unwrap();
    assert!(names().await.contains(&"team".to_owned()), "granted by group");
    let worker = alice.worker_create(&plain_worker("team")).await.unwrap();

    let refused = console.admin.worker_size_delete(made.size.id).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Conflict));
    assert!(refused.to_string().contains(&worker.name), "{refused}");
    let renamed = WorkerSizeInput {
        name: "crew".into(),
        revision: Some(granted_then.revision),
        ..granted.clone()
    };
    let renamed = console.admin.worker_size_update(made.size.id, &renamed).await.unwrap();
    assert_eq!(
        renamed.workers,
        std::slice::from_ref(&worker.name),
        "found under the new name too"
    );
    assert_eq!(
        alice.worker(&worker.name).await.unwrap().size,
        "team",
        "as it was started"
    );

    let stale = console
        .admin
        .worker_size_update(made.size.id, &granted)
        .await
        .unwrap_err();
    assert_eq!(stale.code(), Some(ErrorCode::Conflict), "another admin was faster");

    alice
        .worker_terminate(&worker.name, &TerminateRequest::default())
        .await
        .unwrap();
    ended(&alice, &worker.name).await;
    console.admin.worker_size_delete(made.size.id).await.unwrap();
    let refused = alice.worker_create(&plain_worker("crew")).await.unwrap_err();
    assert!(refused.api().unwrap().field("worker_size").is_some(), "{refused}");
    let audit = console.admin.audit(None, None).await.unwrap();
    for action in ["worker_size.create", "worker_size.update", "worker_size.delete"] {
        assert!(
            audit.iter().any(|row| row.action == action),
            "{action} is not in the audit log"
        );
    }
    let update = audit.iter().find(|row| row.action == "worker_size.update").unwrap();
    assert!(update.details.contains("before") && update.details.contains("after"));
}

#[tokio::test]
async fn wrong_sizes_are_refused_with_the_field() {
    let console = Console::start().await;
    let default = id_of(&console, "Small").await;
    let table = [
        (
            "cpu_net_millis",
            WorkerSizeInput {
                cpu_net_millis: 501,
                ..size("x")
            },
        ),
        (
            "memory_net_mib",
            WorkerSizeInput {
                memory_net_mib: 1025,
                ..size("x")
            },
        ),
        (
            "node_selector",
            WorkerSizeInput {
                node_selector: [("a b".to_owned(), "c".to_owned())].into(),
                ..size("x")
            },
        ),
        ("name", size("Small")),
        (
            "security_context",
            WorkerSizeInput {
                security_context: "no such".into(),
                ..size("x")
            },
        ),
        (
            "users",
            WorkerSizeInput {
                users: vec!["nobody".into()],
                ..size("x")
            },
        ),
        (
            "confirm_privileged",
            WorkerSizeInput {
                security_context: "Privileged".into(),
                groups: vec!["Everyone".into()],
                ..size("x")
            },
        ),
    ];
    for (field, input) in table {
        let error = console.admin.worker_size_create(&input).await.unwrap_err();
        assert!(error.api().unwrap().field(field).is_some(), "{field}: {error}");
    }
    assert_eq!(
        console.admin.worker_sizes_all().await.unwrap().len(),
        6,
        "nothing was added"
    );
    let not_default = console.admin.worker_size(default).await.unwrap();
    let not_default = WorkerSizeInput {
        default: false,
        ..not_default.into()
    };
    let error = console
        .admin
        .worker_size_update(default, &not_default)
        .await
        .unwrap_err();
    assert!(error.api().unwrap().field("default").is_some(), "{error}");

    let request = WorkerSizeCloneRequest { name: "copy".into() };
    let copy = console.admin.worker_size_clone(default, &request).await.unwrap();
    assert!(copy.groups.is_empty() && !copy.size.default);
    let input = WorkerSizeInput {
        default: true,
        ..copy.clone().into()
    };
    console.admin.worker_size_update(copy.size.id, &input).await.unwrap();
    let defaults: Vec<String> = console
        .admin
        .worker_sizes_all()
        .await
        .unwrap()
        .into_iter()
        .filter(|one| one.size.default)
        .map(|one| one.size.name)
        .collect();
    assert_eq!(defaults, ["copy"], "one default");
    let error = console.admin.worker_size_delete(copy.size.id).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Conflict), "the default stays");
}

#[tokio::test]
async fn an_own_context_reaches_the_engine_word_by_word() {
    let console = Console::start().await;
    let context = console.admin.security_context_create(&hardened()).await.unwrap();
    assert_eq!(context.primary.level, PodSecurityLevel::Restricted);
    let input = WorkerSizeInput {
        security_context: "hardened".into(),
        groups: vec!["Everyone".into()],
        ..size("hard")
    };
    console.admin.worker_size_create(&input).await.unwrap();
    let alice = console.user("alice", &[]).await;
    let worker = alice.worker_create(&plain_worker("hard")).await.unwrap();
    let worker = alice.worker_wait(&worker.name, 60).await.unwrap();
    assert_eq!(worker.status, WorkerStatus::Running, "{}", worker.message);
    assert_eq!(worker.security_context.name(), "hardened");
    // Its root is read-only; the build folder is served all the same.
    alice.worker_put_file(&worker.name, "x/y", "one".into()).await.unwrap();
    assert_eq!(alice.worker_file(&worker.name, "x/y").await.unwrap(), "one");

    let inspected = inspect(&console);
    let shown_equals_inspected = |context: &prt_types::security_contexts::SecurityContextView| {
        context.primary.engine.iter().all(|setting| {
            let value: serde_json::Value = serde_json::from_str(&setting.value).unwrap();
            let found = match setting.name.as_str() {
                "User" => &inspected["Config"]["User"],
                name => &inspected["HostConfig"][name],
            };
            // What was left to the engine it fills in itself.
            value.is_null() || *found == value
        })
    };
    assert!(
        shown_equals_inspected(&context),
        "{:?}\n{inspected}",
        context.primary.engine
    );

    // A change does not reach the worker that runs.
    let softer = SecurityContextInput {
        read_only_root: false,
        revision: Some(context.revision),
        ..hardened()
    };
    let softer = console
        .admin
        .security_context_update("hardened", &softer)
        .await
        .unwrap();
    assert!(!shown_equals_inspected(&softer));
    // Another admin, who had read what was there before.
    let late = SecurityContextInput {
        revision: Some(context.revision),
        ..hardened()
    };
    let stale = console
        .admin
        .security_context_update("hardened", &late)
        .await
        .unwrap_err();
    assert_eq!(stale.code(), Some(ErrorCode::Conflict), "{stale}");
    assert!(!shown_equals_inspected(
        &console.admin.security_context("hardened").await.unwrap()
    ));
    let again = inspect(&console);
    assert_eq!(again["HostConfig"]["ReadonlyRootfs"], true);

    let refused = console.admin.security_context_delete("hardened").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Conflict));
    assert!(refused.to_string().contains("hard"), "{refused}");
    alice
        .worker_terminate(&worker.name, &TerminateRequest::default())
        .await
        .unwrap();
    ended(&alice, &worker.name).await;
    let hard = id_of(&console, "hard").await;
    console.admin.worker_size_delete(hard).await.unwrap();
    console.admin.security_context_delete("hardened").await.unwrap();

    let audit = console.admin.audit(None, None).await.unwrap();
    let details = |action: &str| {
        let row = audit
            .iter()
            .find(|row| row.action == action && row.object == "hardened" && row.outcome == Outcome::Done)
            .unwrap_or_else(|| panic!("{action} is not in the audit log"));
        serde_json::from_str::<serde_json::Value>(&row.details).unwrap()
    };
    assert_eq!(details("security_context.create")["after"]["name"], "hardened");
    assert_eq!(details("security_context.delete")["before"]["name"], "hardened");
    let update = details("security_context.update");
    assert_eq!(update["before"]["rights"]["read_only_root"], true, "{update}");
    assert_eq!(update["after"]["rights"]["read_only_root"], false, "{update}");
}

#[tokio::test]
async fn privileged_asks_and_contradictions_are_named() {
    let console = Console::start().await;
    let privileged = SecurityContextInput {
        name: "all".into(),
        privileged: true,
        allow_privilege_escalation: true,
        ..SecurityContextInput::default()
    };
    let error = console.admin.security_context_create(&privileged).await.unwrap_err();
    assert!(error.api().unwrap().field("confirm_privileged").is_some(), "{error}");
    let confirmed = SecurityContextInput {
        confirm_privileged: true,
        ..privileged.clone()
    };
    let made = console.admin.security_context_create(&confirmed).await.unwrap();
    assert_eq!(made.primary.level, PodSecurityLevel::Privileged);
    for (field, input) in [
        (
            "drop_capabilities",
            SecurityContextInput {
                drop_capabilities: vec!["CHOWN".into()],
                ..confirmed.clone()
            },
        ),
        (
            "run_as_user",
            SecurityContextInput {
                run_as_user: Some(0),
                ..hardened()
            },
        ),
        (
            "add_capabilities",
            SecurityContextInput {
                add_capabilities: vec!["FLY".into()],
                ..hardened()
            },
        ),
        (
            "name",
            SecurityContextInput {
                name: "restricted".into(),
                ..hardened()
            },
        ),
    ] {
        let error = console.admin.security_context_create(&input).await.unwrap_err();
        assert!(error.api().unwrap().field(field).is_some(), "{field}: {error}");
    }
    let error = console.admin.security_context_delete("Default").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Conflict));
    console.admin.security_context_delete("all").await.unwrap();
}

#[tokio::test]
async fn gpus_without_a_runtime_are_a_clear_failure() {
    let console = Console::start().await;
    if docker(&["info", "-f", "{{json .Runtimes}}"]).contains("nvidia") {
        // The failure cannot be shown on a machine that has GPUs.
        return;
    }
    let input = WorkerSizeInput {
        gpus: 1,
        gpu_vram_gib: 16,
        groups: vec!["Everyone".into()],
        ..size("gpu")
    };
    console.admin.worker_size_create(&input).await.unwrap();
    let worker = console.admin.worker_create(&plain_worker("gpu")).await.unwrap();
    let worker = console.admin.worker_wait(&worker.name, 60).await.unwrap();
    assert_eq!(worker.status, WorkerStatus::Failed);
    assert!(worker.message.contains("no GPU runtime"), "{}", worker.message);
}

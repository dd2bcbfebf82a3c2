//! Who may run which image.

use prt_types::{
    ErrorCode,
    access::GroupInput,
    container_images::{ContainerImageInput, MatchKind},
    workers::{ImageConfig, TerminateRequest, WorkerConfig, WorkerReason, WorkerView},
};

use crate::helpers::{Console, FakeRegistry, canary, plain_worker};

fn custom() -> WorkerConfig {
    WorkerConfig {
        worker_image: "my-registry.my-company.com/demo/x:1".into(),
        ..plain_worker("X-Small")
    }
}

#[tokio::test]
async fn a_grant_counts_at_the_very_next_try_and_so_does_its_end() {
    let console = Console::start().await;
    let group = GroupInput {
        name: "data-science".into(),
        members: vec![],
    };
    console.admin.group_create(&group).await.unwrap();
    let alice = console.user("alice", &["data-science"]).await;

    let refused = alice.worker_create(&custom()).await.unwrap_err();
    let error = refused.api().unwrap();
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert!(
        error.message.contains("Infrastructure > Container Images"),
        "{}",
        error.message
    );

    let rule = ContainerImageInput {
        image: r"^my-registry\.my-company\.com\/demo\/".into(),
        groups: vec!["data-science".into()],
        ..ContainerImageInput::default()
    };
    let created = console.admin.container_image_create(&rule).await.unwrap();
    assert_eq!(created.match_kind, MatchKind::Pattern);
    assert!(
        alice
            .image_check("my-registry.my-company.com/demo/x:1")
            .await
            .unwrap()
            .allowed
    );
    for look_alike in [
        "my-registry.my-company.com.evil.io/demo/x",
        "my-registry-my-company.com/demo/x",
        "my-registry.my-company.com/demo-x/y",
    ] {
        assert!(!alice.image_check(look_alike).await.unwrap().allowed, "{look_alike}");
    }
    // Accepted now; that the image cannot be pulled is another matter.
    let worker = alice.worker_create(&custom()).await.unwrap();
    alice
        .worker_terminate(&worker.name, &TerminateRequest::default())
        .await
        .unwrap();

    console.admin.container_image_delete(created.id).await.unwrap();
    assert_eq!(
        alice.worker_create(&custom()).await.unwrap_err().code(),
        Some(ErrorCode::Forbidden)
    );
    let audit = console.admin.audit(None, None).await.unwrap();
    for action in ["container_image.create", "container_image.delete", "worker.create"] {
        assert!(
            audit.iter().any(|row| row.action == action),
            "{action} is not in the audit log"
        );
    }
}

#[tokio::test]
async fn a_custom_builder_needs_a_grant_like_any_image() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let image_config = ImageConfig {
        builder: Some(true),
        custom_builder_url: Some("evil.example.com/builder:1".into()),
        ..ImageConfig::default()
    };
    let config = WorkerConfig {
        image_config,
        ..plain_worker("Small")
    };
    let refused = alice.worker_create(&config).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Forbidden));
    assert!(refused.to_string().contains("evil.example.com/builder:1"), "{refused}");
}

#[tokio::test]
async fn edits_that_cross_are_detected_and_passwords_do_not_come_back() {
    let console = Console::start().await;
    let password = canary("rule");
    let rule = ContainerImageInput {
        image: "h.example.com/demo/x".into(),
        repo_username: "robot".into(),
        repo_password: Some(password.clone()),
        ..ContainerImageInput::default()
    };
    let created = console.admin.container_image_create(&rule).await.unwrap();
    assert!(created.has_repo_password);
    assert!(!serde_json::to_string(&created).unwrap().contains(password.expose()));
    let edit = |name: &str| ContainerImageInput {
        name: name.into(),
        repo_password: None,
        revision: Some(created.revision),
        ..rule.clone()
    };
    let first = console
        .admin
        .container_image_update(created.id, &edit("first"))
        .await
        .unwrap();
    assert!(first.has_repo_password, "an update without a password keeps it");
    let second = console
        .admin
        .container_image_update(created.id, &edit("second"))
        .await
        .unwrap_err();
    assert_eq!(second.code(), Some(ErrorCode::Conflict));
    assert_eq!(console.admin.container_image(created.id).await.unwrap().name, "first");
}

#[tokio::test]
async fn wrong_rules_are_refused_with_the_field() {
    let console = Console::start().await;
    for image in ["", "^a(", "^a)(b"] {
        let rule = ContainerImageInput {
            image: image.into(),
            ..ContainerImageInput::default()
        };
        let error = console.admin.container_image_create(&rule).await.unwrap_err();
        assert!(error.api().unwrap().field("image").is_some(), "{image:?}: {error}");
    }
    let nobody = ContainerImageInput {
        image: "*".into(),
        users: vec!["nobody".into()],
        ..ContainerImageInput::default()
    };
    let error = console.admin.container_image_create(&nobody).await.unwrap_err();
    assert_eq!(error.api().unwrap().field("users"), Some("There is no user nobody."));
}

/// Tries to start a worker whose image, and whose builder's image if there is one, cannot be pulled.
async fn denied(client: &prt_client::Client, config: &WorkerConfig) -> WorkerView {
    let worker = client.worker_create(config).await.unwrap();
    let worker = client.worker_wait(&worker.name, 60).await.unwrap();
    assert_eq!(worker.reason, Some(WorkerReason::PullDenied), "{}", worker.message);
    worker
}

#[tokio::test]
async fn the_login_of_a_rule_goes_to_its_registry_only() {
    let console = Console::start().await;
    let bob = console.user("bob", &[]).await;
    let (own, other) = (FakeRegistry::start().await, FakeRegistry::start().await);
    let password = canary("rule");
    let login = format!("corp-robot:{}", password.expose());
    let rule = |image: &str, order: i64| ContainerImageInput {
        image: image.into(),
        order,
        users: vec!["bob".into()],
        ..ContainerImageInput::default()
    };
    let with_login = |rule: ContainerImageInput| ContainerImageInput {
        repo_username: "corp-robot".into(),
        repo_password: Some(password.clone()),
        ..rule
    };
    // Whether these are refused or not, what follows must hold.
    let mut refusals = Vec::new();
    for (order, image) in ["*", r"^127\.0\.0\.1:[0-9]+\/", "^127.0.0.1:", r"^.*\/evil\/"]
        .into_iter()
        .enumerate()
    {
        let created = console
            .admin
            .container_image_create(&with_login(rule(image, 10 + order as i64)))
            .await;
        refusals.push((image, created));
    }
    console.admin.container_image_create(&rule("*", 0)).await.unwrap();
    let fixed = with_login(rule(&format!("^{}\\/team\\/", own.host.replace('.', "\\.")), 99));
    let fixed_id = console.admin.container_image_create(&fixed).await.unwrap().id;

    let image = |text: String| WorkerConfig {
        worker_image: text,
        ..plain_worker("X-Small")
    };
    denied(&bob, &image(format!("{}/evil/x:1", other.host))).await;
    let image_config = ImageConfig {
        builder: Some(true),
        custom_builder_url: Some(format!("{}/evil/builder:1", other.host)),
        ..ImageConfig::default()
    };
    denied(
        &bob,
        &WorkerConfig {
            image_config,
            ..plain_worker("Small")
        },
    )
    .await;
    assert!(!other.requests().is_empty(), "the engine has asked the other registry");
    assert_eq!(other.logins(), Vec::<String>::new(), "it was sent nobody's login");
    denied(&bob, &image(format!("{}/team/x:1", own.host))).await;
    assert!(
        own.logins().contains(&login),
        "the rule's own registry gets it: {:?}",
        own.requests()
    );

    for (image, created) in refusals {
        let error = created.expect_err(image);
        let message = error.api().unwrap().field("repo_username").unwrap_or_default();
        assert!(
            message.starts_with("A login is sent to one registry only"),
            "{image}: {error}"
        );
    }
    // Nor does an edit take the stored password elsewhere.
    let moved = |image: &str| ContainerImageInput {
        image: image.into(),
        repo_password: None,
        ..fixed.clone()
    };
    for (image, field) in [
        ("*", "repo_username"),
        (&*format!("{}/evil/x", other.host), "repo_password"),
    ] {
        let error = console
            .admin
            .container_image_update(fixed_id, &moved(image))
            .await
            .unwrap_err();
        assert!(error.api().unwrap().field(field).is_some(), "{image}: {error}");
    }
    let forgotten = ContainerImageInput {
        repo_username: String::new(),
        ..moved("*")
    };
    let saved = console
        .admin
        .container_image_update(fixed_id, &forgotten)
        .await
        .unwrap();
    assert!(
        !saved.has_repo_password,
        "a password without its user name is forgotten"
    );
}

#[tokio::test]
async fn each_wrong_field_of_a_rule_is_named() {
    type Change = fn(&mut ContainerImageInput);

    let console = Console::start().await;
    let rule = || ContainerImageInput {
        image: "h.example.com/demo/x".into(),
        version: "25.5.3-rc.1".into(),
        recommended_version: "25.5.3".into(),
        minimum_version: "25.5".into(),
        ..ContainerImageInput::default()
    };
    let wrong: [(&str, Change); 10] = [
        ("minimum_version", |rule| rule.minimum_version = "abc".into()),
        ("minimum_version", |rule| rule.minimum_version = "v25.5".into()),
        ("minimum_version", |rule| rule.minimum_version = "25..5".into()),
        ("version", |rule| rule.version = "not a tag".into()),
        ("recommended_version", |rule| rule.recommended_version = "-x".into()),
        ("repo_password", |rule| rule.repo_username = "robot".into()),
        ("repo_username", |rule| rule.repo_password = Some("x".into())),
        ("repo_username", |rule| {
            rule.repo_username = "a:b".into();
            rule.repo_password = Some("x".into());
        }),
        ("repo_password", |rule| {
            rule.repo_username = "robot".into();
            rule.repo_password = Some("x\ny".into());
        }),
        ("startup_script", |rule| rule.startup_script = "echo \0".into()),
    ];
    for (field, change) in wrong {
        let mut input = rule();
        change(&mut input);
        let error = console.admin.container_image_create(&input).await.unwrap_err();
        let fields = &error.api().unwrap().fields;
        assert!(fields.len() == 1 && fields[0].field == field, "{field}: {fields:?}");
    }
    console.admin.container_image_create(&rule()).await.unwrap();
}

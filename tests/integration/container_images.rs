//! Who may run which image.

use prt_types::{
    ErrorCode,
    access::GroupInput,
    container_images::{ContainerImageInput, MatchKind},
    workers::{ImageConfig, TerminateRequest, WorkerConfig},
};

use crate::helpers::{Console, canary, plain_worker};

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

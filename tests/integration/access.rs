//! Logins, tokens, users and groups.

use prt_client::{Client, ContextBody};
use prt_types::{
    ErrorCode, Secret,
    access::{GroupInput, LoginRequest, Role, UserInput},
    audit::Outcome,
};

use crate::helpers::{ADMIN_PASSWORD, Console, plain_worker, token_input};

#[tokio::test]
async fn tokens_work_until_they_are_revoked() {
    let console = Console::on_sqlite().await;
    let alice = console.user("alice", &[]).await;
    let created = alice.token_create(&token_input("ci")).await.unwrap();
    let with_token = Client::new(&console.url, Some(created.value.clone())).unwrap();
    assert_eq!(with_token.me().await.unwrap().username, "alice");
    assert!(alice.tokens().await.unwrap().iter().any(|token| token.name == "ci"));
    alice.token_delete(created.token.id).await.unwrap();
    assert_eq!(
        with_token.me().await.unwrap_err().code(),
        Some(ErrorCode::Unauthenticated)
    );
    // Only the hash was stored.
    let database = std::fs::read(console.data().join("console.db")).unwrap();
    let value = created.value.expose().as_bytes();
    assert!(!database.windows(value.len()).any(|window| window == value));
}

#[tokio::test]
async fn a_user_cannot_do_what_admins_do() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let input = UserInput {
        username: "mallory".into(),
        password: "long-enough-password".into(),
        role: Role::Admin,
        groups: vec![],
    };
    assert_eq!(
        alice.user_create(&input).await.unwrap_err().code(),
        Some(ErrorCode::Forbidden)
    );
    assert_eq!(alice.users().await.unwrap_err().code(), Some(ErrorCode::Forbidden));
    assert_eq!(
        alice.container_images().await.unwrap_err().code(),
        Some(ErrorCode::Forbidden)
    );
    assert_eq!(
        alice.audit(None, None).await.unwrap_err().code(),
        Some(ErrorCode::Forbidden)
    );
    let audit = console.admin.audit(None, None).await.unwrap();
    let refused = audit
        .iter()
        .find(|row| row.action == "user.create" && row.outcome == Outcome::Refused)
        .unwrap();
    assert_eq!((refused.actor.as_str(), refused.object.as_str()), ("alice", "mallory"));
    // Looking is refused and recorded as well.
    for action in ["user.list", "container_image.list", "audit.list"] {
        let row = audit.iter().find(|row| row.action == action);
        let row = row.unwrap_or_else(|| panic!("no row for {action}"));
        assert_eq!(
            (row.actor.as_str(), row.outcome),
            ("alice", Outcome::Refused),
            "{action}"
        );
        assert!(row.details.contains("Only an admin can"), "{}", row.details);
    }
}

#[tokio::test]
async fn wrong_tokens_are_recorded_and_do_not_fill_the_log() {
    let console = Console::start().await;
    let value = "prt_0123456789012345678901234567890123456789";
    let stranger = Client::new(&console.url, Some(Secret::new(value))).unwrap();
    for _ in 0..100 {
        let error = stranger.me().await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Unauthenticated));
    }
    let audit = console.admin.audit(None, None).await.unwrap();
    let rows: Vec<_> = audit.iter().filter(|row| row.action == "token.use").collect();
    assert!((10..40).contains(&rows.len()), "{} rows for 100 tries", rows.len());
    for row in rows {
        assert_eq!((row.actor.as_str(), row.outcome), ("", Outcome::Refused));
        assert_eq!(row.object, "GET /api/v1/me");
        assert!(!row.address.is_empty());
        assert!(!format!("{row:?}").contains(&value[4..12]), "{row:?}");
    }
}

#[tokio::test]
async fn uploads_are_recorded() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &plain_worker("X-Small")).await;
    alice
        .worker_put_file(&worker.name, "app/secret.txt", "content".into())
        .await
        .unwrap();
    // An archive of nothing: two empty blocks.
    let parts = futures::stream::iter([Ok(bytes::Bytes::from_static(&[0; 1024]))]);
    alice
        .worker_put_context(&worker.name, "ctx", ContextBody::new(parts))
        .await
        .unwrap();
    let audit = console.admin.audit(None, None).await.unwrap();
    let rows: Vec<_> = audit.iter().filter(|row| row.action == "worker.upload").collect();
    assert_eq!(rows.len(), 2, "{audit:?}");
    for (row, path) in rows.into_iter().zip(["ctx", "app/secret.txt"]) {
        assert_eq!(
            (row.actor.as_str(), row.object.as_str()),
            ("alice", worker.name.as_str())
        );
        assert!(row.details.contains(&format!("\"path\":\"{path}\"")), "{}", row.details);
        assert!(!row.details.contains("content"), "{}", row.details);
    }
}

#[tokio::test]
async fn guessing_passwords_gets_slower_and_is_recorded() {
    let console = Console::start().await;
    let anonymous = Client::new(&console.url, None).unwrap();
    let guess = LoginRequest {
        username: "admin".into(),
        password: "guess".into(),
    };
    // Each wait is longer than the one before, and soon longer than checking a password takes on a slow machine.
    let mut told = vec![];
    for _ in 0..12 {
        told.push(
            anonymous
                .login(&guess)
                .await
                .unwrap_err()
                .api()
                .unwrap()
                .message
                .clone(),
        );
    }
    assert!(
        told[..5]
            .iter()
            .all(|message| message == "Wrong user name or password."),
        "{told:?}"
    );
    assert!(told[11].starts_with("Too many failed logins."), "{told:?}");
    // The right password waits as well: otherwise the answer would tell.
    let right = LoginRequest {
        username: "admin".into(),
        password: ADMIN_PASSWORD.into(),
    };
    assert!(anonymous.login(&right).await.is_err());
    let audit = console.admin.audit(None, None).await.unwrap();
    let refused = |row: &&prt_types::audit::AuditView| row.action == "login" && row.outcome == Outcome::Refused;
    assert!(audit.iter().filter(refused).count() >= 6, "{audit:?}");
}

#[tokio::test]
async fn groups_hold_users_and_everyone_holds_all() {
    let console = Console::start().await;
    let group = |members: &[&str]| GroupInput {
        name: "data-science".into(),
        members: members.iter().map(|name| (*name).to_owned()).collect(),
    };
    console.admin.group_create(&group(&[])).await.unwrap();
    let alice = console.user("alice", &["data-science"]).await;
    assert_eq!(alice.me().await.unwrap().groups, ["Everyone", "data-science"]);
    console.admin.group_update("data-science", &group(&[])).await.unwrap();
    assert_eq!(alice.me().await.unwrap().groups, ["Everyone"]);
    let unknown = console
        .admin
        .group_update("data-science", &group(&["nobody"]))
        .await
        .unwrap_err();
    assert_eq!(
        unknown.api().unwrap().field("members"),
        Some("There is no user nobody.")
    );
    let taken = console.admin.group_create(&group(&[])).await.unwrap_err();
    assert_eq!(taken.code(), Some(ErrorCode::AlreadyExists));
    let everyone = GroupInput {
        name: "Everyone".into(),
        members: vec![],
    };
    assert_eq!(
        console
            .admin
            .group_update("Everyone", &everyone)
            .await
            .unwrap_err()
            .code(),
        Some(ErrorCode::InvalidInput)
    );
}

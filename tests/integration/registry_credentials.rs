//! Kept registry credentials: who may use which, and what for.

use std::{fs, path::Path, time::SystemTime};

use prt_client::Client;
use prt_types::{
    ErrorCode, Secret,
    access::GroupInput,
    builds::{BuildRequest, BuildStatus, RerunRequest},
    container_images::{ContainerImageInput, PullPolicy},
    registry_credentials::{CredentialScope, RegistryCredentialInput, RegistryCredentialView},
    workers::{ImageConfig, WorkerConfig, WorkerReason},
};

use crate::helpers::{
    Console, FakeRegistry, base_image, builder_worker, canary, eventually, http_registry, plain_worker, registry, said,
    shell_image,
};

const FIELD: &str = "image_config.repo_secret_name";

/// One for the test registry with its real password.
fn right(name: &str) -> RegistryCredentialInput {
    let registry = registry();
    RegistryCredentialInput {
        name: name.into(),
        host: registry.host,
        username: registry.username,
        password: Some(registry.password.into()),
        ..RegistryCredentialInput::default()
    }
}

/// One that is never sent.
fn other(name: &str, password: &Secret) -> RegistryCredentialInput {
    RegistryCredentialInput {
        name: name.into(),
        host: "h.example.com".into(),
        username: "robot".into(),
        password: Some(password.clone()),
        ..RegistryCredentialInput::default()
    }
}

/// A worker on the platform image in the test registry, which is asked at each start.
fn private(secret: Option<&str>) -> WorkerConfig {
    let image_config = ImageConfig {
        repo_secret_name: secret.map(Into::into),
        pull_policy: Some(PullPolicy::Always),
        ..ImageConfig::default()
    };
    WorkerConfig {
        worker_image: base_image(),
        image_config,
        ..plain_worker("X-Small")
    }
}

async fn one(client: &Client, name: &str) -> RegistryCredentialView {
    let all = client.registry_credentials().await.unwrap();
    all.into_iter().find(|credential| credential.name == name).unwrap()
}

#[tokio::test]
async fn a_worker_pulls_by_secret_name() {
    let console = Console::start().await;
    console.allow_all().await;
    let alice = console.user("alice", &[]).await;
    let without = alice.worker_create(&private(None)).await.unwrap();
    let without = alice.worker_wait(&without.name, 60).await.unwrap();
    assert_eq!(without.reason, Some(WorkerReason::PullDenied), "{}", without.message);

    let kept = alice.registry_credential_create(&right("mine")).await.unwrap();
    assert_eq!(
        (kept.scope, &*kept.owner, kept.last_used_ms),
        (CredentialScope::User, "alice", None)
    );
    let worker = console.worker(&alice, &private(Some("mine"))).await;
    assert!(worker.image_digest.is_some(), "the registry was asked");
    assert!(one(&alice, "mine").await.last_used_ms.is_some());
    let rows = console.admin.audit(None, None).await.unwrap();
    let used = rows.iter().find(|row| row.action == "registry_credential.use").unwrap();
    assert_eq!((&*used.actor, &*used.object), ("alice", "mine"));
    assert!(used.details.contains(&worker.name), "{}", used.details);
}

#[tokio::test]
async fn what_a_name_does_not_open() {
    let console = Console::start().await;
    console.allow_all().await;
    let (alice, bob) = (console.user("alice", &[]).await, console.user("bob", &[]).await);
    let hers = alice.registry_credential_create(&right("hers")).await.unwrap();

    // Another registry.
    let elsewhere = WorkerConfig {
        worker_image: format!("{}/demo/x:1", http_registry()),
        ..private(Some("hers"))
    };
    let message = said(&alice.worker_create(&elsewhere).await.unwrap_err(), FIELD);
    assert!(
        message.contains(&registry().host) && message.contains(&http_registry()),
        "{message}"
    );

    // Both ways at once.
    let both = WorkerConfig {
        image_config: ImageConfig {
            repo_username: Some("u".into()),
            repo_password: Some("p".into()),
            ..private(Some("hers")).image_config
        },
        ..private(None)
    };
    let message = said(&alice.worker_create(&both).await.unwrap_err(), FIELD);
    assert_eq!(message, "repo_secret_name excludes repo_username and repo_password.");

    // Somebody else's, which is as good as none.
    assert_eq!(bob.registry_credentials().await.unwrap(), []);
    for error in [
        bob.registry_credential(hers.id).await.unwrap_err(),
        bob.registry_credential_update(hers.id, &right("hers"))
            .await
            .unwrap_err(),
        bob.registry_credential_delete(hers.id).await.unwrap_err(),
        bob.registry_credential_test(hers.id).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Some(ErrorCode::NotFound), "{error}");
    }
    let none = said(&bob.worker_create(&private(Some("hers"))).await.unwrap_err(), FIELD);
    assert_eq!(
        none,
        "There is no registry credential \"hers\" that you may use. You may use none; they are kept in Infrastructure > Registries."
    );
    bob.registry_credential_create(&other("his", &canary("his")))
        .await
        .unwrap();
    let names = said(&bob.worker_create(&private(Some("hers"))).await.unwrap_err(), FIELD);
    assert!(names.ends_with("You may use: his."), "{names}");
    // An admin manages it, and may not use it either.
    assert!(!console.admin.registry_credential(hers.id).await.unwrap().usable);
    said(
        &console.admin.worker_create(&private(Some("hers"))).await.unwrap_err(),
        FIELD,
    );

    // The end of its time.
    let now_ms = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let soon = RegistryCredentialInput {
        password: None,
        expires_ms: Some(now_ms + 1500),
        ..right("hers")
    };
    alice.registry_credential_update(hers.id, &soon).await.unwrap();
    eventually("the credential expires", || async {
        one(&alice, "hers").await.expired.then_some(())
    })
    .await;
    let expired = said(&alice.worker_create(&private(Some("hers"))).await.unwrap_err(), FIELD);
    assert!(
        expired.starts_with("The registry credential hers expired on 20"),
        "{expired}"
    );
    let test = alice.registry_credential_test(hers.id).await.unwrap();
    assert!(!test.ok && test.message == expired, "{test:?}");
    let past = RegistryCredentialInput {
        expires_ms: Some(now_ms - 1),
        ..right("late")
    };
    said(
        &alice.registry_credential_create(&past).await.unwrap_err(),
        "expires_ms",
    );
}

#[tokio::test]
async fn groups_and_everyone_are_for_admins_to_give() {
    let console = Console::start().await;
    let group = GroupInput {
        name: "dev".into(),
        members: vec![],
    };
    console.admin.group_create(&group).await.unwrap();
    let (alice, bob) = (console.user("alice", &["dev"]).await, console.user("bob", &[]).await);
    let for_group = |name: &str| RegistryCredentialInput {
        scope: CredentialScope::Group,
        owner: "dev".into(),
        ..other(name, &canary("group"))
    };
    let for_all = |name: &str| RegistryCredentialInput {
        scope: CredentialScope::Everyone,
        ..other(name, &canary("all"))
    };
    let for_bob = |name: &str| RegistryCredentialInput {
        owner: "bob".into(),
        ..other(name, &canary("bob"))
    };
    for input in [for_group("x"), for_all("x"), for_bob("x")] {
        let error = alice.registry_credential_create(&input).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Forbidden), "{error}");
    }
    let kept = console
        .admin
        .registry_credential_create(&for_group("team"))
        .await
        .unwrap();
    console.admin.registry_credential_create(&for_all("all")).await.unwrap();
    console
        .admin
        .registry_credential_create(&for_bob("bobs"))
        .await
        .unwrap();
    let names = |views: Vec<RegistryCredentialView>| views.into_iter().map(|view| view.name).collect::<Vec<_>>();
    assert_eq!(names(alice.registry_credentials().await.unwrap()), ["all", "team"]);
    assert_eq!(names(bob.registry_credentials().await.unwrap()), ["all", "bobs"]);
    let seen = alice.registry_credential(kept.id).await.unwrap();
    assert!(seen.usable && !seen.editable, "{seen:?}");
    for error in [
        alice
            .registry_credential_update(kept.id, &for_group("team"))
            .await
            .unwrap_err(),
        alice.registry_credential_delete(kept.id).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Some(ErrorCode::Forbidden), "{error}");
    }
    assert!(one(&bob, "bobs").await.editable, "a user manages what is theirs");
    let taken = bob
        .registry_credential_create(&other("team", &canary("x")))
        .await
        .unwrap_err();
    assert_eq!(taken.code(), Some(ErrorCode::AlreadyExists));
    let rows = console.admin.audit(None, None).await.unwrap();
    assert!(
        rows.iter()
            .any(|row| row.action == "registry_credential.delete" && row.details.contains("Only an admin")),
        "a refusal is recorded"
    );
}

#[tokio::test]
async fn edits_that_cross_are_detected_and_the_password_never_comes_back() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let password = canary("kept");
    let input = other("robot", &password);
    let kept = alice.registry_credential_create(&input).await.unwrap();
    let edit = |username: &str| RegistryCredentialInput {
        username: username.into(),
        password: None,
        revision: Some(kept.revision),
        ..input.clone()
    };
    let first = alice.registry_credential_update(kept.id, &edit("first")).await.unwrap();
    assert_eq!((&*first.username, first.revision), ("first", 2));
    let second = alice
        .registry_credential_update(kept.id, &edit("second"))
        .await
        .unwrap_err();
    assert_eq!(second.code(), Some(ErrorCode::Conflict));
    // Whoever could send it to a registry of their own could read it.
    let moved = RegistryCredentialInput {
        host: "evil.example.com".into(),
        revision: None,
        ..edit("first")
    };
    said(
        &alice.registry_credential_update(kept.id, &moved).await.unwrap_err(),
        "password",
    );
    assert_eq!(alice.registry_credential(kept.id).await.unwrap().host, "h.example.com");

    let audit = serde_json::to_string(&console.admin.audit(None, None).await.unwrap()).unwrap();
    let listed = serde_json::to_string(&alice.registry_credentials().await.unwrap()).unwrap();
    alice.registry_credential_delete(kept.id).await.unwrap();
    assert_eq!(
        alice.registry_credential(kept.id).await.unwrap_err().code(),
        Some(ErrorCode::NotFound)
    );
    assert!(audit.contains("registry_credential.create") && audit.contains("registry_credential.update"));
    for (what, text) in [("the audit log", audit), ("the list", listed)] {
        assert!(!text.contains(password.expose()), "the password is in {what}");
    }
    for file in files(&console.data()).chain([console.log_file()]) {
        let bytes = fs::read(&file).unwrap();
        let found = bytes
            .windows(password.expose().len())
            .any(|window| window == password.expose().as_bytes());
        assert!(!found, "the password is in {}", file.display());
    }
}

fn files(folder: &Path) -> Box<dyn Iterator<Item = std::path::PathBuf>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    Box::new(entries.flat_map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            Box::new(std::iter::once(path))
        }
    }))
}

#[tokio::test]
async fn a_test_asks_the_registry_and_nobody_inside() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let kept = alice.registry_credential_create(&right("mine")).await.unwrap();
    let test = alice.registry_credential_test(kept.id).await.unwrap();
    assert!(test.ok, "{test:?}");
    let wrong = RegistryCredentialInput {
        password: Some("wrong".into()),
        ..right("mine")
    };
    alice.registry_credential_update(kept.id, &wrong).await.unwrap();
    let test = alice.registry_credential_test(kept.id).await.unwrap();
    assert!(
        !test.ok && test.message.contains("user name or password is not right"),
        "{test:?}"
    );
    // An address that the installation does not list is none that users may reach through the console.
    let inside = FakeRegistry::start().await;
    let probe = RegistryCredentialInput {
        host: inside.host.clone(),
        ..other("inside", &canary("inside"))
    };
    let probe = alice.registry_credential_create(&probe).await.unwrap();
    let test = alice.registry_credential_test(probe.id).await.unwrap();
    assert!(!test.ok && test.message.contains("no public address"), "{test:?}");
    assert_eq!(inside.requests(), Vec::<String>::new());
    let rows = console.admin.audit(None, None).await.unwrap();
    assert_eq!(
        rows.iter()
            .filter(|row| row.action == "registry_credential.test" && row.actor == "alice")
            .count(),
        3
    );
}

#[tokio::test]
async fn a_rule_pulls_by_secret_name_for_those_who_may_not_use_it() {
    let console = Console::start().await;
    let bob = console.user("bob", &[]).await;
    let kept = console
        .admin
        .registry_credential_create(&right("corp-robot"))
        .await
        .unwrap();
    let rule = |image: String| ContainerImageInput {
        image,
        users: vec!["bob".into()],
        repo_secret_name: "corp-robot".into(),
        ..ContainerImageInput::default()
    };
    let host = registry().host.replace('.', "\\.");
    let login = ContainerImageInput {
        repo_username: "u".into(),
        repo_password: Some("p".into()),
        ..rule(format!("^{host}\\/"))
    };
    for wrong in [
        rule("*".into()),
        rule("h.example.com/demo/x".into()),
        rule(format!("^({host}|h\\.io)\\/")),
        login,
    ] {
        let error = console.admin.container_image_create(&wrong).await.unwrap_err();
        said(&error, "repo_secret_name");
    }
    let created = console
        .admin
        .container_image_create(&rule(format!("^{host}\\/")))
        .await
        .unwrap();
    assert_eq!(
        (&*created.repo_secret_name, created.has_repo_password),
        ("corp-robot", false)
    );
    assert_eq!(
        bob.registry_credentials().await.unwrap(),
        [],
        "the rule gives no access to it"
    );
    console.worker(&bob, &private(None)).await;
    let rows = console.admin.audit(None, None).await.unwrap();
    assert!(
        rows.iter()
            .any(|row| row.action == "registry_credential.use" && row.actor == "bob" && row.object == "corp-robot")
    );

    let in_use = console.admin.registry_credential_delete(kept.id).await.unwrap_err();
    assert_eq!(in_use.code(), Some(ErrorCode::Conflict));
    let moved = RegistryCredentialInput {
        host: "evil.example.com".into(),
        ..right("corp-robot")
    };
    said(
        &console
            .admin
            .registry_credential_update(kept.id, &moved)
            .await
            .unwrap_err(),
        "host",
    );
    let without = ContainerImageInput {
        repo_secret_name: String::new(),
        ..rule(format!("^{host}\\/"))
    };
    console
        .admin
        .container_image_update(created.id, &without)
        .await
        .unwrap();
    console.admin.registry_credential_delete(kept.id).await.unwrap();
}

#[tokio::test]
async fn a_build_pulls_and_pushes_by_secret_name() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    alice.registry_credential_create(&right("mine")).await.unwrap();
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    let text = format!("FROM {}\nRUN echo kept > /tmp/kept\n", shell_image());
    console.dockerfile(&alice, &worker.name, &text).await;
    let by_name = |names: &[&str]| BuildRequest {
        registry_credentials: vec![],
        registry_secrets: names.iter().map(|name| (*name).to_owned()).collect(),
        ..console.build_request(&worker.name, "kept", "1")
    };
    let error = alice.build_create(&by_name(&["nobodys"])).await.unwrap_err();
    assert!(
        said(&error, "registry_secrets").ends_with("You may use: mine."),
        "{error}"
    );
    let twice = BuildRequest {
        registry_credentials: vec![registry().login()],
        ..by_name(&["mine"])
    };
    let error = alice.build_create(&twice).await.unwrap_err();
    assert!(
        said(&error, "registry_credentials").starts_with("There are two logins for"),
        "{error}"
    );

    let build = alice.build_create(&by_name(&["mine", "mine"])).await.unwrap();
    assert_eq!(build.credentials.len(), 1);
    assert_eq!(build.credentials[0].secret_name.as_deref(), Some("mine"));
    let build = console.build_end(&alice, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    assert!(one(&alice, "mine").await.last_used_ms.is_some());
    // Again, without giving a login again.
    let again = alice.build_rerun(build.number, &RerunRequest::default()).await.unwrap();
    let again = console.build_end(&alice, again.number).await;
    assert_eq!(again.status, BuildStatus::Succeeded, "{}", again.message);
    assert_eq!(again.digest, build.digest);
    // An admin may run it again, though not with what is hers.
    let error = console
        .admin
        .build_rerun(build.number, &RerunRequest::default())
        .await
        .unwrap_err();
    said(&error, "registry_secrets");
}

//! Private certificates: what an admin may put into the bundle, and what builders get of it.

use std::collections::BTreeMap;

use prt_client::Client;
use prt_types::{
    ErrorCode,
    build_config::{BuildConfigInput, BuildConfigState},
    builds::{BuildRequest, BuildStatus, BuildView},
    certificates::{BUNDLE_PATH, CertificateState, CertificatesInput, WorkerCertificates},
    security_contexts::SecurityContext,
    workers::WorkerView,
};

use crate::helpers::{Authority, Console, OwnRegistry, PRIVILEGED, builder_container, builder_worker, docker, said};

fn bundle(pem: impl Into<String>) -> CertificatesInput {
    CertificatesInput {
        pem: Some(pem.into()),
        ..CertificatesInput::default()
    }
}

fn switch(on: bool) -> CertificatesInput {
    CertificatesInput {
        inject: Some(on),
        ..CertificatesInput::default()
    }
}

/// The bundle, and the switch on.
fn inject(pem: impl Into<String>) -> CertificatesInput {
    CertificatesInput {
        inject: Some(true),
        ..bundle(pem)
    }
}

#[tokio::test]
async fn a_bundle_is_read_and_what_is_wrong_changes_nothing() {
    let console = Console::start().await;
    let admin = &console.admin;
    let empty = admin.certificates().await.unwrap();
    assert_eq!((empty.revision, empty.inject, &*empty.pem), (0, false, ""));
    assert_eq!(empty.path, BUNDLE_PATH);
    let refused = admin.certificates_set(&switch(true)).await.unwrap_err();
    assert!(said(&refused, "inject").contains("Add the bundle first"), "{refused}");
    let refused = admin.certificates_remove(None).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotFound));
    assert_eq!(admin.certificates().await.unwrap(), empty);

    let root = Authority::new("Corp Root CA");
    let server = root.server(&["registry.example.com"], &[]);
    let text = format!("Some words before it.\n{}{}", root.pem(), server.certificate);
    let set = admin.certificates_set(&bundle(&text)).await.unwrap();
    assert_eq!((set.revision, set.inject), (1, false));
    assert_eq!(set.updated_by.as_deref(), Some("admin"));
    let told: Vec<(&str, bool, CertificateState)> = set
        .certificates
        .iter()
        .map(|one| (one.subject.as_str(), one.ca, one.state))
        .collect();
    assert!(told[0].0.contains("Corp Root CA") && told[0].1, "{told:?}");
    assert!(
        !told[1].1 && told.iter().all(|one| one.2 == CertificateState::Valid),
        "{told:?}"
    );
    assert!(set.warnings[0].contains("is no authority"), "{:?}", set.warnings);
    assert!(!set.pem.contains("Some words"), "{}", set.pem);

    let old = Authority::until("Old Root CA", 2021);
    for (pem, words) in [
        (root.key_pem(), "holds a private key"),
        (format!("{}{}", root.pem(), server.key), "holds a private key"),
        ("not a certificate".into(), "This is no PEM"),
        (String::new(), "Give at least one certificate"),
        (old.pem(), "expired on 2021-01-01"),
        (format!("{}{}", root.pem(), old.pem()), "Certificate 2 ("),
    ] {
        let refused = admin.certificates_set(&inject(pem.clone())).await.unwrap_err();
        let message = said(&refused, "pem");
        assert!(message.contains(words), "{message}");
        let body = pem.lines().nth(1).unwrap_or("-");
        assert!(
            body == "-" || !message.contains(body),
            "a refusal repeats nothing of it"
        );
        assert_eq!(admin.certificates().await.unwrap(), set, "{words}");
    }
    let nothing = admin.certificates_set(&CertificatesInput::default()).await.unwrap_err();
    assert!(said(&nothing, "pem").contains("Give certificates"), "{nothing}");
    let stale = CertificatesInput {
        revision: Some(0),
        ..switch(true)
    };
    for refused in [
        admin.certificates_set(&stale).await.unwrap_err(),
        admin.certificates_remove(Some(0)).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Some(ErrorCode::Conflict), "{refused}");
    }
    let alice = console.user("alice", &[]).await;
    for refused in [
        alice.certificates().await.unwrap_err(),
        alice.certificates_set(&inject(&text)).await.unwrap_err(),
        alice.certificates_remove(None).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Some(ErrorCode::Forbidden), "{refused}");
    }
    assert_eq!(admin.certificates().await.unwrap(), set);

    let on = CertificatesInput {
        revision: Some(set.revision),
        ..switch(true)
    };
    let on = admin.certificates_set(&on).await.unwrap();
    assert_eq!((on.revision, on.inject, &on.fingerprint), (2, true, &set.fingerprint));
    admin.certificates_remove(Some(on.revision)).await.unwrap();
    let removed = admin.certificates().await.unwrap();
    assert_eq!(
        (removed.revision, removed.inject),
        (3, false),
        "removal turns the switch off"
    );
    assert_eq!((removed.certificates.len(), removed.fingerprint), (0, None));
    audit_names_subjects_only(
        &console,
        &[
            &root.pem(),
            &server.certificate,
            &server.key,
            &root.key_pem(),
            &old.pem(),
        ],
    )
    .await;
}

async fn audit_names_subjects_only(console: &Console, given: &[&str]) {
    let rows = console.admin.audit(Some(100), None).await.unwrap();
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|row| row.action.starts_with("certificates."))
        .collect();
    let all = serde_json::to_string(&rows).unwrap();
    let done = rows.iter().filter(|row| row.details.contains("Corp Root CA")).count();
    assert_eq!(done, 3, "set, switched, removed: {all}");
    assert!(!all.contains("-----BEGIN"), "{all}");
    for line in given
        .iter()
        .flat_map(|pem| pem.lines())
        .filter(|line| !line.starts_with("--"))
    {
        assert!(!all.contains(line), "{line}");
    }
}

/// Tries something in the worker's builder, as the user that it runs as.
fn tried(worker: &WorkerView, script: &str) -> String {
    docker(&["exec", &builder_container(worker), "sh", "-c", script])
}

fn privileged(worker: &WorkerView) -> String {
    docker(&[
        "inspect",
        "-f",
        "{{.HostConfig.Privileged}}",
        &builder_container(worker),
    ])
}

fn look() -> String {
    format!("stat -c '%a %u %g' {BUNDLE_PATH}; (echo x >>{BUNDLE_PATH}) 2>/dev/null && echo written; id -u")
}

/// Builds on an image of the registry and pushes to it.
async fn build(console: &Console, client: &Client, worker: &str, registry: &OwnRegistry, tag: &str) -> BuildView {
    let dockerfile = format!(
        "FROM {}\nCOPY --from={} /hello.txt /hello.txt\nRUN cat /hello.txt\n",
        registry.reference("demo/base", "1"),
        registry.reference("demo/files", "1")
    );
    console.dockerfile(client, worker, &dockerfile).await;
    let request = BuildRequest {
        name: format!("{}/demo/built", registry.host),
        registry_credentials: vec![registry.login()],
        build_args: BTreeMap::new(),
        ..console.build_request(worker, "built", tag)
    };
    let started = client.build_create(&request).await.expect("the build starts");
    console.build_end(client, started.number).await
}

async fn private_registry() -> OwnRegistry {
    let registry = OwnRegistry::tls().login("robot").start().await;
    registry.push_busybox("demo/base", "1").await;
    registry
        .push_files("demo/files", "1", &[("hello.txt", b"hello\n")])
        .await;
    registry
}

#[tokio::test]
async fn a_restricted_builder_gets_the_file_and_uses_it_by_its_path() {
    let console = Console::start().await;
    let registry = private_registry().await;
    let alice = console.user("alice", &[]).await;
    let before = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    assert_eq!(before.certificates, None);
    console
        .admin
        .certificates_set(&inject(registry.authority().pem()))
        .await
        .unwrap();
    let absent = format!("ls {BUNDLE_PATH} 2>/dev/null; echo looked");
    assert_eq!(
        tried(&before, &absent),
        "looked",
        "builders that run keep what they have"
    );

    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    assert_eq!(tried(&worker, &look()), "444 0 0\n1000");
    assert_eq!(privileged(&worker), "false");
    let bundle = console.admin.certificates().await.unwrap();
    assert_eq!(
        tried(&worker, &format!("sha256sum <{BUNDLE_PATH} | cut -d ' ' -f 1")),
        bundle.fingerprint.clone().unwrap()
    );
    let got: WorkerCertificates = worker
        .certificates
        .clone()
        .expect("the worker says what its builder got");
    assert_eq!(Some(got.fingerprint), bundle.fingerprint);
    assert_eq!((got.path.as_str(), got.trusted), (BUNDLE_PATH, false));
    assert!(got.subjects[0].contains("a test's own authority"), "{:?}", got.subjects);
    assert!(
        got.note.contains("not in the builder's trust store") && got.note.contains("does not run as root"),
        "{}",
        got.note
    );

    let failed = build(&console, &alice, &worker.name, &registry, "1").await;
    assert_eq!(failed.status, BuildStatus::Failed);
    assert!(failed.message.contains("certificate"), "{}", failed.message);
    let config = BuildConfigInput {
        config_content: Some(format!("[registry.\"{}\"]\n  ca=[\"{BUNDLE_PATH}\"]\n", registry.host)),
        ..BuildConfigInput::default()
    };
    let view = alice.build_config_update(&worker.name, &config).await.unwrap();
    assert_eq!(view.state, BuildConfigState::Active, "{}", view.message);
    assert_eq!(view.findings, [], "the file is there");
    let built = build(&console, &alice, &worker.name, &registry, "2").await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);
    assert!(built.digest.is_some());
    assert_eq!(registry.digest("demo/built", "2").await, built.digest);

    // A worker of before has no such file, and the linter says so.
    let view = alice.build_config_update(&before.name, &config).await.unwrap();
    assert!(view.findings[0].message.contains(BUNDLE_PATH), "{:?}", view.findings);

    console.admin.certificates_set(&switch(false)).await.unwrap();
    let after = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    assert_eq!(tried(&after, &absent), "looked", "injection is off");
    assert_eq!(after.certificates, None);
}

#[tokio::test]
async fn a_privileged_builder_trusts_them_by_itself() {
    let console = Console::start().await;
    let registry = private_registry().await;
    let admin = &console.admin;
    let alice = console.user("alice", &[]).await;
    let refused = alice.worker_create(&builder_worker(PRIVILEGED)).await.unwrap_err();
    assert!(said(&refused, "worker_size").contains(PRIVILEGED), "{refused}");
    console.grant_privileged("alice").await;
    admin
        .certificates_set(&inject(registry.authority().pem()))
        .await
        .unwrap();

    let worker = console.worker(&alice, &builder_worker(PRIVILEGED)).await;
    assert_eq!(worker.security_context, SecurityContext::Privileged);
    assert_eq!(privileged(&worker), "true");
    assert_eq!(
        tried(&worker, &look()),
        "444 0 0\n0",
        "not even root writes to it by chance"
    );
    let got = worker
        .certificates
        .clone()
        .expect("the worker says what its builder got");
    assert!(
        got.trusted && got.note.contains("without any configuration"),
        "{}",
        got.note
    );
    let built = build(&console, &alice, &worker.name, &registry, "1").await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);
    assert_eq!(registry.digest("demo/built", "1").await, built.digest);

    // Without injection it does not: nothing else has made it trust them.
    admin.certificates_set(&switch(false)).await.unwrap();
    let without = console.worker(&alice, &builder_worker(PRIVILEGED)).await;
    let failed = build(&console, &alice, &without.name, &registry, "2").await;
    assert_eq!(failed.status, BuildStatus::Failed);
    assert!(failed.message.contains("certificate"), "{}", failed.message);
    assert_eq!(registry.digest("demo/built", "2").await, None);
}

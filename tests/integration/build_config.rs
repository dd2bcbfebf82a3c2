//! The configuration of a worker's build service, on real BuildKit and real registries.

use crate::helpers::{Console, OwnRegistry, builder_container, builder_worker, docker, plain_worker, sh};
use prt_client::{Client, ClientError};
use prt_types::{
    ErrorCode,
    build_config::{BuildConfigInput, BuildConfigMode, BuildConfigState, Severity, WhenBusy},
    build_events::{BuildEvent, Step, StepState},
    builds::{BuildStatus, BuildView},
    workers::WorkerView,
};
use std::fs;

pub(crate) fn full(text: impl Into<String>) -> BuildConfigInput {
    BuildConfigInput {
        config_content: Some(text.into()),
        ..BuildConfigInput::default()
    }
}

pub(crate) fn simple(hosts: &[&str]) -> BuildConfigInput {
    BuildConfigInput {
        insecure_registries: Some(hosts.iter().map(|host| (*host).to_owned()).collect()),
        ..BuildConfigInput::default()
    }
}

/// Builds a Dockerfile without pushing the result.
pub(crate) async fn build(console: &Console, client: &Client, worker: &str, dockerfile: &str) -> BuildView {
    let started = start(console, client, worker, dockerfile).await;
    console.build_end(client, started.number).await
}

pub(crate) async fn start(console: &Console, client: &Client, worker: &str, dockerfile: &str) -> BuildView {
    console.dockerfile(client, worker, dockerfile).await;
    let mut request = console.build_request(worker, "configured", "1");
    request.push_image = false;
    request.registry_credentials.clear();
    client.build_create(&request).await.expect("the build starts")
}

/// Process id of the build service in the builder, and when its container and the primary were started.
pub(crate) fn processes(console: &Console, worker: &WorkerView) -> (String, Vec<String>) {
    let id = worker.instance_id.to_string();
    let containers: Vec<String> = console
        .containers()
        .into_iter()
        .filter(|container| docker(&["inspect", container]).contains(&id))
        .collect();
    assert_eq!(containers.len(), 2);
    let starts = containers
        .iter()
        .map(|container| {
            docker(&["inspect", "-f", "{{.State.StartedAt}}", container])
                .trim()
                .to_owned()
        })
        .collect();
    let pid = containers
        .iter()
        .map(|container| {
            docker(&[
                "exec",
                container,
                "sh",
                "-c",
                "cat /tmp/prt-buildkitd/process 2>/dev/null || true",
            ])
        })
        .find(|pid| !pid.trim().is_empty())
        .expect("a build service runs");
    (pid.trim().to_owned(), starts)
}

pub(crate) async fn put(client: &Client, worker: &str, path: &str, content: String) {
    client.worker_put_file(worker, path, content.into()).await.unwrap();
}

#[tokio::test]
async fn insecure_registries_are_reached_after_a_restart_of_the_service_alone() {
    let console = Console::start().await;
    let registry = OwnRegistry::http().start().await;
    registry.push_busybox("demo/base", "1").await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let dockerfile = format!("FROM {}\nRUN echo configured\n", registry.reference("demo/base", "1"));
    let refused = build(&console, &alice, &worker.name, &dockerfile).await;
    assert_eq!(refused.status, BuildStatus::Failed, "{}", refused.message);

    sh(&alice, &worker.name, "sleep 1000 & echo $! > /tmp/mine").await;
    let (pid, starts) = processes(&console, &worker);
    let view = alice
        .build_config_update(&worker.name, &simple(&[&registry.host]))
        .await
        .unwrap();
    assert_eq!(
        (view.state, view.mode),
        (BuildConfigState::Active, BuildConfigMode::Simple),
        "{}",
        view.message
    );
    assert_eq!(view.insecure_registries, std::slice::from_ref(&registry.host));
    assert_eq!(view.updated_by.as_deref(), Some("alice"));
    let (new_pid, new_starts) = processes(&console, &worker);
    assert_ne!(pid, new_pid, "the build service is another process");
    assert_eq!(starts, new_starts, "the containers went on");
    assert_eq!(
        sh(&alice, &worker.name, "kill -0 $(cat /tmp/mine) && echo on")
            .await
            .stdout,
        "on\n"
    );

    let built = build(&console, &alice, &worker.name, &dockerfile).await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);
    assert!(
        registry.requests().contains("/v2/demo/base/manifests/"),
        "{}",
        registry.requests()
    );

    // The cache survives a change, and a reset goes back to the start.
    let view = alice.build_config_reset(&worker.name, WhenBusy::Refuse).await.unwrap();
    assert_eq!(
        (view.state, view.mode, view.revision),
        (BuildConfigState::Active, BuildConfigMode::Default, 2)
    );
    assert!(!view.active.contains(&registry.host), "{}", view.active);
    alice
        .build_config_update(&worker.name, &simple(&[&registry.host]))
        .await
        .unwrap();
    let again = build(&console, &alice, &worker.name, &dockerfile).await;
    assert_eq!(again.status, BuildStatus::Succeeded, "{}", again.message);
    assert!(again.steps_cached > 0, "{again:?}");

    // A whole configuration wins over the list.
    let whole = "[worker.oci]\n  max-parallelism = 3\n";
    let view = alice.build_config_update(&worker.name, &full(whole)).await.unwrap();
    assert_eq!((view.mode, view.active.as_str()), (BuildConfigMode::Full, whole));
    assert!(view.insecure_registries.is_empty(), "{:?}", view.insecure_registries);
    assert_eq!(in_place(&builder_container(&worker)), whole.trim_end());
    let events = alice.worker(&worker.name).await.unwrap().events;
    assert_eq!(events.iter().filter(|event| event.kind == "Configured").count(), 4);
    let audit = serde_json::to_string(&console.admin.audit(Some(50), None).await.unwrap()).unwrap();
    assert!(
        audit.contains("build_config.update") && audit.contains("build_config.reset") && audit.contains(&registry.host),
        "{audit}"
    );
}

#[tokio::test]
async fn certificates_of_the_user_s_own_reach_tls_and_mutual_tls() {
    let console = Console::start().await;
    let (tls, mutual) = tokio::join!(OwnRegistry::tls().start(), OwnRegistry::mutual_tls().start());
    tls.push_busybox("demo/base", "1").await;
    mutual.push_busybox("demo/base", "1").await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await.name;
    let text = format!("[registry.\"{}\"]\n  ca=[\"/build/my.crt\"]\n", tls.host);
    let view = admin.build_config_update(&worker, &full(&text)).await.unwrap();
    assert_eq!(view.state, BuildConfigState::Active);
    assert_eq!(view.config_content.as_deref(), Some(text.as_str()));
    assert_eq!(view.findings.len(), 1, "{:?}", view.findings);
    assert_eq!(
        (view.findings[0].severity, view.findings[0].line),
        (Severity::Warning, Some(2))
    );
    assert!(
        view.findings[0].message.contains("no file /build/my.crt"),
        "{}",
        view.findings[0].message
    );
    put(admin, &worker, "my.crt", fs::read_to_string(tls.ca_file()).unwrap()).await;
    let from_tls = format!("FROM {}\nRUN echo tls\n", tls.reference("demo/base", "1"));
    let built = build(&console, admin, &worker, &from_tls).await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);

    let (cert, key) = mutual.client_files();
    put(admin, &worker, "client.crt", fs::read_to_string(cert).unwrap()).await;
    put(admin, &worker, "client.key", fs::read_to_string(key).unwrap()).await;
    put(
        admin,
        &worker,
        "mutual.crt",
        fs::read_to_string(mutual.ca_file()).unwrap(),
    )
    .await;
    let host = &mutual.host;
    let ca_alone = format!("[registry.\"{host}\"]\n  ca=[\"/build/mutual.crt\"]\n");
    let seed = format!("{ca_alone}  client=[\"/build/client.crt\", \"/build/client.key\"]\n");
    let real = format!(
        "{ca_alone}  [[registry.\"{host}\".keypair]]\n    key=\"/build/client.key\"\n    cert=\"/build/client.crt\"\n"
    );
    for (number, (text, status)) in [
        (ca_alone.clone(), BuildStatus::Failed),
        (seed, BuildStatus::Succeeded),
        (real, BuildStatus::Succeeded),
    ]
    .into_iter()
    .enumerate()
    {
        let view = admin.build_config_update(&worker, &full(&text)).await.unwrap();
        assert_eq!(view.state, BuildConfigState::Active, "{}", view.message);
        let from = format!("FROM {}\nRUN echo {number}\n", mutual.reference("demo/base", "1"));
        let built = build(&console, admin, &worker, &from).await;
        assert_eq!(built.status, status, "{text}\n{}", built.message);
    }
}

#[tokio::test]
async fn a_mirror_gets_the_pulls_of_docker_hub() {
    let console = Console::start().await;
    let mirror = OwnRegistry::http().start().await;
    mirror.push_busybox("library/mirrored", "1").await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await.name;
    let text = format!(
        "[registry.\"registry-1.docker.io\"]\n  mirrors=[\"{}\"]\n",
        mirror.url()
    );
    let view = admin.build_config_update(&worker, &full(text)).await.unwrap();
    let said: Vec<&str> = view.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(
        said[0].contains("taken as that") && said[1].contains("http = true is added"),
        "{said:?}"
    );
    let built = build(&console, admin, &worker, "FROM mirrored:1\nRUN echo mirrored\n").await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);
    assert!(
        mirror.requests().contains("/v2/library/mirrored/blobs/"),
        "{}",
        mirror.requests()
    );
}

/// When each of the two stages ran.
async fn spans(client: &Client, number: i64) -> Vec<(i64, i64)> {
    let records = client.build_records(number, 0, None).await.unwrap();
    let mut spans: Vec<(i64, i64)> = records
        .into_iter()
        .filter_map(|record| match record.event {
            BuildEvent::Step(Step {
                name,
                state: StepState::Done,
                started_ms: Some(from),
                completed_ms: Some(to),
                ..
            }) if name.contains("RUN sleep") => Some((from, to)),
            _ => None,
        })
        .collect();
    spans.sort_unstable();
    spans
}

#[tokio::test]
async fn parallel_stages_run_as_many_at_a_time_as_configured() {
    let console = Console::start().await;
    let registry = OwnRegistry::http().start().await;
    registry.push_busybox("demo/base", "1").await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await;
    let builder = builder_container(&worker);
    let worker = worker.name;
    for (parallel, overlap) in [(1, false), (2, true)] {
        let text = format!(
            "[registry.\"{}\"]\n  http = true\n[worker.oci]\n  max-parallelism={parallel}\n  snapshotter=\"overlayfs\"\n  gc=true\n",
            registry.host
        );
        let view = admin.build_config_update(&worker, &full(text)).await.unwrap();
        assert_eq!(view.state, BuildConfigState::Active, "{}", view.message);
        let (told, snapshotter) = daemon(&builder);
        assert_eq!(snapshotter, "overlayfs");
        assert!(told.contains("GC Policy rule#0:"), "{told}");
        assert!(in_place(&builder).contains(&format!("max-parallelism={parallel}\n")));
        let base = registry.reference("demo/base", "1");
        let dockerfile = format!(
            "FROM {base} AS a\nRUN sleep 1; echo {parallel} > /bin/a\nFROM {base} AS b\nRUN sleep 1; echo {parallel} > /bin/b\n\
             FROM {base}\nCOPY --from=a /bin/a /a\nCOPY --from=b /bin/b /b\n"
        );
        let built = build(&console, admin, &worker, &dockerfile).await;
        assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);
        let spans = spans(admin, built.number).await;
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[1].0 < spans[0].1, overlap, "{parallel}: {spans:?}");
    }
    let other = "[worker.oci]\n  snapshotter = \"native\"\n  gc = false\n";
    let view = admin.build_config_update(&worker, &full(other)).await.unwrap();
    assert_eq!(view.state, BuildConfigState::Active, "{}", view.message);
    let (told, snapshotter) = daemon(&builder);
    assert_eq!(snapshotter, "native");
    assert!(!told.contains("GC Policy"), "{told}");
}

/// The file that the build service was started with.
pub(crate) fn in_place(builder: &str) -> String {
    docker(&["exec", builder, "cat", "/tmp/prt-buildkitd/buildkitd.toml"])
}

/// What the build service says of itself, and its snapshotter. The number of parallel steps it tells nobody.
fn daemon(builder: &str) -> (String, String) {
    let told = docker(&["exec", builder, "buildctl", "debug", "workers", "--verbose"]);
    let snapshotter = told
        .lines()
        .find_map(|line| line.trim().strip_prefix("org.mobyproject.buildkit.worker.snapshotter:"))
        .unwrap_or_else(|| panic!("no snapshotter in {told}"))
        .trim()
        .to_owned();
    (told, snapshotter)
}

pub(crate) fn refusal(error: ClientError) -> prt_types::ApiError {
    match error {
        ClientError::Api(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let console = Console::start().await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await;
    let name = worker.name.as_str();
    let good = "[worker.oci]\n  max-parallelism = 3\n";
    admin.build_config_update(name, &full(good)).await.unwrap();
    let (pid, _) = processes(&console, &worker);
    let both = BuildConfigInput {
        insecure_registries: Some(vec!["a".into()]),
        ..full(good)
    };
    for (input, field, words) in [
        (
            BuildConfigInput::default(),
            "config_content",
            "Give insecure_registries or config_content.",
        ),
        (
            both,
            "insecure_registries",
            "Give insecure_registries or config_content, not both",
        ),
        (full(""), "config_content", "The configuration is empty."),
        (full(" \n"), "config_content", "The configuration is empty."),
        (
            full("[worker.oci\n"),
            "config_content",
            "line 1, column 12: This is no valid TOML",
        ),
        (
            full("\n[worker.oci]\nfoo = 1\n"),
            "config_content",
            "line 3, column 1: BuildKit has no key worker.oci.foo.",
        ),
        (
            full("[worker.oci]\nsnapshotter = \"zfs\"\n"),
            "config_content",
            "line 2, column 15: worker.oci.snapshotter is one of",
        ),
        (simple(&[]), "insecure_registries", "Name at least one registry."),
        (
            simple(&["https://a"]),
            "insecure_registries",
            "\"https://a\" is an address",
        ),
    ] {
        let error = refusal(admin.build_config_update(name, &input).await.unwrap_err());
        assert_eq!(error.code, ErrorCode::InvalidInput);
        assert_eq!(error.fields[0].field, field);
        assert!(error.fields[0].message.starts_with(words), "{:?}", error.fields);
    }
    assert_eq!(processes(&console, &worker).0, pid, "nothing was restarted");

    // What only BuildKit itself can tell.
    let refused = full("[worker.oci]\n  networkMode = \"cni\"\n");
    let view = admin.build_config_update(name, &refused).await.unwrap();
    assert_eq!((view.state, view.active.as_str()), (BuildConfigState::Failed, good));
    assert!(
        view.message.starts_with("line 2: BuildKit refuses the configuration: ") && view.message.contains("cni"),
        "{}",
        view.message
    );
    assert_eq!(processes(&console, &worker).0, pid);
    let built = build(&console, admin, name, "FROM scratch\nCOPY Dockerfile /\n").await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);

    let lint = admin
        .build_config_lint(name, "[registry.\"h.invalid\"]\nclient=[\"/c\", \"/k\"]\n")
        .await
        .unwrap();
    assert!(lint.translated.unwrap().contains("[[registry.\"h.invalid\".keypair]]"));
    // The host, both files, and what becomes of the pair.
    assert_eq!(lint.findings.len(), 4, "{:?}", lint.findings);

    let lint = admin
        .build_config_lint(
            name,
            "[registry.\"127.0.0.1:9\"]\ntlsconfigdir = [\"/build/certs\", \"/build\", \"/etc/passwd\"]\n",
        )
        .await
        .unwrap();
    assert_eq!(lint.findings.len(), 2, "{:?}", lint.findings);
    assert_eq!(lint.findings[0].line, Some(2));
    assert!(
        lint.findings[1].message.contains("no folder /etc/passwd"),
        "{:?}",
        lint.findings
    );
    let words =
        "The builder has no folder /build/certs: builds that use 127.0.0.1:9 do without its certificates, or fail.";
    assert!(lint.findings[0].message.starts_with(words), "{:?}", lint.findings);

    let many: Vec<String> = (0..33)
        .map(|n| format!("[registry.\"h{n}.invalid\"]\nhttp = true\n"))
        .collect();
    let many = many.concat();
    let lint = admin.build_config_lint(name, &many).await.unwrap();
    let more = "The builder was asked for 32 of the 33 hosts only.";
    assert!(
        lint.findings.iter().any(|finding| finding.message == more),
        "{:?}",
        lint.findings
    );
    // As the engine says it of a builder that ends, too.
    docker(&["pause", &builder_container(&worker)]);
    let lint = admin.build_config_lint(name, &many).await.unwrap();
    docker(&["unpause", &builder_container(&worker)]);
    assert_eq!(lint.findings.len(), 1, "{:?}", lint.findings);
    assert!(
        lint.findings[0].message.starts_with("The builder is not running"),
        "{:?}",
        lint.findings
    );

    let plain = console.worker(admin, &plain_worker("X-Small")).await.name;
    let error = refusal(admin.build_config_update(&plain, &full(good)).await.unwrap_err());
    assert!(error.message.contains("has no builder"), "{}", error.message);
    let bob = console.user("bob", &[]).await;
    for error in [
        refusal(bob.build_config(name).await.unwrap_err()),
        refusal(bob.build_config_update(name, &full(good)).await.unwrap_err()),
        refusal(bob.build_config_lint(name, good).await.unwrap_err()),
    ] {
        assert_eq!(error.code, ErrorCode::NotFound);
    }
}

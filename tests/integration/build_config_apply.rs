//! How a change of a build service's configuration goes: put back, waiting, and going on after a crash.

use prt_types::{
    ErrorCode,
    build_config::{BuildConfigInput, BuildConfigState, WhenBusy},
    builds::BuildStatus,
    workers::{ContainerRole, WorkerReason, WorkerStatus, WorkerView},
};

use super::build_config::{build, full, in_place, processes, put, refusal, simple, start};
use crate::helpers::{
    BUILDER_IMAGE, Console, LocalImage, OwnRegistry, builder_container, builder_worker, docker, engine_behind,
    eventually, holds,
};

/// Takes every configuration that is tried, one of them not within the test's time; one of two others it does not start with when it
/// counts, as with a full disk, and after the other it never starts again.
const UNSTEADY: &str = r#"#!/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin
config=/tmp/prt-buildkitd/buildkitd.toml
case "$*" in
  *prt-try.*)
    if grep -q 'max-parallelism = 9' /tmp/prt-buildkitd/new.toml; then
      touch /tmp/trying
      exec sleep 1000
    fi
    ;;
  *)
    grep -q 'max-parallelism = 8' "$config" && touch /tmp/broken
    if [ -e /tmp/broken ] || grep -q 'max-parallelism = 7' "$config"; then
      echo >>/tmp/ends
      exit 1
    fi
    ;;
esac
exec buildkitd "$@"
"#;

#[tokio::test]
async fn a_service_that_does_not_come_up_gets_its_former_configuration_back() {
    let image = LocalImage::with_file(BUILDER_IMAGE, "/usr/local/sbin/buildkitd", UNSTEADY);
    let console = Console::start_with(&[("PRT_BUILDER_IMAGE", &image.name)]).await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await;
    let name = worker.name.as_str();
    let parallel = |steps: u32| format!("[worker.oci]\n  max-parallelism = {steps}\n");
    let former = parallel(3);
    let view = admin.build_config_update(name, &full(&*former)).await.unwrap();
    assert_eq!(view.state, BuildConfigState::Active, "{}", view.message);
    let (pid, starts) = processes(&console, &worker);

    let view = admin.build_config_update(name, &full(parallel(7))).await.unwrap();
    assert_eq!((view.state, &view.active), (BuildConfigState::Failed, &former));
    let words = "BuildKit did not start with the configuration, so the previous one is in use again.";
    assert!(view.message.starts_with(words), "{}", view.message);
    let (pid_after, starts_after) = processes(&console, &worker);
    assert_ne!(pid, pid_after);
    assert_eq!(starts, starts_after, "the containers went on");
    let builder = builder_container(&worker);
    assert_eq!(in_place(&builder).trim_end(), former.trim_end());
    let ends = docker(&["exec", &builder, "wc", "-l", "/tmp/ends"]);
    let ends: u32 = ends.split_whitespace().next().unwrap().parse().unwrap();
    assert!((3..8).contains(&ends), "it was given up after {ends} starts");
    let built = build(&console, admin, name, "FROM scratch\nCOPY Dockerfile /\n").await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);

    let view = admin.build_config_update(name, &full(parallel(8))).await.unwrap();
    assert_eq!((view.state, &view.active), (BuildConfigState::Failed, &former));
    let words = "BuildKit does not answer any more, not even with its previous configuration.";
    assert!(view.message.starts_with(words), "{}", view.message);
    let failed = eventually("the worker fails with its builder", || async {
        let worker = admin.worker(name).await.unwrap();
        (worker.status == WorkerStatus::Failed).then_some(worker)
    })
    .await;
    assert_eq!(failed.reason, Some(WorkerReason::BuilderFailed), "{}", failed.message);
    let primary = format!("prt-{}-primary", worker.instance_id);
    assert_eq!(docker(&["inspect", "-f", "{{.State.Running}}", &primary]), "true");
}

#[tokio::test]
async fn a_builder_that_is_killed_in_the_middle_of_a_change_is_told_as_that() {
    let image = LocalImage::with_file(BUILDER_IMAGE, "/usr/local/sbin/buildkitd", UNSTEADY);
    let console = Console::start_with(&[("PRT_BUILDER_IMAGE", &image.name)]).await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await;
    let builder = builder_container(&worker);
    let message = broken_off(&console, &worker, || _ = docker(&["kill", &builder])).await;
    assert_eq!(message, "The worker ended meanwhile.");
    let failed = admin.worker(&worker.name).await.unwrap();
    assert_eq!(failed.status, WorkerStatus::Failed);
    assert!(failed.message.contains("exit code 137 (SIGKILL)"), "{}", failed.message);
}

#[tokio::test]
async fn an_engine_that_goes_away_in_the_middle_of_a_change_ends_no_worker() {
    let image = LocalImage::with_file(BUILDER_IMAGE, "/usr/local/sbin/buildkitd", UNSTEADY);
    let (engine, between) = engine_behind().await;
    let console = Console::start_with(&[("PRT_BUILDER_IMAGE", &image.name), ("PRT_DOCKER_HOST", &engine)]).await;
    let worker = console
        .worker(&console.admin, &builder_worker("Medium-restricted"))
        .await;
    let message = broken_off(&console, &worker, || between.abort()).await;
    assert!(message.starts_with("The builder cannot be reached. "), "{message}");
    let worker = console.admin.worker(&worker.name).await.unwrap();
    assert_eq!(worker.status, WorkerStatus::Running, "{}", worker.message);
}

/// Begins a change that does not come to its end and cuts it off; what is said of that.
async fn broken_off(console: &Console, worker: &WorkerView, cut: impl FnOnce()) -> String {
    let config = full("[worker.oci]\n  max-parallelism = 9\n");
    let changed = console.admin.build_config_update(&worker.name, &config);
    let builder = builder_container(worker);
    let cut = async {
        eventually("it is being tried", || async {
            holds(&builder, "test -e /tmp/trying").then_some(())
        })
        .await;
        cut();
    };
    let (asked, ()) = tokio::join!(changed, cut);
    asked.unwrap();
    // The request itself waits only for a while.
    let changed = console.admin.build_config_settled(&worker.name).await.unwrap();
    assert_eq!(changed.state, BuildConfigState::Failed);
    changed.message
}

#[tokio::test]
async fn a_change_waits_for_a_build_or_is_refused() {
    let console = Console::start().await;
    let registry = OwnRegistry::http().start().await;
    registry.push_busybox("demo/base", "1").await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await.name;
    admin
        .build_config_update(&worker, &simple(&[&registry.host]))
        .await
        .unwrap();
    // The build goes on until its worker's owner lets it.
    let dockerfile = format!(
        "FROM {}\nCOPY go /go\nRUN while true; do sleep 0.1; done\n",
        registry.reference("demo/base", "1")
    );
    put(admin, &worker, "go", "1".into()).await;
    let running = start(&console, admin, &worker, &dockerfile).await;
    let text = "[worker.oci]\n  max-parallelism = 2\n";
    let refuse = BuildConfigInput {
        when_busy: WhenBusy::Refuse,
        ..full(text)
    };
    let error = refusal(admin.build_config_update(&worker, &refuse).await.unwrap_err());
    assert_eq!(error.code, ErrorCode::Conflict);
    assert!(
        error.message.contains(&format!("build #{}", running.number)),
        "{}",
        error.message
    );

    let view = admin.build_config_update(&worker, &full(text)).await.unwrap();
    assert_eq!(view.state, BuildConfigState::Waiting);
    assert_eq!(view.message, format!("Waits for the end of build #{}.", running.number));
    let again = admin.build_config_update(&worker, &full(text)).await.unwrap();
    assert_eq!(
        (again.state, again.revision),
        (BuildConfigState::Waiting, view.revision)
    );
    let other = full("[worker.oci]\n  max-parallelism = 3\n");
    let error = refusal(admin.build_config_update(&worker, &other).await.unwrap_err());
    assert!(
        error.message.contains("is being configured already"),
        "{}",
        error.message
    );
    admin.build_cancel(running.number).await.unwrap();
    let view = admin.build_config_settled(&worker).await.unwrap();
    assert_eq!(
        (view.state, view.active.as_str()),
        (BuildConfigState::Active, text),
        "{}",
        view.message
    );
    assert_eq!(admin.build(running.number).await.unwrap().status, BuildStatus::Canceled);
}

#[tokio::test]
async fn a_killed_console_finishes_the_change_at_its_next_start() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Medium-restricted")).await;
    let text = "[worker.oci]\n  max-parallelism = 5\n";
    let (client, name) = (admin.clone(), worker.name.clone());
    let asked = tokio::spawn(async move { client.build_config_update(&name, &full(text)).await });
    eventually("the change is under way", || async {
        let view = admin.build_config(&worker.name).await.ok()?;
        (view.revision == 1).then_some(())
    })
    .await;
    console.kill();
    _ = asked.await.unwrap();
    console.run().await;
    let view = admin.build_config_settled(&worker.name).await.unwrap();
    assert_eq!(
        (view.state, view.active.as_str()),
        (BuildConfigState::Active, text),
        "{}",
        view.message
    );
    let built = build(&console, &admin, &worker.name, "FROM scratch\nCOPY Dockerfile /\n").await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);

    // A service that dies by itself takes its container along, as ever, and with it perhaps the command that killed it.
    let (pid, _) = processes(&console, &worker);
    _ = holds(&builder_container(&worker), &format!("kill -KILL {pid}"));
    eventually("the worker's failure is known", || async {
        let view = admin.worker(&worker.name).await.ok()?;
        view.reason.map(|reason| assert_eq!(reason.name(), "BuilderFailed"))
    })
    .await;
    assert!(
        admin
            .worker(&worker.name)
            .await
            .unwrap()
            .containers
            .iter()
            .any(|c| c.role == ContainerRole::Builder)
    );
}

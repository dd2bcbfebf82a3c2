//! The conformance suite, and what is special to Docker.

use std::time::Duration;

use futures::{StreamExt as _, future::join_all};
use prt_core::{
    clock::new_id,
    engine::{Engine as _, EngineErrorKind, ExecSpec, SecuritySettings, exec_collect},
    testing::engine_conformance::engine_conformance,
};
use prt_engine_docker::DockerEngine;
use prt_types::{ids::WorkerId, workers::ContainerRole};

use crate::installation::{Installation, security};

#[tokio::test]
async fn docker_conforms() {
    Installation::new()
        .await
        .run(async |home| engine_conformance(home.engine.clone(), &home.image).await)
        .await;
}

#[tokio::test]
async fn objects_are_labelled_and_limits_hold_beyond_the_host() {
    Installation::new()
        .await
        .run(async |home| {
            let plan = home.plan(security());
            home.engine.start_worker(&plan).await.unwrap();
            let seen = home.inspect(plan.worker_id).await;
            let labels = seen.config.unwrap().labels.unwrap();
            let id = plan.worker_id.to_string();
            for (name, value) in [
                ("instance", home.instance.as_str()),
                ("worker-id", &id),
                ("worker-name", "Worker-7"),
                ("owner", "alice"),
                ("role", "primary"),
            ] {
                assert_eq!(labels[&format!("io.prt-console.{name}")], value);
            }
            let host = seen.host_config.unwrap();
            assert_eq!((host.memory_swap, host.pids_limit), (Some(32 << 20), Some(4096)));
            let observed = home.engine.observe(plan.worker_id).await.unwrap().unwrap();
            assert_eq!(
                observed.containers[0].limits.cpu_millis, 900_000,
                "more cores than any host has"
            );
        })
        .await;
}

#[tokio::test]
async fn a_privileged_container_may_mount() {
    Installation::new()
        .await
        .run(async |home| {
            let plan = home.plan(SecuritySettings {
                privileged: true,
                ..security()
            });
            home.engine.start_worker(&plan).await.unwrap();
            let spec = ExecSpec::new(["mount", "-t", "tmpfs", "none", "/tmp"]);
            let done = exec_collect(&*home.engine, plan.worker_id, ContainerRole::Primary, spec, 1000)
                .await
                .unwrap();
            assert_eq!(done.exit_code, 0, "{}", String::from_utf8_lossy(&done.stderr));
        })
        .await;
}

#[tokio::test]
async fn two_processes_that_start_at_once_share_one_network() {
    Installation::new()
        .await
        .run(async |home| {
            let processes: Vec<_> = (0..4)
                .map(|_| DockerEngine::connect(&home.instance, None).unwrap())
                .collect();
            let plans: Vec<_> = processes.iter().map(|_| home.plan(security())).collect();
            for started in join_all(
                processes
                    .iter()
                    .zip(&plans)
                    .map(|(engine, plan)| engine.start_worker(plan)),
            )
            .await
            {
                started.unwrap();
            }
            assert_eq!(home.networks().await, 1);
            home.engine.stop(plans[0].worker_id).await.unwrap();
            assert_eq!(home.networks().await, 1, "it is in use");
        })
        .await;
}

#[tokio::test]
async fn an_end_beside_a_start_leaves_it_the_network() {
    Installation::new()
        .await
        .run(async |home| {
            let plan = home.plan(security());
            let other = WorkerId(new_id());
            let ends = async {
                loop {
                    home.engine.stop(other).await.unwrap();
                }
            };
            tokio::select! {
                started = home.engine.start_worker(&plan) => started.unwrap(),
                () = ends => {}
            }
            assert_eq!(home.networks().await, 1);
        })
        .await;
}

#[tokio::test]
async fn another_installation_s_workers_are_not_touched() {
    Installation::new()
        .await
        .run(async |home| {
            let plan = home.plan(security());
            home.engine.start_worker(&plan).await.unwrap();
            let stranger = DockerEngine::connect(&format!("x{}", home.instance), None).unwrap();
            assert_eq!(stranger.observe(plan.worker_id).await.unwrap(), None);
            assert_eq!(stranger.list().await.unwrap(), []);
            stranger.stop(plan.worker_id).await.unwrap();
            assert!(home.engine.observe(plan.worker_id).await.unwrap().is_some());
        })
        .await;
}

/// A console that is killed takes its connections with it; the command must not notice.
#[tokio::test]
async fn a_command_survives_the_end_of_its_connection() {
    Installation::new()
        .await
        .run(async |home| {
            let plan = home.plan(security());
            home.engine.start_worker(&plan).await.unwrap();
            let run = async |script: &str| {
                let spec = ExecSpec::new(["/bin/sh", "-c", script]);
                exec_collect(&*home.engine, plan.worker_id, ContainerRole::Primary, spec, 1000)
                    .await
                    .unwrap()
                    .stdout
            };
            run("mkfifo /tmp/done").await;
            let (instance, worker) = (home.instance.clone(), plan.worker_id);
            // A runtime of its own is dropped with all of its tasks and connections, as when the process is killed.
            let other_console = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let engine = DockerEngine::connect(&instance, None).unwrap();
                    let script = "echo begun; head -c 20000000 /dev/zero; echo completed > /tmp/done";
                    let spec = ExecSpec::new(["/bin/sh", "-c", script]);
                    let mut handle = engine.exec(worker, ContainerRole::Primary, spec).await.unwrap();
                    handle.output.next().await.unwrap().unwrap();
                });
            });
            tokio::task::spawn_blocking(|| other_console.join().unwrap())
                .await
                .unwrap();
            let done = tokio::time::timeout(Duration::from_mins(1), run("cat /tmp/done"))
                .await
                .expect("the command goes on");
            assert_eq!(done, b"completed\n");
        })
        .await;
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unreachable() {
    let engine = DockerEngine::connect("test", Some("unix:///nonexistent/engine.sock")).unwrap();
    assert_eq!(engine.probe().await.unwrap_err().kind, EngineErrorKind::Unreachable);
    let engine = DockerEngine::connect("test", Some("tcp://127.0.0.1:1")).unwrap();
    let refused = engine.list().await.unwrap_err();
    assert_eq!(refused.kind, EngineErrorKind::Unreachable, "{refused}");
}

//! Workers: told as lost only when the engine has said so.

use std::time::Duration;

use prt_core::{
    engine::EngineErrorKind,
    testing::memory_engine::{Fault, Scripted},
};
use prt_types::{
    named_secrets::NamedSecretInput,
    workers::{ContainerRole, ContainerState, TerminateRequest, WorkerConfig, WorkerReason, WorkerStatus},
};

use crate::bed::{Bed, READY_TIMEOUT};

const FAULTS: [Fault; 2] = [Fault::Unreachable, Fault::Hangs];

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_fails_no_worker() {
    for fault in FAULTS {
        let mut bed = Bed::start().await;
        let worker = bed.worker().await;
        bed.engine.fault(fault);
        bed.pass(Duration::from_mins(20)).await;
        let now = bed.worker_now(&worker.name).await;
        assert_eq!(now.status, WorkerStatus::Running, "{fault:?}: {}", now.message);
        assert_eq!(now.containers[0].state, ContainerState::Unknown);
        assert!(bed.o.engine_away().is_some(), "{fault:?}");
        // The console starts, and says the same, without the engine.
        bed.restart(|_| ()).await;
        bed.pass(Duration::from_mins(20)).await;
        assert_eq!(
            bed.worker_now(&worker.name).await.status,
            WorkerStatus::Running,
            "{fault:?}"
        );
        bed.engine.fault(Fault::None);
        bed.until("the engine is known to answer", async || {
            bed.o.engine_away().is_none().then_some(())
        })
        .await;
        let now = bed.worker_now(&worker.name).await;
        assert_eq!(now.containers[0].state, ContainerState::Running, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_gone_from_the_engine_is_lost() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    bed.engine.vanish(worker.instance_id);
    let failed = bed.worker_in(&worker.name, WorkerStatus::Failed).await;
    assert_eq!(failed.reason, Some(WorkerReason::Lost), "{}", failed.message);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ended_while_the_engine_was_away_fails_when_it_is_back() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    bed.engine.fault(Fault::Unreachable);
    bed.engine.end(worker.instance_id, ContainerRole::Primary, 3);
    bed.pass(Duration::from_mins(5)).await;
    assert_eq!(bed.worker_now(&worker.name).await.status, WorkerStatus::Running);
    bed.engine.fault(Fault::None);
    let failed = bed.worker_in(&worker.name, WorkerStatus::Failed).await;
    assert_eq!(failed.reason, Some(WorkerReason::Exited), "{}", failed.message);
}

#[tokio::test(start_paused = true)]
async fn time_without_the_engine_is_no_time_of_a_start() {
    for fault in FAULTS {
        let bed = Bed::start().await;
        bed.engine.notebook(false);
        let worker = bed.worker_start().await;
        bed.until("the containers run", async || {
            let now = bed.worker_now(&worker.name).await;
            (now.containers[0].state == ContainerState::Running).then_some(())
        })
        .await;
        bed.engine.fault(fault);
        bed.pass(3 * READY_TIMEOUT).await;
        let now = bed.worker_now(&worker.name).await;
        assert_eq!(now.status, WorkerStatus::Provisioning, "{fault:?}: {}", now.message);
        bed.engine.notebook(true);
        bed.engine.fault(Fault::None);
        bed.worker_in(&worker.name, WorkerStatus::Running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_answer_in_time_fails() {
    let bed = Bed::start().await;
    bed.engine.notebook(false);
    let worker = bed.worker_start().await;
    bed.pass(READY_TIMEOUT + Duration::from_secs(5)).await;
    let failed = bed.worker_in(&worker.name, WorkerStatus::Failed).await;
    assert_eq!(failed.reason, Some(WorkerReason::NoJupyter), "{}", failed.message);

    let bed = Bed::start().await;
    bed.engine.buildkit(false);
    let worker = bed.worker_start().await;
    bed.pass(READY_TIMEOUT + Duration::from_secs(5)).await;
    let failed = bed.worker_in(&worker.name, WorkerStatus::Failed).await;
    assert_eq!(failed.reason, Some(WorkerReason::BuilderFailed), "{}", failed.message);
}

#[tokio::test(start_paused = true)]
async fn an_image_without_jupyter_is_found_out() {
    let bed = Bed::start().await;
    bed.engine.notebook(false);
    bed.engine.jupyter(false);
    let worker = bed.worker_start().await;
    let failed = bed.worker_in(&worker.name, WorkerStatus::Failed).await;
    assert_eq!(failed.reason, Some(WorkerReason::NoJupyter), "{}", failed.message);
    assert!(failed.message.contains("not suitable"), "{}", failed.message);
}

#[tokio::test(start_paused = true)]
async fn a_startup_script_that_fails_is_told_and_stops_nothing() {
    let bed = Bed::start().await;
    bed.engine.startup(3);
    let config = WorkerConfig {
        worker_image: "practicus-minimal".into(),
        startup_script: Some("exit 3".into()),
        ..WorkerConfig::default()
    };
    let worker = bed.o.worker_create(&bed.cx, config).await.unwrap();
    let worker = bed.worker_in(&worker.name, WorkerStatus::Running).await;
    assert_eq!(worker.reason, Some(WorkerReason::StartupFailed), "{}", worker.message);
    assert!(worker.message.contains("exit code 3"), "{}", worker.message);
    assert!(worker.ready);
    let told = worker
        .events
        .iter()
        .find(|event| event.kind == "StartupFailed")
        .unwrap();
    assert_eq!(told.message, worker.message);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_dies_while_it_starts_fails_the_worker() {
    for (role, reason) in [
        (ContainerRole::Primary, WorkerReason::Exited),
        (ContainerRole::Builder, WorkerReason::BuilderFailed),
    ] {
        let bed = Bed::start().await;
        bed.engine.notebook(false);
        bed.engine.buildkit(false);
        let worker = bed.worker_start().await;
        bed.until("the containers run", async || {
            let now = bed.worker_now(&worker.name).await;
            (now.containers[0].state == ContainerState::Running).then_some(())
        })
        .await;
        bed.engine.end(worker.instance_id, role, 1);
        let failed = bed.worker_in(&worker.name, WorkerStatus::Failed).await;
        assert_eq!(failed.reason, Some(reason), "{}", failed.message);
        assert!(failed.message.contains("its last words"), "{}", failed.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_another_process_began_is_taken_up_however_late_the_engine_answers() {
    let mut bed = Bed::start().await;
    bed.engine.notebook(false);
    let started = bed.worker_start().await;
    let created = bed.worker_start().await;
    bed.until("the containers run", async || {
        let running = bed.worker_now(&created.name).await.containers[0].state == ContainerState::Running;
        let running = running && bed.worker_now(&started.name).await.containers[0].state == ContainerState::Running;
        running.then_some(())
    })
    .await;
    bed.restart(|bed| {
        bed.engine.only_created(created.instance_id);
        bed.engine.fault(Fault::Hangs);
    })
    .await;
    bed.pass(Duration::from_mins(10)).await;
    for worker in [&started, &created] {
        let now = bed.worker_now(&worker.name).await;
        assert_eq!(now.status, WorkerStatus::Provisioning, "{}", now.message);
    }
    bed.engine.fault(Fault::None);
    bed.engine.notebook(true);
    bed.worker_in(&started.name, WorkerStatus::Running).await;
    let failed = bed.worker_in(&created.name, WorkerStatus::Failed).await;
    assert_eq!(failed.reason, Some(WorkerReason::Lost), "{}", failed.message);
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_terminated_when_the_engine_has_removed_it() {
    for fault in FAULTS {
        let bed = Bed::start().await;
        let worker = bed.worker().await;
        bed.engine.fault(fault);
        let end = bed
            .o
            .worker_terminate(&bed.cx, &worker.name, TerminateRequest::default());
        let _ = bed.moving(end).await;
        bed.pass(Duration::from_mins(5)).await;
        assert_eq!(bed.worker_now(&worker.name).await.status, WorkerStatus::Terminating);
        bed.engine.fault(Fault::None);
        bed.worker_in(&worker.name, WorkerStatus::Terminated).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_away_while_secrets_and_logins_are_given_fails_no_start() {
    let bed = Bed::start().await;
    let secret = NamedSecretInput {
        name: "LATE".into(),
        value: Some("a value".into()),
        ..NamedSecretInput::default()
    };
    bed.o.secret_create(&bed.cx, secret).await.unwrap();
    for _ in 0..3 {
        bed.engine
            .script("environment", Scripted::Fails(EngineErrorKind::Unreachable));
        bed.engine.script("notebook-token", Scripted::Breaks(""));
    }
    let config = WorkerConfig {
        worker_image: "practicus-minimal".into(),
        personal_secrets: vec!["LATE".into()],
        ..WorkerConfig::default()
    };
    let worker = bed.o.worker_create(&bed.cx, config).await.unwrap();
    let worker = bed.worker_in(&worker.name, WorkerStatus::Running).await;
    assert!(
        worker.events.iter().all(|event| event.kind != "NoToken"),
        "{:?}",
        worker.events
    );
}

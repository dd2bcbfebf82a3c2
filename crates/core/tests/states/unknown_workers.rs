//! Workers that an older database does not know: they stay until an admin decides.

use std::time::Duration;

use prt_core::{Error, OpContext, engine::Engine as _, testing::memory_engine::Fault};
use prt_types::{
    access::Door,
    ids::WorkerId,
    unknown_workers::{AdoptRequest, UnknownWorkerView},
    workers::{ContainerRole, ContainerState, WorkerReason, WorkerStatus, WorkerView},
};

use crate::bed::Bed;

/// A worker that the restored database does not know.
async fn lost() -> (Bed, WorkerView) {
    let mut bed = Bed::start().await;
    let backup = bed.backup().await;
    let worker = bed.worker().await;
    bed.restore(&backup).await;
    (bed, worker)
}

async fn unknown(bed: &Bed) -> Vec<UnknownWorkerView> {
    bed.moving(bed.o.unknown_workers(&bed.cx)).await.unwrap()
}

async fn adopt(bed: &Bed, id: WorkerId, owner: Option<&str>) -> Result<WorkerView, Error> {
    let request = AdoptRequest {
        owner: owner.map(str::to_owned),
    };
    bed.moving(bed.o.unknown_worker_adopt(&bed.cx, id, request)).await
}

#[tokio::test(start_paused = true)]
async fn they_stay_and_are_shown_to_admins() {
    let (bed, worker) = lost().await;
    bed.until("it is noticed", async || {
        (bed.o.unknown_worker_count(&bed.cx) == 1).then_some(())
    })
    .await;
    let found = unknown(&bed).await.remove(0);
    assert_eq!((found.id, found.name.as_str()), (worker.instance_id, "Worker-1"));
    assert_eq!((found.owner.as_str(), found.owner_exists), ("admin", true));
    assert!(found.adoptable);
    let states: Vec<_> = found.containers.iter().map(|one| (one.role, one.state)).collect();
    assert_eq!(
        states,
        [
            (ContainerRole::Primary, ContainerState::Running),
            (ContainerRole::Builder, ContainerState::Running)
        ]
    );
    // Neither one that has ended nor what was only made is removed.
    bed.engine.end(worker.instance_id, ContainerRole::Primary, 1);
    bed.pass(Duration::from_mins(5)).await;
    bed.engine.only_created(worker.instance_id);
    bed.pass(Duration::from_mins(5)).await;
    assert_eq!(unknown(&bed).await.len(), 1);

    let anybody = OpContext::anonymous("test", Door::Api, "127.0.0.1");
    assert_eq!(bed.o.unknown_worker_count(&anybody), 0);
    bed.o.unknown_workers(&anybody).await.unwrap_err();
    bed.o
        .unknown_worker_remove(&anybody, worker.instance_id)
        .await
        .unwrap_err();
    adopt_as(&bed, &anybody, worker.instance_id).await.unwrap_err();
}

async fn adopt_as(bed: &Bed, cx: &OpContext, id: WorkerId) -> Result<WorkerView, Error> {
    bed.o.unknown_worker_adopt(cx, id, AdoptRequest::default()).await
}

#[tokio::test(start_paused = true)]
async fn an_adopted_worker_is_one_like_any_other() {
    let (mut bed, before) = lost().await;
    bed.until("it is noticed", async || {
        (bed.o.unknown_worker_count(&bed.cx) == 1).then_some(())
    })
    .await;
    // The number is the unknown one's: another worker gets the next.
    let other = bed.worker().await;
    assert_eq!(other.name, "Worker-2");
    let refused = adopt(&bed, before.instance_id, Some("nobody")).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidInput { .. }), "{refused:?}");
    let adopted = adopt(&bed, before.instance_id, None).await.unwrap();
    assert_eq!(adopted.name, before.name);
    let now = bed.worker_in(&before.name, WorkerStatus::Running).await;
    assert_eq!(
        (now.instance_id, now.owner.as_str(), now.limits, now.builder_capacity),
        (before.instance_id, "admin", before.limits, before.builder_capacity)
    );
    assert_eq!(
        (&now.size, &now.security_context, now.containers.len()),
        (&before.size, &before.security_context, 2)
    );
    assert_eq!(unknown(&bed).await, []);
    assert_eq!(bed.o.unknown_worker_count(&bed.cx), 0);
    let again = adopt(&bed, before.instance_id, None).await.unwrap_err();
    assert!(matches!(again, Error::NotFound { .. }), "{again:?}");
    let build = bed.build(&now).await;
    bed.engine.finish(now.instance_id, build.id, 0);
    bed.build_end(&now, &build).await;
    bed.restart(|_| ()).await;
    bed.pass(Duration::from_mins(2)).await;
    assert_eq!(bed.worker_now(&now.name).await.status, WorkerStatus::Running);
    let audit = bed.o.audit_list(&bed.cx, None, 100).await.unwrap();
    let row = audit.iter().find(|row| row.action == "worker.adopt").unwrap();
    assert_eq!(row.object, before.name);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_was_given_meanwhile_is_not_given_again() {
    let mut bed = Bed::start().await;
    let backup = bed.backup().await;
    let before = bed.worker().await;
    // Nobody sees the engine while another worker gets the same number.
    bed.engine.fault(Fault::Unreachable);
    bed.restore(&backup).await;
    let second = bed.worker_start().await;
    assert_eq!(second.name, before.name);
    bed.engine.fault(Fault::None);
    bed.until("it is noticed", async || {
        (bed.o.unknown_worker_count(&bed.cx) == 1).then_some(())
    })
    .await;
    let adopted = adopt(&bed, before.instance_id, None).await.unwrap();
    assert_eq!(adopted.name, "Worker-2");
    assert_eq!(bed.worker_start().await.name, "Worker-3");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_run_fails_with_its_reason() {
    let (bed, before) = lost().await;
    bed.engine.end(before.instance_id, ContainerRole::Primary, 3);
    adopt(&bed, before.instance_id, None).await.unwrap();
    let failed = bed.worker_in(&before.name, WorkerStatus::Failed).await;
    assert_eq!(failed.reason, Some(WorkerReason::Exited), "{}", failed.message);
}

#[tokio::test(start_paused = true)]
async fn a_removed_one_is_gone_and_the_audit_log_says_so() {
    let (bed, before) = lost().await;
    let remove = bed.o.unknown_worker_remove(&bed.cx, before.instance_id);
    bed.moving(remove).await.unwrap();
    assert_eq!(bed.engine.list().await.unwrap(), []);
    assert_eq!(unknown(&bed).await, []);
    let remove = bed.o.unknown_worker_remove(&bed.cx, before.instance_id);
    let again = bed.moving(remove).await.unwrap_err();
    assert!(matches!(again, Error::NotFound { .. }), "{again:?}");
    let audit = bed.o.audit_list(&bed.cx, None, 100).await.unwrap();
    let row = audit.iter().find(|row| row.action == "unknown_worker.remove").unwrap();
    assert_eq!(row.object, before.name);
    // A worker that has a record is not removed in this way.
    let known = bed.worker().await;
    let remove = bed.o.unknown_worker_remove(&bed.cx, known.instance_id);
    bed.moving(remove).await.unwrap_err();
    assert_eq!(bed.worker_now(&known.name).await.status, WorkerStatus::Running);
}

//! What is old goes, what is in use or pinned stays; on the test's clock.

use std::time::Duration;

use prt_core::{Error, OpContext, store::Store as _};
use prt_types::{
    access::Door,
    builds::{BuildStatus, BuildView},
    retention::{RetentionKind, RetentionRequest, RetentionRun},
    workers::{TerminateRequest, WorkerStatus, WorkerView},
};

use crate::bed::Bed;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const DRY: RetentionRequest = RetentionRequest { dry_run: true };
const REAL: RetentionRequest = RetentionRequest { dry_run: false };

/// A build that ended.
async fn ended(bed: &Bed, worker: &WorkerView) -> BuildView {
    let build = bed.build(worker).await;
    bed.engine.finish(worker.instance_id, build.id, 0);
    let end = bed.build_end(worker, &build).await;
    assert_eq!(end.status, BuildStatus::Succeeded);
    bed.log(build.number).await;
    end
}

async fn run(bed: &Bed, request: RetentionRequest) -> RetentionRun {
    bed.moving(bed.o.retention_run(&bed.cx, request)).await.unwrap()
}

fn counts(run: &RetentionRun) -> Vec<(RetentionKind, i64)> {
    run.deleted.iter().map(|one| (one.kind, one.amount.count)).collect()
}

fn later(bed: &Bed, days: i64) {
    bed.clock.jump(days * DAY_MS);
}

#[tokio::test(start_paused = true)]
async fn logs_go_before_builds_and_pinned_ones_stay() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let (plain, pinned) = (ended(&bed, &worker).await, ended(&bed, &worker).await);
    let now = bed.build_now(plain.number).await;
    assert_eq!(now.log_expires_ms, now.ended_ms.map(|ms| ms + 90 * DAY_MS));
    assert_eq!(now.expires_ms, now.ended_ms.map(|ms| ms + 180 * DAY_MS));
    let pin = bed.o.build_pin(&bed.cx, pinned.number, true).await.unwrap();
    assert!(pin.pinned && pin.expires_ms.is_none() && pin.log_expires_ms.is_none());
    assert_eq!(counts(&run(&bed, REAL).await), []);

    later(&bed, 91);
    let running = bed.build(&worker).await;
    assert_eq!(counts(&run(&bed, DRY).await), [(RetentionKind::BuildLogs, 1)]);
    assert!(bed.segment(&plain).exists(), "a dry run deletes nothing");
    assert_eq!(counts(&run(&bed, REAL).await), [(RetentionKind::BuildLogs, 1)]);
    assert!(!bed.segment(&plain).exists());
    let told = bed.build_now(plain.number).await;
    assert_eq!((told.lines, told.log_deleted_ms.is_some()), (now.lines, true));
    for refused in [
        bed.o.build_records(&bed.cx, plain.number, 0, 10).await.unwrap_err(),
        bed.o.build_outline(&bed.cx, plain.number).await.unwrap_err(),
        bed.o.build_lines(&bed.cx, plain.number, 1, 10).await.unwrap_err(),
        bed.o.build_follow(&bed.cx, plain.number, 0).await.err().unwrap(),
        bed.o.build_log(&bed.cx, plain.number).await.err().unwrap(),
    ] {
        assert!(
            matches!(&refused, Error::Gone(words) if words.contains("90 days")),
            "{refused:?}"
        );
    }
    assert!(!bed.segment(&plain).exists(), "nobody makes it again");
    bed.log(pinned.number).await;

    later(&bed, 90);
    let gone = counts(&run(&bed, REAL).await);
    assert_eq!(gone, [(RetentionKind::Builds, 1)]);
    let missing = bed.o.build_get(&bed.cx, plain.number).await.unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }), "{missing:?}");
    bed.log(pinned.number).await;
    bed.engine.finish(worker.instance_id, running.id, 0);
    assert_eq!(bed.build_end(&worker, &running).await.status, BuildStatus::Succeeded);
    // Numbers go on.
    assert_eq!(bed.build(&worker).await.number, running.number + 1);

    bed.o.build_pin(&bed.cx, pinned.number, false).await.unwrap();
    assert_eq!(
        counts(&run(&bed, REAL).await),
        [(RetentionKind::Builds, 1), (RetentionKind::BuildLogs, 1)]
    );
    assert!(!bed.segment(&pinned).exists());
    let audit = bed.o.audit_list(&bed.cx, None, 100).await.unwrap();
    let rows = audit.iter().filter(|row| row.action == "retention.run");
    let details: Vec<_> = rows.map(|row| row.details.as_str()).collect();
    assert_eq!(
        details,
        [
            r#"{"build_logs":1,"builds":1}"#,
            r#"{"builds":1}"#,
            r#"{"build_logs":1}"#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_console_does_it_from_time_to_time() {
    let bed = Bed::start().await;
    let (ended, running) = (bed.worker().await, bed.worker().await);
    let end = bed
        .o
        .worker_terminate(&bed.cx, &ended.name, TerminateRequest::default());
    bed.moving(end).await.unwrap();
    bed.worker_in(&ended.name, WorkerStatus::Terminated).await;
    later(&bed, 400);
    let there = async |worker: &WorkerView| {
        let mut repo = bed.store().read().await.unwrap();
        repo.worker(worker.instance_id).await.unwrap().is_some()
    };
    bed.pass(Duration::from_mins(4)).await;
    assert!(there(&ended).await, "not while the console starts");
    bed.until("the ended worker is gone", async || {
        (!there(&ended).await).then_some(())
    })
    .await;
    assert!(there(&running).await);
    assert_eq!(bed.worker_now(&running.name).await.status, WorkerStatus::Running);
    // Older entries are gone; this one tells why.
    bed.until("the audit log tells it", async || {
        let audit = bed.o.audit_list(&bed.cx, None, 10).await.unwrap();
        let rows: Vec<_> = audit
            .iter()
            .map(|row| (row.action.as_str(), row.actor.as_str()))
            .collect();
        (rows == [("retention.run", "system")]).then_some(())
    })
    .await;
    // An engine without a worker, and a database whose workers were deleted, are no strangers to each other.
    assert_eq!(bed.o.workers_of_another_database().await.unwrap(), []);
    assert_eq!(bed.worker_start().await.name, "Worker-3");
}

#[tokio::test(start_paused = true)]
async fn it_is_for_admins() {
    let bed = Bed::start().await;
    let nobody = OpContext::anonymous("test", Door::Api, "127.0.0.1");
    bed.o.retention_get(&nobody).await.unwrap_err();
    for request in [DRY, REAL] {
        bed.o.retention_run(&nobody, request).await.unwrap_err();
    }
    let view = bed.o.retention_get(&bed.cx).await.unwrap();
    let kinds: Vec<_> = view.rules.iter().map(|rule| rule.kind).collect();
    assert_eq!(kinds, RetentionKind::ALL);
    assert!(
        view.rules
            .iter()
            .all(|rule| rule.due.count == 0 && !rule.rule.is_empty())
    );
    assert_eq!(view.last_run, None);
    run(&bed, REAL).await;
    let view = bed.o.retention_get(&bed.cx).await.unwrap();
    assert_eq!(view.last_run.map(|run| run.deleted), Some(vec![]));
}

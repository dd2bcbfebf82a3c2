//! Builds: told as ended only when they have ended.

use std::time::Duration;

use prt_core::testing::memory_engine::{Fault, Scripted};
use prt_types::{
    builds::{BuildReason, BuildStatus},
    workers::{ContainerRole, TerminateRequest, WorkerStatus},
};

use crate::bed::{BUILD_TIMEOUT, Bed, lines, notices};

const BUILDER: ContainerRole = ContainerRole::Builder;

fn counted(to: usize) -> Vec<String> {
    (1..=to).map(|number| format!("line {number}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_build_succeeds_and_its_log_is_whole() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    assert_eq!(build.status, BuildStatus::Running);
    bed.engine.print(worker.instance_id, build.id, 9);
    bed.engine.finish(worker.instance_id, build.id, 0);
    let ended = bed.build_end(&worker, &build).await;
    assert_eq!(ended.status, BuildStatus::Succeeded, "{}", ended.message);
    let records = bed.log(build.number).await;
    assert_eq!(lines(&records), counted(10));
    assert_eq!(ended.last_seq, records.len() as u64, "as soon as its end is recorded");
}

#[tokio::test(start_paused = true)]
async fn a_canceled_build_is_canceling_until_a_paused_builder_confirms_its_end() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.pause(worker.instance_id, BUILDER, true);
    let canceling = bed.o.build_cancel(&bed.cx, build.number).await.unwrap();
    assert_eq!(canceling.status, BuildStatus::Canceling);
    bed.pass(Duration::from_hours(5)).await;
    let canceling = bed.told_truly(&worker, &build).await;
    assert_eq!(canceling.status, BuildStatus::Canceling);
    assert!(
        canceling.message.starts_with("Canceling: the builder is paused."),
        "{}",
        canceling.message
    );
    let busy = bed.o.worker_get(&bed.cx, &worker.name).await.unwrap().active_build;
    assert_eq!(busy, Some(build.number), "no other build begins beside it");
    bed.engine.pause(worker.instance_id, BUILDER, false);
    let ended = bed.build_end(&worker, &build).await;
    assert_eq!((ended.status, ended.reason), (BuildStatus::Canceled, None));
    assert_eq!(bed.engine.signals(worker.instance_id, build.id)[0], "TERM");
    let said = notices(&bed.log(build.number).await);
    assert!(
        said.iter().any(|text| text.contains("the builder is paused")),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_canceled_build_of_an_engine_that_does_not_answer_ends_when_it_answers_again() {
    for fault in [Fault::Unreachable, Fault::Hangs] {
        let mut bed = Bed::start().await;
        let worker = bed.worker().await;
        let build = bed.build(&worker).await;
        bed.engine.fault(fault);
        bed.o.build_cancel(&bed.cx, build.number).await.unwrap();
        bed.pass(Duration::from_mins(30)).await;
        let said = "Canceling: the engine does not answer.";
        let canceling = bed.told_truly(&worker, &build).await;
        assert_eq!(canceling.status, BuildStatus::Canceling);
        assert!(canceling.message.starts_with(said), "{fault:?}: {}", canceling.message);
        // Nor does another process know more.
        bed.restart(|_| ()).await;
        bed.pass(Duration::from_mins(30)).await;
        let canceling = bed.told_truly(&worker, &build).await;
        assert_eq!(canceling.status, BuildStatus::Canceling);
        assert!(canceling.message.starts_with(said), "{fault:?}: {}", canceling.message);
        bed.engine.fault(Fault::None);
        let ended = bed.build_end(&worker, &build).await;
        assert_eq!(ended.status, BuildStatus::Canceled, "{fault:?}: {}", ended.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_does_not_heed_the_wish_is_killed() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.deafen(worker.instance_id, build.id, &["TERM"]);
    bed.o.build_cancel(&bed.cx, build.number).await.unwrap();
    let ended = bed.build_end(&worker, &build).await;
    assert_eq!(ended.status, BuildStatus::Canceled);
    assert_eq!(bed.engine.signals(worker.instance_id, build.id), ["TERM", "KILL"]);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_cannot_be_killed_is_canceling_until_its_worker_is_gone() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.deafen(worker.instance_id, build.id, &["TERM", "KILL"]);
    bed.o.build_cancel(&bed.cx, build.number).await.unwrap();
    bed.pass(Duration::from_hours(1)).await;
    assert_eq!(bed.told_truly(&worker, &build).await.status, BuildStatus::Canceling);
    let end = bed
        .o
        .worker_terminate(&bed.cx, &worker.name, TerminateRequest::default());
    bed.moving(end).await.unwrap();
    let ended = bed.build_end(&worker, &build).await;
    assert_eq!(ended.status, BuildStatus::Canceled);
}

#[tokio::test(start_paused = true)]
async fn a_build_ends_with_its_worker_only_when_the_engine_has_removed_it() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.fault(Fault::Hangs);
    let end = bed
        .o
        .worker_terminate(&bed.cx, &worker.name, TerminateRequest::default());
    let _ = bed.moving(end).await;
    bed.pass(Duration::from_mins(10)).await;
    assert_eq!(bed.told_truly(&worker, &build).await.status, BuildStatus::Running);
    assert_eq!(bed.worker_now(&worker.name).await.status, WorkerStatus::Terminating);
    bed.engine.fault(Fault::None);
    bed.worker_in(&worker.name, WorkerStatus::Terminated).await;
    let ended = bed.build_end(&worker, &build).await;
    assert_eq!(ended.reason, Some(BuildReason::BuilderLost));
    assert!(
        ended.message.starts_with("The worker was terminated."),
        "{}",
        ended.message
    );
}

#[tokio::test(start_paused = true)]
async fn a_build_that_takes_too_long_has_ended_when_the_builder_says_so() {
    let mut bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.pause(worker.instance_id, BUILDER, true);
    bed.pass(BUILD_TIMEOUT + Duration::from_mins(5)).await;
    let canceling = bed.told_truly(&worker, &build).await;
    assert_eq!(
        (canceling.status, canceling.reason),
        (BuildStatus::Canceling, Some(BuildReason::Timeout)),
        "{}",
        canceling.message
    );
    bed.restart(|_| ()).await;
    bed.pass(Duration::from_mins(5)).await;
    assert_eq!(bed.told_truly(&worker, &build).await.status, BuildStatus::Canceling);
    bed.engine.pause(worker.instance_id, BUILDER, false);
    let ended = bed.build_end(&worker, &build).await;
    assert_eq!(
        (ended.status, ended.reason),
        (BuildStatus::Failed, Some(BuildReason::Timeout)),
        "{}",
        ended.message
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ends_no_build() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    for days in [30, -60, 30] {
        bed.clock.jump(days * 86_400_000);
        bed.engine.cut();
        bed.pass(Duration::from_mins(5)).await;
        assert_eq!(bed.build_now(build.number).await.status, BuildStatus::Running);
    }
    bed.engine.finish(worker.instance_id, build.id, 0);
    assert_eq!(bed.build_end(&worker, &build).await.status, BuildStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_for_hours_loses_no_build_and_no_line() {
    for fault in [Fault::Unreachable, Fault::Hangs] {
        let mut bed = Bed::start().await;
        let worker = bed.worker().await;
        let build = bed.build(&worker).await;
        bed.engine.fault(fault);
        bed.engine.print(worker.instance_id, build.id, 49);
        bed.pass(Duration::from_mins(70)).await;
        assert_eq!(
            bed.build_now(build.number).await.status,
            BuildStatus::Running,
            "{fault:?}"
        );
        assert_eq!(
            bed.worker_now(&worker.name).await.status,
            WorkerStatus::Running,
            "{fault:?}"
        );
        bed.restart(|bed| bed.engine.print(worker.instance_id, build.id, 50))
            .await;
        bed.pass(Duration::from_mins(10)).await;
        assert_eq!(
            bed.build_now(build.number).await.status,
            BuildStatus::Running,
            "{fault:?}"
        );
        bed.engine.fault(Fault::None);
        bed.until("the log has caught up", async || {
            (bed.build_now(build.number).await.lines == 100).then_some(())
        })
        .await;
        bed.engine.print(worker.instance_id, build.id, 10);
        bed.engine.finish(worker.instance_id, build.id, 0);
        let ended = bed.build_end(&worker, &build).await;
        assert_eq!(ended.status, BuildStatus::Succeeded, "{fault:?}: {}", ended.message);
        assert_eq!(lines(&bed.log(build.number).await), counted(110), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_break_again_and_again_lose_no_line() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    for _ in 0..20 {
        bed.engine.cut();
        bed.engine.print(worker.instance_id, build.id, 5);
        bed.pass(Duration::from_secs(2)).await;
        bed.engine.script("follow", Scripted::Breaks(""));
    }
    bed.engine.finish(worker.instance_id, build.id, 0);
    assert_eq!(bed.build_end(&worker, &build).await.status, BuildStatus::Succeeded);
    assert_eq!(lines(&bed.log(build.number).await), counted(101));
}

#[tokio::test(start_paused = true)]
async fn a_builder_that_has_ended_or_is_gone_ends_its_build() {
    for gone in [false, true] {
        let bed = Bed::start().await;
        let worker = bed.worker().await;
        let build = bed.build(&worker).await;
        if gone {
            bed.engine.vanish(worker.instance_id);
            bed.engine.cut();
        } else {
            bed.engine.end(worker.instance_id, BUILDER, 137);
        }
        let ended = bed.build_end(&worker, &build).await;
        assert_eq!(
            (ended.status, ended.reason),
            (BuildStatus::Failed, Some(BuildReason::BuilderLost)),
            "{}",
            ended.message
        );
        let worker = bed.worker_in(&worker.name, WorkerStatus::Failed).await;
        assert!(worker.reason.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_builder_that_was_restarted_without_the_build_ends_it() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.fault(Fault::Unreachable);
    bed.engine.end(worker.instance_id, BUILDER, 137);
    bed.engine.start_again(worker.instance_id, BUILDER);
    bed.engine.fault(Fault::None);
    let ended = bed.build_end(&worker, &build).await;
    assert_eq!(ended.reason, Some(BuildReason::BuilderLost), "{}", ended.message);
}

#[tokio::test(start_paused = true)]
async fn what_an_orphaned_build_has_left_is_killed_before_it_is_told_as_lost() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.orphan(worker.instance_id, build.id);
    let ended = bed.build_end(&worker, &build).await;
    assert_eq!(ended.reason, Some(BuildReason::BuilderLost), "{}", ended.message);
    assert_eq!(bed.engine.signals(worker.instance_id, build.id), ["KILL"]);
}

#[tokio::test(start_paused = true)]
async fn a_build_goes_on_when_only_the_primary_container_has_ended() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.end(worker.instance_id, ContainerRole::Primary, 1);
    bed.worker_in(&worker.name, WorkerStatus::Failed).await;
    bed.pass(Duration::from_mins(1)).await;
    assert_eq!(bed.told_truly(&worker, &build).await.status, BuildStatus::Running);
    bed.engine.finish(worker.instance_id, build.id, 0);
    assert_eq!(bed.build_end(&worker, &build).await.status, BuildStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_broke_off_begins_once() {
    let bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    // A connection that breaks while a follower looks for the build, and commands that fail for a while.
    bed.engine.cut();
    for _ in 0..3 {
        bed.engine.script(
            "follow",
            Scripted::Fails(prt_core::engine::EngineErrorKind::CannotStart),
        );
    }
    bed.pass(Duration::from_mins(1)).await;
    assert_eq!(bed.told_truly(&worker, &build).await.status, BuildStatus::Running);
    bed.engine.finish(worker.instance_id, build.id, 0);
    assert_eq!(bed.build_end(&worker, &build).await.status, BuildStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_cut_off_says_so() {
    let mut bed = Bed::start().await;
    let worker = bed.worker().await;
    let build = bed.build(&worker).await;
    bed.engine.print(worker.instance_id, build.id, 99);
    bed.engine.finish(worker.instance_id, build.id, 0);
    bed.build_end(&worker, &build).await;
    let whole = bed.log(build.number).await;
    assert_eq!((lines(&whole), notices(&whole)), (counted(100), vec![]));
    let file = bed.segment(&build);
    bed.restart(|_| {
        let text = std::fs::read(&file).unwrap();
        std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    })
    .await;
    let cut = bed.log(build.number).await;
    let left = lines(&cut);
    assert!(
        !left.is_empty() && left.len() < 100 && left == counted(left.len()),
        "{left:?}"
    );
    let missing = format!("{} of 100 lines are missing", 100 - left.len());
    assert!(
        notices(&cut).last().is_some_and(|last| last.contains(&missing)),
        "{:?}",
        notices(&cut)
    );
}

//! What may be deleted when it is old, and what may not.

use prt_types::{
    access::TokenScope,
    builds::BuildStatus,
    ids::{AuditId, BuildId, TokenId},
    retention::RetentionKind,
    workers::{WorkerEvent, WorkerStatus},
};

use super::{
    Stories,
    samples::{audit_row, build, token, user_with_worker, worker},
    write,
};
use crate::{
    clock::new_id,
    store::{ApiToken, AuditRow, Build, BuildsDue, IdempotencyKey, Repository, SessionRow, Worker},
};

const BEFORE: BuildsDue = BuildsDue {
    before_ms: Some(100),
    newest: None,
};

pub(super) async fn retention(stories: &Stories) {
    let store = stories.open("retention").await;
    let (ada, active) = user_with_worker(&store).await;
    let mut repo = write(&store).await;
    let ended = |number, ended_ms| Worker {
        status: WorkerStatus::Terminated,
        ended_ms: Some(ended_ms),
        ..worker(&ada, number)
    };
    let (old, used, young) = (ended(10, 50), ended(11, 50), ended(12, 150));
    for worker in [&old, &used, &young] {
        repo.worker_add(worker).await.unwrap();
    }
    let event = WorkerEvent {
        at_ms: 1,
        source: "console".into(),
        kind: "Ready".into(),
        message: "It answers.".into(),
    };
    for worker in [&active, &old, &young] {
        repo.worker_event_add(worker.id, &event).await.unwrap();
    }

    // Old ones that ended, a young one, one that runs, and one that is pinned.
    let with = |number, status, ended_ms| Build {
        status,
        ended_ms,
        created_ms: 1,
        ..build(&used, &ada, number)
    };
    let builds = [
        with(1, BuildStatus::Succeeded, Some(10)),
        with(2, BuildStatus::Failed, Some(20)),
        with(3, BuildStatus::Canceled, Some(200)),
        with(4, BuildStatus::Running, None),
        with(5, BuildStatus::Succeeded, Some(30)),
    ];
    for build in &builds {
        repo.build_add(build).await.unwrap();
    }
    let id = |number: usize| builds[number - 1].id;
    repo.build_pin(id(5), true).await.unwrap();
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(repo.stored(RetentionKind::Builds).await.unwrap().count, 5);
    assert!(repo.stored(RetentionKind::Builds).await.unwrap().bytes > 5 * 500);
    assert_eq!(repo.builds_due(BEFORE, 0).await.unwrap(), [id(1), id(2)]);
    assert_eq!(repo.builds_due(BEFORE, 1).await.unwrap(), [id(1)]);
    assert_eq!(repo.builds_size(BEFORE).await.unwrap().count, 2);
    let newest = |count| BuildsDue {
        before_ms: None,
        newest: Some(count),
    };
    // Of those that may go at all, the newest stay.
    assert_eq!(repo.builds_due(newest(1), 0).await.unwrap(), [id(1), id(2)]);
    assert_eq!(repo.builds_due(newest(2), 0).await.unwrap(), [id(1)]);
    assert_eq!(repo.builds_due(newest(0), 0).await.unwrap(), [id(1), id(2), id(3)]);
    assert_eq!(repo.builds_due(newest(3), 0).await.unwrap(), []);
    assert_eq!(repo.builds_due(BuildsDue::default(), 0).await.unwrap(), []);

    // A log goes once, and not from a build that runs or is pinned.
    assert_eq!(repo.build_logs_due(25, 0).await.unwrap(), [id(1), id(2)]);
    assert!(repo.build_log_deleted(id(1), 300).await.unwrap());
    for number in [4, 5] {
        assert!(!repo.build_log_deleted(id(number), 300).await.unwrap());
    }
    assert_eq!(repo.build_logs_due(25, 0).await.unwrap(), [id(2)]);
    let told = repo.build(id(1)).await.unwrap().unwrap();
    assert_eq!((told.log_deleted_ms, told.pinned), (Some(300), false));
    assert!(repo.build(id(5)).await.unwrap().unwrap().pinned);

    // An update of a build leaves both as they are.
    assert!(
        repo.build_update_from(&builds[4], &[BuildStatus::Succeeded])
            .await
            .unwrap()
    );
    assert!(repo.build(id(5)).await.unwrap().unwrap().pinned);

    // A worker stays while it is not terminated or a build of it is stored.
    assert_eq!(repo.due(RetentionKind::Workers, 100).await.unwrap().count, 1);
    assert_eq!(repo.due(RetentionKind::WorkerEvents, 100).await.unwrap().count, 1);
    assert_eq!(repo.delete_due(RetentionKind::WorkerEvents, 100, 10).await.unwrap(), 1);
    assert_eq!(repo.worker_events(active.id).await.unwrap().len(), 1);
    assert_eq!(repo.worker_events(young.id).await.unwrap().len(), 1);
    assert_eq!(repo.delete_due(RetentionKind::Workers, 100, 10).await.unwrap(), 1);
    assert_eq!(repo.worker(old.id).await.unwrap(), None);
    let unpinned = [id(1), id(2), id(4), id(5), BuildId(new_id())];
    assert_eq!(repo.builds_delete(&unpinned).await.unwrap(), 2);
    for (number, there) in [(1, false), (2, false), (3, true), (4, true), (5, true)] {
        assert_eq!(repo.build(id(number)).await.unwrap().is_some(), there, "build {number}");
    }
    assert_eq!(repo.delete_due(RetentionKind::Workers, i64::MAX, 10).await.unwrap(), 1);
    assert!(repo.worker(used.id).await.unwrap().is_some(), "its builds are stored");
    assert!(repo.worker(active.id).await.unwrap().is_some(), "it runs");
    assert_eq!(repo.delete_due(RetentionKind::Workers, i64::MAX, 10).await.unwrap(), 0);
    // What is gone gives no number back.
    assert_eq!(repo.build_next_number().await.unwrap(), 1, "numbers are the counter's");
    repo.build_pin(id(5), false).await.unwrap();
    assert_eq!(repo.builds_due(BEFORE, 0).await.unwrap(), [id(5)]);
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    expired(&mut *repo, &ada).await;
    repo.save().await.unwrap();
}

/// Kinds with a time of their own, in small portions.
async fn expired(repo: &mut dyn Repository, ada: &crate::store::User) {
    for at_ms in [10, 20, 30, 200] {
        let row = AuditRow {
            id: AuditId(new_id()),
            at_ms,
            ..audit_row("worker.create")
        };
        repo.audit_add(&row).await.unwrap();
        let key = IdempotencyKey {
            user_id: ada.id,
            key_hash: format!("{at_ms}"),
            request_sealed: vec![1],
            status: 201,
            body: "{}".into(),
            created_ms: at_ms,
        };
        repo.idempotency_put(&key).await.unwrap();
        let session = SessionRow {
            id: format!("s{at_ms}"),
            data: "{}".into(),
            expires_ms: at_ms,
        };
        repo.session_put(&session).await.unwrap();
        let token = ApiToken {
            id: TokenId(new_id()),
            expires_ms: Some(at_ms),
            scope: TokenScope::Full,
            ..token(ada, &format!("hash {at_ms}"))
        };
        repo.token_add(&token).await.unwrap();
    }
    let lasting = ApiToken {
        expires_ms: None,
        ..token(ada, "for ever")
    };
    repo.token_add(&lasting).await.unwrap();
    for (kind, all) in [
        (RetentionKind::Audit, 4),
        (RetentionKind::IdempotencyKeys, 4),
        (RetentionKind::Sessions, 4),
        (RetentionKind::Tokens, 5),
    ] {
        assert_eq!(repo.stored(kind).await.unwrap().count, all, "{kind:?}");
        let due = repo.due(kind, 100).await.unwrap();
        assert!(due.count == 3 && due.bytes > 0, "{kind:?}: {due:?}");
        assert_eq!(repo.delete_due(kind, 100, 2).await.unwrap(), 2, "{kind:?}");
        assert_eq!(repo.delete_due(kind, 100, 2).await.unwrap(), 1, "{kind:?}");
        assert_eq!(repo.delete_due(kind, 100, 2).await.unwrap(), 0, "{kind:?}");
        assert_eq!(repo.stored(kind).await.unwrap().count, all - 3, "{kind:?}");
    }
    assert!(repo.token_by_hash("for ever").await.unwrap().is_some());
    assert_eq!(repo.due(RetentionKind::NotebookLogins, 100).await.unwrap().count, 0);
}

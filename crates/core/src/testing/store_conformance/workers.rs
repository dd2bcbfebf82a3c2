//! Workers, their events and their numbers.

use std::collections::BTreeSet;

use prt_types::{
    build_config::{BuildConfigMode, BuildConfigState, Finding, Severity},
    ids::{UserId, WorkerId},
    worker_sizes::{Limits, SecurityContext},
    workers::{WorkerEvent, WorkerReason, WorkerStatus},
};
use tokio::task::JoinSet;

use super::{
    Stories,
    access::assert_unique,
    read,
    samples::{token, user, user_with_worker, worker},
    write,
};
use crate::{
    clock::new_id,
    security_contexts,
    store::{BuildServiceConfig, NotebookLogin, NotebookLoginKind, Worker, WorkerBuildConfig, WorkerFilter},
};

pub(super) async fn every_field(stories: &Stories) {
    let store = stories.open("workers").await;
    let (ada, stored) = user_with_worker(&store).await;
    let mut repo = write(&store).await;
    assert_eq!(stored.number, 1, "numbers begin with 1");
    assert_eq!(repo.worker(stored.id).await.unwrap(), Some(stored.clone()));
    assert_eq!(repo.worker_by_number(1).await.unwrap(), Some(stored.clone()));
    assert_eq!(repo.worker_by_number(2).await.unwrap(), None);
    assert_eq!(repo.worker(WorkerId(new_id())).await.unwrap(), None);

    let mut changed = Worker {
        image: "other".into(),
        image_digest: None,
        size: "Large".into(),
        size_id: None,
        limits: Limits::default(),
        security_context: SecurityContext::Own("own".into()),
        rights: security_contexts::built_in(&SecurityContext::Restricted).unwrap(),
        builder: false,
        builder_capacity: None,
        planned: vec![],
        status: WorkerStatus::Running,
        reason: None,
        message: String::new(),
        ready_ms: None,
        ended_ms: None,
        stop_reason: None,
        ..stored
    };
    repo.worker_update(&changed).await.unwrap();
    assert_eq!(repo.worker(changed.id).await.unwrap().as_ref(), Some(&changed));

    for status in [
        WorkerStatus::Provisioning,
        WorkerStatus::Running,
        WorkerStatus::Terminating,
        WorkerStatus::Terminated,
        WorkerStatus::Failed,
    ] {
        changed.status = status;
        changed.reason = (status == WorkerStatus::Failed).then_some(WorkerReason::OutOfMemory);
        repo.worker_update(&changed).await.unwrap();
        assert_eq!(repo.worker(changed.id).await.unwrap().as_ref(), Some(&changed));
        let live = repo
            .workers(&WorkerFilter {
                live_only: true,
                ..WorkerFilter::default()
            })
            .await
            .unwrap();
        assert_eq!(live.len(), usize::from(status.is_live()), "{status:?}");
    }
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    repo.worker_update(&worker(&ada, 9)).await.expect_err("no such worker");
    drop(repo);
    let mut repo = write(&store).await;
    assert_unique(&repo.worker_add(&worker(&ada, 1)).await.unwrap_err(), "worker number");
    drop(repo);
    let mut repo = write(&store).await;
    repo.worker_add(&worker(&user("nobody"), 9))
        .await
        .expect_err("no such owner");
}

pub(super) async fn lists(stories: &Stories) {
    let store = stories.open("worker_lists").await;
    let (ada, first) = user_with_worker(&store).await;
    let bob = user("bob");
    let mut repo = write(&store).await;
    repo.user_add(&bob).await.unwrap();
    let ended = Worker {
        status: WorkerStatus::Terminated,
        ..worker(&ada, 2)
    };
    // Numbers with one, two and three digits: sorted as numbers.
    let (of_bob, latest) = (worker(&bob, 10), worker(&ada, 100));
    for one in [&latest, &ended, &of_bob] {
        repo.worker_add(one).await.unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = read(&store).await;
    let mut numbers = async |owner: Option<UserId>, live_only, limit| -> Vec<i64> {
        let workers = repo
            .workers(&WorkerFilter {
                owner,
                live_only,
                limit,
            })
            .await
            .unwrap();
        workers.into_iter().map(|worker| worker.number).collect()
    };
    assert_eq!(first.number, 1);
    assert_eq!(numbers(None, false, 0).await, [100, 10, 2, 1], "newest first");
    assert_eq!(numbers(None, true, 0).await, [100, 10, 1]);
    assert_eq!(numbers(Some(ada.id), false, 0).await, [100, 2, 1]);
    assert_eq!(numbers(Some(ada.id), true, 1).await, [100]);
    assert_eq!(numbers(Some(bob.id), true, 5).await, [10]);
    assert_eq!(numbers(Some(UserId(new_id())), false, 0).await, [0; 0]);
}

pub(super) async fn events(stories: &Stories) {
    let store = stories.open("worker_events").await;
    let (ada, first) = user_with_worker(&store).await;
    let event = |at_ms: i64| WorkerEvent {
        at_ms,
        source: "primary".into(),
        kind: "Started".into(),
        message: format!("event {at_ms}"),
    };
    let mut repo = write(&store).await;
    let second = worker(&ada, 2);
    repo.worker_add(&second).await.unwrap();
    repo.worker_event_add(second.id, &event(7)).await.unwrap();
    // The same moment, and a clock that was set back: the order is that of adding.
    let added: Vec<_> = [5, 5, 3].map(event).into();
    for one in &added {
        repo.worker_event_add(first.id, one).await.unwrap();
    }
    assert_eq!(repo.worker_events(first.id).await.unwrap(), added);
    for at_ms in 1000..1600 {
        repo.worker_event_add(first.id, &event(at_ms)).await.unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    let events = repo.worker_events(first.id).await.unwrap();
    assert_eq!(
        (events.len(), events[0].at_ms, events[499].at_ms),
        (500, 1100, 1599),
        "the last 500, oldest first"
    );
    assert_eq!(repo.worker_events(second.id).await.unwrap(), [event(7)]);
    assert_eq!(repo.worker_events(WorkerId(new_id())).await.unwrap(), []);
    repo.worker_event_add(WorkerId(new_id()), &event(1))
        .await
        .expect_err("no such worker");
}

/// Many at once ask for numbers; some of them give up.
pub(super) async fn numbers_under_concurrency(stories: &Stories) {
    let store = stories.open("numbers").await;
    let mut tasks = JoinSet::new();
    for task in 0..24 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut given = Vec::new();
            for round in 0..5 {
                let mut repo = write(&store).await;
                let numbers = (
                    repo.worker_next_number().await.unwrap(),
                    repo.build_next_number().await.unwrap(),
                );
                if (task + round) % 3 == 0 {
                    drop(repo);
                } else {
                    repo.save().await.unwrap();
                    given.push(numbers);
                }
            }
            given
        });
    }
    let given: Vec<(i64, i64)> = tasks.join_all().await.concat();
    let workers: BTreeSet<i64> = given.iter().map(|(worker, _)| *worker).collect();
    let builds: BTreeSet<i64> = given.iter().map(|(_, build)| *build).collect();
    assert_eq!(
        (workers.len(), builds.len()),
        (given.len(), given.len()),
        "no number twice"
    );
    assert_eq!(given.len(), 80);
    assert_eq!(workers.last(), Some(&80), "and none left out");
    // A number that another database has given.
    let mut repo = write(&store).await;
    assert_eq!(repo.worker_last_number().await.unwrap(), 80);
    repo.worker_number_reserve(90).await.unwrap();
    repo.worker_number_reserve(85).await.unwrap();
    assert_eq!(repo.worker_last_number().await.unwrap(), 90);
    assert_eq!(repo.worker_next_number().await.unwrap(), 91);
}

pub(super) async fn build_configs(stories: &Stories) {
    let store = stories.open("build_configs").await;
    let (_, worker) = user_with_worker(&store).await;
    let mut repo = write(&store).await;
    assert_eq!(repo.build_config(worker.id).await.unwrap(), None);
    let mut config = WorkerBuildConfig {
        worker_id: worker.id,
        state: BuildConfigState::Waiting,
        message: "Waits for the end of build #1.".into(),
        active: BuildServiceConfig::default(),
        pending: Some(BuildServiceConfig {
            mode: BuildConfigMode::Full,
            insecure_registries: vec!["a".into(), "b:5000".into()],
            config_content: Some("gc = \"ä\"\n".into()),
            text: "# made\n".into(),
        }),
        findings: vec![Finding {
            severity: Severity::Warning,
            line: Some(3),
            column: None,
            path: "gc".into(),
            message: "word".into(),
        }],
        revision: 1,
        updated_ms: 5,
        updated_by: "ada".into(),
    };
    repo.build_config_put(&config).await.unwrap();
    assert_eq!(repo.build_config(worker.id).await.unwrap(), Some(config.clone()));
    assert_eq!(repo.build_configs_changing().await.unwrap(), [config.clone()]);
    config.active = config.pending.take().unwrap();
    config.state = BuildConfigState::Active;
    config.findings.clear();
    config.revision = 2;
    repo.build_config_put(&config).await.unwrap();
    assert_eq!(repo.build_config(worker.id).await.unwrap(), Some(config));
    assert_eq!(repo.build_configs_changing().await.unwrap(), []);
    repo.save().await.unwrap();
}

pub(super) async fn notebook_logins(stories: &Stories) {
    use NotebookLoginKind::{Browser, Link};

    let store = stories.open("notebook_logins").await;
    let (ada, worker) = user_with_worker(&store).await;
    let mut repo = write(&store).await;
    let login = |hash: &str, kind, expires_ms| NotebookLogin {
        hash: hash.into(),
        kind,
        worker_id: worker.id,
        user_id: ada.id,
        token_id: None,
        dark: kind == Link,
        expires_ms,
    };
    for login in [login("a", Link, 10), login("b", Browser, 100), login("c", Browser, 5)] {
        repo.notebook_login_add(&login).await.unwrap();
    }
    assert_eq!(
        repo.notebook_login("a", Browser, 1).await.unwrap(),
        None,
        "a link is no browser"
    );
    assert_eq!(
        repo.notebook_login_take("a", Link, 10).await.unwrap(),
        None,
        "it is over"
    );
    assert_eq!(
        repo.notebook_login_take("a", Link, 9).await.unwrap(),
        Some(login("a", Link, 10))
    );
    assert_eq!(
        repo.notebook_login_take("a", Link, 9).await.unwrap(),
        None,
        "it works once"
    );
    assert_eq!(
        repo.notebook_login("b", Browser, 99).await.unwrap(),
        Some(login("b", Browser, 100))
    );
    repo.notebook_logins_sweep(5).await.unwrap();
    assert_eq!(repo.notebook_login("c", Browser, 0).await.unwrap(), None);
    assert_eq!(repo.notebook_logins_of(ada.id).await.unwrap(), 1);

    let token = token(&ada, "visits");
    repo.token_add(&token).await.unwrap();
    let visit = NotebookLogin {
        token_id: Some(token.id),
        ..login("d", Browser, 100)
    };
    repo.notebook_login_add(&visit).await.unwrap();
    assert_eq!(repo.notebook_login("d", Browser, 1).await.unwrap(), Some(visit));
    assert!(repo.token_remove(ada.id, token.id).await.unwrap());
    assert_eq!(
        repo.notebook_login("d", Browser, 1).await.unwrap(),
        None,
        "it ends with the token"
    );
    repo.save().await.unwrap();
}

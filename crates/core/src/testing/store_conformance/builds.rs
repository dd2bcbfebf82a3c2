//! Builds: their fields, their lists, and an end that happens once.

use prt_types::{
    access::Door,
    builds::{BuildOptions, BuildReason, BuildStatus},
    ids::{BuildId, WorkerId},
};
use tokio::task::JoinSet;

use super::{
    Stories,
    access::assert_unique,
    read,
    samples::{build, user, user_with_worker, worker},
    write,
};
use crate::{
    clock::new_id,
    store::{Build, BuildFilter},
};

const ALL: [BuildStatus; 6] = [
    BuildStatus::Pending,
    BuildStatus::Running,
    BuildStatus::Canceling,
    BuildStatus::Succeeded,
    BuildStatus::Failed,
    BuildStatus::Canceled,
];
const ACTIVE: [BuildStatus; 3] = [BuildStatus::Pending, BuildStatus::Running, BuildStatus::Canceling];

pub(super) async fn every_field(stories: &Stories) {
    let store = stories.open("builds").await;
    let (ada, worker) = user_with_worker(&store).await;
    let bob = user("bob");
    let mut repo = write(&store).await;
    repo.user_add(&bob).await.unwrap();
    let stored = build(&worker, &bob, repo.build_next_number().await.unwrap());
    repo.build_add(&stored).await.unwrap();
    assert_eq!(stored.number, 1, "apart from the numbers of workers");
    assert_eq!(
        repo.build(stored.id).await.unwrap(),
        Some(stored.clone()),
        "its owner need not be the worker's"
    );
    assert_eq!(repo.build_by_number(1).await.unwrap(), Some(stored.clone()));
    assert_eq!(repo.build_by_number(2).await.unwrap(), None);
    assert_eq!(repo.build(BuildId(new_id())).await.unwrap(), None);

    let mut changed = Build {
        door: Door::System,
        name: "n".into(),
        tag: "t".into(),
        push_image: false,
        build_args: [].into(),
        credentials: vec![],
        credentials_sealed: None,
        insecure_registry: false,
        no_cache: false,
        context_id: String::new(),
        context: String::new(),
        dockerfile: String::new(),
        options: BuildOptions::default(),
        additional_build_params: String::new(),
        custom_build_command: String::new(),
        dockerfile_text: String::new(),
        status: BuildStatus::Running,
        reason: None,
        message: String::new(),
        step: None,
        digest: None,
        rerun_of: None,
        cancel_requested: false,
        started_ms: None,
        ended_ms: None,
        steps: 0,
        steps_cached: 0,
        lines: 0,
        ..stored.clone()
    };
    assert!(repo.build_update_from(&changed, &[BuildStatus::Pending]).await.unwrap());
    assert_eq!(repo.build(stored.id).await.unwrap().as_ref(), Some(&changed));
    for status in ALL {
        changed.status = status;
        changed.reason = (status == BuildStatus::Failed).then_some(BuildReason::BuildKitError);
        assert!(repo.build_update_from(&changed, &ALL).await.unwrap());
        assert_eq!(repo.build(stored.id).await.unwrap().as_ref(), Some(&changed));
        let active = repo.build_active(worker.id).await.unwrap();
        assert_eq!(active.is_none(), status.is_final(), "{status:?}");
    }
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    let same_number = Build {
        status: BuildStatus::Failed,
        ..build(&worker, &ada, 1)
    };
    assert_unique(&repo.build_add(&same_number).await.unwrap_err(), "build number");
}

pub(super) async fn lists(stories: &Stories) {
    let store = stories.open("build_lists").await;
    let (ada, first) = user_with_worker(&store).await;
    let bob = user("bob");
    let mut repo = write(&store).await;
    repo.user_add(&bob).await.unwrap();
    let second = worker(&bob, 2);
    repo.worker_add(&second).await.unwrap();
    for (worker, owner, number, status) in [
        (&first, &ada, 1, BuildStatus::Succeeded),
        (&first, &ada, 2, BuildStatus::Failed),
        (&second, &ada, 9, BuildStatus::Canceled),
        (&second, &bob, 10, BuildStatus::Failed),
        (&second, &bob, 100, BuildStatus::Running),
        (&first, &ada, 101, BuildStatus::Pending),
    ] {
        repo.build_add(&Build {
            status,
            ..build(worker, owner, number)
        })
        .await
        .unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = read(&store).await;
    let mut numbers = async |filter: BuildFilter| -> Vec<i64> {
        repo.builds(&filter)
            .await
            .unwrap()
            .into_iter()
            .map(|build| build.number)
            .collect()
    };
    let any = BuildFilter::default;
    assert_eq!(numbers(any()).await, [101, 100, 10, 9, 2, 1], "newest first");
    assert_eq!(numbers(BuildFilter { limit: 2, ..any() }).await, [101, 100]);
    assert_eq!(
        numbers(BuildFilter {
            before: Some(10),
            limit: 2,
            ..any()
        })
        .await,
        [9, 2],
        "the next page"
    );
    assert_eq!(
        numbers(BuildFilter {
            owner: Some(ada.id),
            ..any()
        })
        .await,
        [101, 9, 2, 1]
    );
    assert_eq!(
        numbers(BuildFilter {
            worker: Some(second.id),
            ..any()
        })
        .await,
        [100, 10, 9]
    );
    assert_eq!(
        numbers(BuildFilter {
            status: Some(BuildStatus::Failed),
            ..any()
        })
        .await,
        [10, 2]
    );
    assert_eq!(
        numbers(BuildFilter {
            active_only: true,
            ..any()
        })
        .await,
        [101, 100]
    );
    let all_at_once = BuildFilter {
        owner: Some(bob.id),
        worker: Some(second.id),
        status: Some(BuildStatus::Running),
        active_only: true,
        before: Some(101),
        limit: 5,
    };
    assert_eq!(numbers(all_at_once).await, [100]);
    let never = BuildFilter {
        status: Some(BuildStatus::Failed),
        active_only: true,
        ..any()
    };
    assert_eq!(numbers(never).await, [0; 0]);

    assert_eq!(
        repo.build_active(first.id).await.unwrap().map(|build| build.number),
        Some(101)
    );
    assert_eq!(repo.build_active(WorkerId(new_id())).await.unwrap(), None);
}

/// Twelve ask at once; the check and the row of the winner cannot be apart.
pub(super) async fn one_active_build_a_worker(stories: &Stories) {
    let store = stories.open("active_build").await;
    let (ada, worker) = user_with_worker(&store).await;
    let mut tasks = JoinSet::new();
    for _ in 0..12 {
        let (store, ada, worker) = (store.clone(), ada.clone(), worker.clone());
        tasks.spawn(async move {
            let mut repo = write(&store).await;
            let number = repo.build_next_number().await.unwrap();
            match repo.build_add(&build(&worker, &ada, number)).await {
                Ok(()) => repo.save().await.map(|()| true).unwrap(),
                Err(error) => {
                    assert_unique(&error, "worker's builder");
                    false
                }
            }
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|won| *won).count(), 1);

    let mut repo = write(&store).await;
    let mut active = repo.build_active(worker.id).await.unwrap().unwrap();
    assert_eq!(active.number, 1, "the losers' numbers were given back");
    active.status = BuildStatus::Canceled;
    assert!(repo.build_update_from(&active, &ACTIVE).await.unwrap());
    repo.build_add(&build(&worker, &ada, 2))
        .await
        .expect("the builder is free again");
    repo.save().await.unwrap();

    // Nor can an ended one come back beside it.
    let mut repo = write(&store).await;
    active.status = BuildStatus::Running;
    let error = repo.build_update_from(&active, &ALL).await.unwrap_err();
    assert_unique(&error, "worker's builder");
}

pub(super) async fn end_once(stories: &Stories) {
    let store = stories.open("end_once").await;
    let (ada, worker) = user_with_worker(&store).await;
    let stored = build(&worker, &ada, 1);
    let succeeded = Build {
        status: BuildStatus::Succeeded,
        message: "built".into(),
        ..stored.clone()
    };
    let canceled = Build {
        status: BuildStatus::Canceled,
        message: "too late".into(),
        ..stored.clone()
    };
    let mut repo = write(&store).await;
    repo.build_add(&stored).await.unwrap();
    assert!(!repo.build_update_from(&succeeded, &[]).await.unwrap(), "from nowhere");
    assert!(
        !repo
            .build_update_from(&succeeded, &[BuildStatus::Running])
            .await
            .unwrap(),
        "it is Pending"
    );
    assert!(repo.build_update_from(&succeeded, &ACTIVE).await.unwrap());
    assert!(!repo.build_update_from(&canceled, &ACTIVE).await.unwrap());
    repo.save().await.unwrap();
    assert_eq!(read(&store).await.build(stored.id).await.unwrap(), Some(succeeded));
    let mut repo = write(&store).await;
    let unknown = Build {
        id: BuildId(new_id()),
        ..canceled
    };
    assert!(!repo.build_update_from(&unknown, &ALL).await.unwrap());
}

/// The runner, the timeout, the cancel button and the repair job all want to end it.
pub(super) async fn end_once_under_concurrency(stories: &Stories) {
    let store = stories.open("end_race").await;
    let beside = stories.open("end_race").await;
    let (ada, worker) = user_with_worker(&store).await;
    for number in 1..=5 {
        let stored = build(&worker, &ada, number);
        let mut repo = write(&store).await;
        repo.build_add(&stored).await.unwrap();
        repo.save().await.unwrap();
        let mut tasks = JoinSet::new();
        for contender in 0..12 {
            let store = if contender % 2 == 0 {
                store.clone()
            } else {
                beside.clone()
            };
            let status = [BuildStatus::Succeeded, BuildStatus::Failed, BuildStatus::Canceled][contender % 3];
            let ended = Build {
                status,
                message: format!("contender {contender}"),
                ..stored.clone()
            };
            tasks.spawn(async move {
                let mut repo = write(&store).await;
                let won = repo.build_update_from(&ended, &ACTIVE).await.unwrap();
                repo.save().await.unwrap();
                won.then_some(ended)
            });
        }
        let winners: Vec<Build> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "it ends once");
        assert_eq!(
            read(&store).await.build(stored.id).await.unwrap().as_ref(),
            winners.first()
        );
    }
}

/// Reading, changing and writing back within one transaction loses nothing of others, who may also be another console.
pub(super) async fn no_lost_update(stories: &Stories) {
    let store = stories.open("lost_update").await;
    let beside = stories.open("lost_update").await;
    let (ada, worker) = user_with_worker(&store).await;
    let stored = Build {
        lines: 0,
        ..build(&worker, &ada, 1)
    };
    let mut repo = write(&store).await;
    repo.build_add(&stored).await.unwrap();
    repo.save().await.unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let store = if number % 2 == 0 { store.clone() } else { beside.clone() };
        let id = stored.id;
        tasks.spawn(async move {
            let mut repo = write(&store).await;
            let mut build = repo.build(id).await.unwrap().unwrap();
            // Room for the others to come in between.
            tokio::task::yield_now().await;
            build.lines += 1;
            assert!(repo.build_update_from(&build, &ACTIVE).await.unwrap());
            repo.save().await.unwrap();
        });
    }
    tasks.join_all().await;
    assert_eq!(read(&store).await.build(stored.id).await.unwrap().unwrap().lines, 16);
}

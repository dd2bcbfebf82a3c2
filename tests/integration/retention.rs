//! What is older than its rule is deleted, by hand and with the words for who looks for it.

use std::process::Command;

use prt_types::{
    ErrorCode,
    audit::Outcome,
    builds::{BuildStatus, BuildView},
    retention::{RetentionKind, RetentionRun},
    workers::WorkerStatus,
};

use crate::helpers::{ADMIN_PASSWORD, Cli, Console, builder_worker};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Lets a build have ended so many days before it did.
fn age(console: &Console, build: &BuildView, days: i64) {
    const SET: &str = "import sqlite3, sys\n\
                       db = sqlite3.connect(sys.argv[1], timeout=30)\n\
                       db.execute('UPDATE builds SET ended_ms = ended_ms - ? WHERE number = ?', (sys.argv[2], sys.argv[3]))\n\
                       db.commit()\n";
    let done = Command::new("python3")
        .args(["-c", SET])
        .arg(console.data().join("console.db"))
        .args([(days * DAY_MS).to_string(), build.number.to_string()])
        .status()
        .expect("python3 runs");
    assert!(done.success());
}

fn counts(run: &RetentionRun) -> Vec<(RetentionKind, i64)> {
    run.deleted.iter().map(|one| (one.kind, one.amount.count)).collect()
}

#[tokio::test]
async fn old_builds_and_logs_go_and_pinned_ones_stay() {
    let env = [
        ("PRT_DATABASE_URL", ""),
        ("PRT_RETENTION_LOGS_DAYS", "30"),
        ("PRT_RETENTION_BUILDS_DAYS", "300"),
    ];
    let console = Console::start_with(&env).await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Small")).await;
    console
        .dockerfile(&admin, &worker.name, "FROM scratch\nCOPY Dockerfile /\n")
        .await;
    let mut request = console.build_request(&worker.name, "old", "1");
    request.push_image = false;
    let mut builds = vec![];
    for _ in 0..4 {
        let build = admin.build_create(&request).await.unwrap();
        let build = console.build_end(&admin, build.number).await;
        assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
        builds.push(build);
    }
    let [young, no_log, gone, pinned] = &builds[..] else {
        panic!("{builds:?}")
    };
    let ended = young.ended_ms.unwrap();
    assert_eq!(
        (young.log_expires_ms, young.expires_ms),
        (Some(ended + 30 * DAY_MS), Some(ended + 300 * DAY_MS))
    );
    let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);
    let run = |args: &[&str]| {
        let done = cli.run(args, "");
        let words = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8_lossy(&words).into_owned())
    };
    let (code, words) = run(&["builds", "pin", &pinned.number.to_string()]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("is pinned"), "{words}");
    age(&console, no_log, 31);
    age(&console, gone, 301);
    age(&console, pinned, 1000);
    let folder = |build: &BuildView| console.data().join(format!("build-logs/{}", build.id));

    // Looked at, by REST and by the command line.
    let view = admin.retention().await.unwrap();
    let due = |kind| view.rules.iter().find(|rule| rule.kind == kind).unwrap().due;
    assert_eq!(
        (due(RetentionKind::Builds).count, due(RetentionKind::BuildLogs).count),
        (1, 2)
    );
    assert!(due(RetentionKind::BuildLogs).bytes > 0);
    let (code, words) = run(&["retention", "show"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(
        words.contains("300 days after the end") && words.contains("Build logs"),
        "{words}"
    );
    let (code, words) = run(&["retention", "run", "--dry-run"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("WOULD GO"), "{words}");
    for build in &builds {
        assert!(folder(build).exists(), "a dry run deletes nothing");
    }
    let user = console.user("alice", &[]).await;
    assert_eq!(user.retention().await.unwrap_err().code(), Some(ErrorCode::Forbidden));
    assert_eq!(
        user.retention_run(false).await.unwrap_err().code(),
        Some(ErrorCode::Forbidden)
    );

    let done = admin.retention_run(false).await.unwrap();
    assert_eq!(
        counts(&done),
        [(RetentionKind::Builds, 1), (RetentionKind::BuildLogs, 2)]
    );
    assert_eq!(counts(&admin.retention_run(false).await.unwrap()), []);
    assert!(folder(young).exists() && folder(pinned).exists());
    assert!(!folder(no_log).exists() && !folder(gone).exists());

    // The record without its log says so, by every entry point.
    let told = admin.build(no_log.number).await.unwrap();
    assert!(told.log_deleted_ms.is_some() && told.status == BuildStatus::Succeeded);
    let refused = admin.build_records(no_log.number, 0, None).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Gone), "{refused:?}");
    let status = reqwest::Client::builder()
        .build()
        .unwrap()
        .get(format!("{}/api/v1/builds/{}/log", console.url, no_log.number))
        .bearer_auth(console.token("admin", ADMIN_PASSWORD).await.expose())
        .send()
        .await
        .unwrap()
        .status();
    assert_eq!(status, 410);
    for args in [
        &["builds", "logs", "2"][..],
        &["builds", "logs", "2", "--follow"],
        &["builds", "logs", "2", "--output", "json"],
    ] {
        let (code, words) = run(args);
        assert_eq!(code, Some(1), "{args:?}: {words}");
        assert!(
            words.contains("The log of build #2 was deleted: logs are stored for 30 days after the end of a build."),
            "{args:?}: {words}"
        );
    }
    let missing = admin.build(gone.number).await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::NotFound), "{missing:?}");
    let kept = admin.build(pinned.number).await.unwrap();
    assert!(kept.pinned && kept.log_expires_ms.is_none());
    assert!(!admin.build_records(pinned.number, 0, None).await.unwrap().is_empty());

    // Recorded, and nothing of what runs is touched; numbers go on.
    let rows = admin.audit(Some(100), None).await.unwrap();
    let of_runs = rows.iter().filter(|row| row.action == "retention.run");
    let recorded: Vec<_> = of_runs.filter(|row| row.outcome == Outcome::Done).collect();
    assert_eq!(
        recorded.iter().map(|row| row.details.as_str()).collect::<Vec<_>>(),
        [r#"{"build_logs":2,"builds":1}"#]
    );
    assert_eq!(admin.worker(&worker.name).await.unwrap().status, WorkerStatus::Running);
    let next = admin.build_create(&request).await.unwrap();
    assert_eq!(next.number, pinned.number + 1);
    console.build_end(&admin, next.number).await;
}

//! What holds for every transaction, and the data without a story of its own: settings, audit rows, text.

use std::{sync::Arc, time::Duration};

use prt_types::{audit::Outcome, ids::AuditId};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use super::{
    Stories,
    access::assert_unique,
    read,
    samples::{audit_row, build, user, user_with_worker},
    write,
};
use crate::{
    clock::new_id,
    store::{AuditRow, IdempotencyKey, SessionRow, Store, StoreError},
};

/// Long enough for a busy machine; only a failure waits for it.
const SOON: Duration = Duration::from_secs(8);

async fn setting(store: &Arc<dyn Store>, key: &str) -> Option<String> {
    read(store).await.setting(key).await.unwrap()
}

pub(super) async fn a_dropped_transaction_leaves_nothing(stories: &Stories) {
    let store = stories.open("dropped").await;
    let ada = user("ada");
    let mut repo = write(&store).await;
    repo.user_add(&ada).await.unwrap();
    repo.setting_put("k", "v").await.unwrap();
    assert_eq!(repo.worker_next_number().await.unwrap(), 1);
    assert_eq!(
        repo.user(ada.id).await.unwrap(),
        Some(ada.clone()),
        "it sees its own changes"
    );
    assert_eq!(setting(&store, "k").await, None, "nobody else does");
    drop(repo);

    assert_eq!(setting(&store, "k").await, None);
    let mut repo = write(&store).await;
    assert_eq!(repo.user(ada.id).await.unwrap(), None);
    assert_eq!(repo.worker_next_number().await.unwrap(), 1);
    repo.user_add(&ada).await.expect("its name is free");
}

/// What a failed call means for the calls before it is the same everywhere: nothing of the transaction counts.
pub(super) async fn a_failed_call_ends_the_transaction(stories: &Stories) {
    let store = stories.open("failed_call").await;
    let mut repo = write(&store).await;
    repo.user_add(&user("ada")).await.unwrap();
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    repo.setting_put("k", "v").await.unwrap();
    assert_unique(&repo.user_add(&user("ada")).await.unwrap_err(), "login name");
    assert!(matches!(repo.setting("k").await, Err(StoreError::Other(_))));
    assert!(
        matches!(repo.save().await, Err(StoreError::Other(_))),
        "it cannot be saved"
    );
    assert_eq!(setting(&store, "k").await, None);
    write(&store)
        .await
        .setting_put("k", "w")
        .await
        .expect("the next transaction is a fresh one");
}

/// A writer that was not let in leaves nothing behind that is in the way of the next one.
pub(super) async fn a_busy_writer_is_no_lasting_harm(stories: &Stories) {
    let store = stories.open("busy_writer").await;
    // Another console's, so that they meet in the database.
    let other = stories.open("busy_writer").await;
    let writing = write(&store).await;
    let refused = other.write().await.err().expect("there is a writer");
    assert!(matches!(refused, StoreError::Busy(_)), "{refused:?}");
    drop(writing);
    let mut repo = write(&other).await;
    repo.setting_put("k", "v").await.unwrap();
    repo.save().await.unwrap();
    assert_eq!(setting(&store, "k").await.as_deref(), Some("v"));
}

pub(super) async fn readers_see_one_state(stories: &Stories) {
    let store = stories.open("snapshot").await;
    let mut repo = write(&store).await;
    repo.setting_put("a", "1").await.unwrap();
    repo.setting_put("b", "1").await.unwrap();
    repo.save().await.unwrap();

    let mut reader = read(&store).await;
    assert_eq!(reader.setting("a").await.unwrap().as_deref(), Some("1"));
    let mut repo = write(&store).await;
    repo.setting_put("a", "2").await.unwrap();
    repo.setting_put("b", "2").await.unwrap();
    repo.save().await.unwrap();
    assert_eq!(
        reader.setting("b").await.unwrap().as_deref(),
        Some("1"),
        "as when it began to read"
    );
    drop(reader);
    assert_eq!(
        setting(&store, "b").await.as_deref(),
        Some("2"),
        "a new reader sees what was saved"
    );
}

pub(super) async fn readers_cannot_write(stories: &Stories) {
    let store = stories.open("read_only").await;
    let mut reader = read(&store).await;
    reader.setting_put("k", "v").await.expect_err("it only reads");
    drop(reader);
    read(&store).await.save().await.expect("the end of a reader");
    assert_eq!(setting(&store, "k").await, None);
}

pub(super) async fn a_writer_may_read_apart(stories: &Stories) {
    let store = stories.open("read_apart").await;
    let mut writer = write(&store).await;
    writer.setting_put("k", "v").await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        tasks.spawn(async move { setting(&store, "k").await });
    }
    let seen = timeout(SOON, tasks.join_all())
        .await
        .expect("readers wait for no writer");
    assert!(seen.iter().all(Option::is_none));
    writer.save().await.unwrap();
    assert_eq!(setting(&store, "k").await.as_deref(), Some("v"));
}

pub(super) async fn writers_wait_in_line(stories: &Stories) {
    let store = stories.open("in_line").await;
    let first = write(&store).await;
    let (ready, mut order) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for number in 0..10 {
        let (store, ready) = (store.clone(), ready.clone());
        tasks.spawn(async move {
            let mut repo = write(&store).await;
            ready.send(number).unwrap();
            repo.setting_put("last", &number.to_string()).await.unwrap();
            repo.save().await.unwrap();
        });
    }
    assert!(
        timeout(Duration::from_millis(100), order.recv()).await.is_err(),
        "one writer at a time"
    );
    first.save().await.unwrap();
    timeout(SOON, tasks.join_all()).await.expect("nobody waits for ever");
    let mut got = Vec::new();
    while let Ok(number) = order.try_recv() {
        got.push(number);
    }
    assert_eq!(got.len(), 10);
    assert_eq!(
        setting(&store, "last").await,
        got.last().map(ToString::to_string),
        "the last in line wrote last"
    );
}

/// A browser that hangs up drops its request in the middle of anything.
pub(super) async fn a_canceled_waiter_harms_nobody(stories: &Stories) {
    let store = stories.open("canceled").await;
    for round in 0..20 {
        let store_of_task = store.clone();
        let task = tokio::spawn(async move {
            loop {
                let mut repo = write(&store_of_task).await;
                repo.setting_put("k", "canceled").await.unwrap();
                repo.worker_next_number().await.unwrap();
                drop(repo);
            }
        });
        tokio::time::sleep(Duration::from_millis(round % 7)).await;
        task.abort();
        let _ = task.await;
        let mut repo = timeout(SOON, store.write()).await.expect("the writer is free").unwrap();
        assert_eq!(repo.setting("k").await.unwrap(), None);
        assert_eq!(repo.worker_next_number().await.unwrap(), 1);
    }
}

pub(super) async fn rows_survive_reopening(stories: &Stories) {
    let store = stories.open("reopening").await;
    let (ada, worker) = user_with_worker(&store).await;
    let stored = build(&worker, &ada, 1);
    let mut repo = write(&store).await;
    repo.build_add(&stored).await.unwrap();
    repo.save().await.unwrap();

    // Beside the first, as two consoles, and after it.
    let beside = stories.open("reopening").await;
    assert_eq!(
        read(&beside).await.build(stored.id).await.unwrap().as_ref(),
        Some(&stored)
    );
    let mut repo = write(&beside).await;
    assert_eq!(repo.worker_next_number().await.unwrap(), 2);
    repo.save().await.unwrap();
    drop(store);
    drop(beside);
    let after = stories.open("reopening").await;
    let mut repo = write(&after).await;
    assert_eq!(repo.worker(worker.id).await.unwrap(), Some(worker));
    assert_eq!(repo.build(stored.id).await.unwrap(), Some(stored));
    assert_eq!(repo.worker_next_number().await.unwrap(), 3);
}

pub(super) async fn settings(stories: &Stories) {
    let store = stories.open("settings").await;
    let mut repo = write(&store).await;
    assert_eq!(repo.setting("k").await.unwrap(), None);
    repo.setting_put("k", "1").await.unwrap();
    repo.setting_put("k", "2").await.unwrap();
    repo.setting_put("empty", "").await.unwrap();
    repo.save().await.unwrap();
    assert_eq!(setting(&store, "k").await.as_deref(), Some("2"));
    assert_eq!(
        setting(&store, "empty").await.as_deref(),
        Some(""),
        "empty is not absent"
    );
    assert_eq!(setting(&store, "K").await, None);
}

/// Ids carry the order: rows of one millisecond stay apart, and paging neither repeats nor skips.
pub(super) async fn audit(stories: &Stories) {
    let store = stories.open("audit").await;
    let rows: Vec<AuditRow> = (0..25).map(|number| audit_row(&format!("action {number}"))).collect();
    let mut repo = write(&store).await;
    for row in &rows[..5] {
        repo.audit_add(row).await.unwrap();
    }
    repo.save().await.unwrap();
    let mut repo = write(&store).await;
    for row in rows[5..].iter().rev() {
        repo.audit_add(row).await.unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = read(&store).await;
    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = repo.audit(before, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        paged.extend(page);
    }
    paged.reverse();
    assert_eq!(paged, rows);
    assert_eq!(repo.audit(None, 0).await.unwrap(), []);
    assert_eq!(repo.audit(Some(AuditId(new_id())), 3).await.unwrap().len(), 3);
    drop(repo);

    let mut repo = write(&store).await;
    let done = AuditRow {
        outcome: Outcome::Done,
        ..audit_row("late")
    };
    repo.audit_add(&done).await.unwrap();
    assert_eq!(repo.audit(None, 1).await.unwrap(), std::slice::from_ref(&done));
    assert_unique(&repo.audit_add(&done).await.unwrap_err(), "id");
}

/// What people and containers write comes back as it was, NUL alone excepted.
pub(super) async fn text(stories: &Stories) {
    let store = stories.open("text").await;
    let mut repo = write(&store).await;
    let long = "çok uzun satır 🦀\n".repeat(200_000);
    let texts = [
        "",
        " ",
        "'; DROP TABLE users; --",
        "\"quoted\" $1 ? :name %s \\",
        "Ünïcödé 漢字 🦀👩‍👩‍👧 \u{202e}right to left",
        "e\u{301} is not é",
        "\u{1b}[31mred\u{7}\r\n\t\u{7f}",
        "\u{10ffff}\u{feff}",
        long.as_str(),
    ];
    for (number, text) in texts.iter().enumerate() {
        let session = SessionRow {
            id: number.to_string(),
            data: (*text).into(),
            expires_ms: i64::MAX,
        };
        repo.session_put(&session).await.unwrap();
        assert_eq!(repo.session(&session.id, i64::MIN).await.unwrap(), Some(session));
    }

    // Shown, and no reason to fail: it comes in what a container writes.
    repo.setting_put("nul", "a\0b\0").await.unwrap();
    assert_eq!(repo.setting("nul").await.unwrap().as_deref(), Some("a␀b␀"));
    assert_eq!(
        repo.user_by_name("ada\0").await.unwrap(),
        None,
        "a look-up of a name with NUL just finds nothing"
    );
    repo.save().await.unwrap();
    assert_eq!(setting(&store, "nul").await.as_deref(), Some("a␀b␀"));
}

pub(super) async fn idempotency_keys(stories: &Stories) {
    let store = stories.open("idempotency_keys").await;
    let (user, _) = user_with_worker(&store).await;
    let key = IdempotencyKey {
        user_id: user.id,
        key_hash: "ab".into(),
        request_sealed: vec![0, 255],
        status: 201,
        body: "{}".into(),
        created_ms: 10,
    };
    let mut repo = write(&store).await;
    repo.idempotency_put(&key).await.unwrap();
    drop(repo);
    let mut repo = write(&store).await;
    assert_eq!(
        repo.idempotency(user.id, "ab").await.unwrap(),
        None,
        "it belongs to its transaction"
    );
    repo.idempotency_put(&key).await.unwrap();
    repo.save().await.unwrap();
    let mut repo = write(&store).await;
    assert_eq!(repo.idempotency(user.id, "ab").await.unwrap(), Some(key.clone()));
    assert_eq!(repo.idempotency(user.id, "cd").await.unwrap(), None);
    repo.idempotency_sweep(10).await.unwrap();
    assert!(repo.idempotency(user.id, "ab").await.unwrap().is_some());
    let later = IdempotencyKey {
        request_sealed: vec![7],
        body: "[]".into(),
        created_ms: 20,
        ..key
    };
    repo.idempotency_put(&later).await.unwrap();
    repo.idempotency_sweep(20).await.unwrap();
    assert_eq!(repo.idempotency(user.id, "ab").await.unwrap(), Some(later));
    repo.idempotency_sweep(21).await.unwrap();
    assert_eq!(repo.idempotency(user.id, "ab").await.unwrap(), None);
    repo.save().await.unwrap();
}

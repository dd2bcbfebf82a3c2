//! The SQLite file itself: who may read it, how it is set, and URLs that name none.

use std::{os::unix::fs::PermissionsExt, path::Path};

use prt_core::store::{Store, StoreError, User};
use prt_store::AnyStore;
use prt_types::{access::Role, ids::UserId};
use sqlx::{Connection, SqliteConnection};

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

async fn pragma(store_file: &Path, statement: &'static str) -> String {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", store_file.display()))
        .await
        .expect("connect");
    sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await
        .expect("an answer")
}

async fn with_user(store: &AnyStore, id: UserId) {
    let mut repo = store.write().await.expect("write");
    let user = User {
        id,
        username: "ada".into(),
        password_hash: "h".into(),
        role: Role::Admin,
        created_ms: 1,
    };
    repo.user_add(&user).await.expect("add");
    repo.save().await.expect("save");
}

fn new_user_id() -> UserId {
    UserId(prt_core::clock::new_id())
}

#[tokio::test]
async fn only_its_owner_reads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    // Characters that a URL gives a meaning to.
    let data = folder.path().join("new data 100%");
    let file = data.join("prt.db");
    let url = format!("sqlite://{}", file.display()).replace('%', "%25");
    let store = AnyStore::connect(&url).await.expect("connect");
    store.migrate().await.expect("migrate");
    store.migrate().await.expect("a second time does nothing");
    with_user(&store, new_user_id()).await;
    assert_eq!(mode(&data), 0o700);
    for beside in ["prt.db", "prt.db-wal", "prt.db-shm"] {
        assert_eq!(mode(&data.join(beside)), 0o600, "{beside}");
    }
    store.close().await;
    assert!(!data.join("prt.db-wal").exists(), "folded into the file");
    assert!(matches!(store.ping().await, Err(StoreError::Connection(_))), "closed");
}

#[tokio::test]
async fn it_keeps_its_log_apart_and_hides_its_url() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prt.db");
    let store = AnyStore::connect(&format!("sqlite://{}", file.display()))
        .await
        .expect("connect");
    assert_eq!(pragma(&file, "PRAGMA journal_mode").await, "wal");
    assert!(
        !format!("{store:?}").contains("prt.db"),
        "another URL would show its password"
    );
}

#[tokio::test]
async fn an_unreadable_value_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prt.db");
    let url = format!("sqlite://{}", file.display());
    let store = AnyStore::connect(&url).await.expect("connect");
    store.migrate().await.expect("migrate");
    let id = new_user_id();
    with_user(&store, id).await;
    for (change, column) in [
        ("UPDATE users SET role = 'king'", "users.role"),
        (
            "UPDATE users SET role = 'user', created_ms = 'soon'",
            "users.created_ms",
        ),
        ("UPDATE users SET created_ms = 1, username = x'ff'", "users.username"),
        ("UPDATE users SET username = CAST(x'ff' AS TEXT)", "a row"),
    ] {
        let mut connection = SqliteConnection::connect(&url).await.expect("connect");
        sqlx::query(change).execute(&mut connection).await.expect("change");
        let mut repo = store.read().await.expect("read");
        let error = repo.user(id).await.expect_err("unreadable");
        assert!(
            matches!(&error, StoreError::Corrupt { what } if what == column),
            "{error:?} instead of {column}"
        );
    }
}

#[tokio::test]
async fn another_process_that_writes_for_too_long_is_busy() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/prt.db", folder.path().display());
    let store = AnyStore::connect(&url).await.expect("connect");
    store.migrate().await.expect("migrate");
    let mut other = SqliteConnection::connect(&url).await.expect("connect");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("begin");
    let error = store.write().await.err().expect("no writer");
    assert!(matches!(error, StoreError::Busy(_)), "{error:?}");
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("rollback");
    store.write().await.expect("free again");
}

#[tokio::test]
async fn urls_that_name_no_database() {
    for url in [
        "",
        "mysql://localhost/x",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:///tmp/x.db?mode=memory",
    ] {
        let error = AnyStore::connect(url).await.expect_err("no database");
        assert!(matches!(error, StoreError::Other(_)), "{url}: {error:?}");
    }
    for url in ["sqlite:///proc/no/such.db", "postgres://nobody:secret@127.0.0.1:1/none"] {
        let error = AnyStore::connect(url).await.expect_err("out of reach");
        assert!(matches!(error, StoreError::Connection(_)), "{url}: {error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

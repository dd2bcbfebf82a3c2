//! A database has one console at a time, whatever way leads to it.

use std::{os::unix::fs::symlink, time::Duration};

use prt_core::store::StoreError;
use prt_store::AnyStore;
use sqlx::{Connection, PgConnection};

/// Between two looks at the server.
const TICK: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_sqlite_file_has_one_console() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prt.db");
    let first = AnyStore::connect(&format!("sqlite://{}", file.display()))
        .await
        .expect("connect");
    let claim = first.claim().await.expect("the only one");

    let link = folder.path().join("link.db");
    symlink(&file, &link).expect("a link");
    for path in [&file, &link] {
        let second = AnyStore::connect(&format!("sqlite://{}", path.display()))
            .await
            .expect("connect");
        let refused = second.claim().await.expect_err("a second one");
        assert!(matches!(refused, StoreError::InUse), "{refused:?}");
        assert!(refused.to_string().contains("one console"), "{refused}");
    }
    drop(claim);
    first.claim().await.expect("free again");
}

fn server() -> String {
    std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL must name a Postgres server, see tests/conformance.rs")
}

fn schema(test: &str) -> String {
    format!("{test}_{}", std::process::id())
}

/// In a schema of its own, so that tests do not meet.
async fn postgres(test: &str) -> String {
    let (server, schema) = (server(), schema(test));
    let mut connection = PgConnection::connect(&server).await.expect("a server");
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .execute(&mut connection)
        .await
        .expect("a schema");
    let mark = if server.contains('?') { '&' } else { '?' };
    format!("{server}{mark}options[search_path]={schema}")
}

#[tokio::test]
async fn a_postgres_database_has_one_console() {
    let url = postgres("one_console").await;
    let first = AnyStore::connect(&url).await.expect("connect");
    let second = AnyStore::connect(&url).await.expect("connect");
    let claim = first.claim().await.expect("the only one");
    let refused = second.claim().await.expect_err("a second one");
    assert!(matches!(refused, StoreError::InUse), "{refused:?}");
    drop(claim);
    second.claim().await.expect("free again");
}

#[tokio::test]
async fn a_lost_lock_is_taken_again_or_ends_the_console() {
    let url = postgres("lost_lock").await;
    let first = AnyStore::connect(&url).await.expect("connect");
    let claim = first.claim().await.expect("the only one");
    let mut admin = PgConnection::connect(&server()).await.expect("a server");
    let [holder] = sessions(&mut admin, true).await[..] else {
        panic!("one session has the lock")
    };
    end(&mut admin, holder).await;
    // The console takes it again by itself.
    let again = loop {
        match sessions(&mut admin, true).await[..] {
            [again] if again != holder => break again,
            _ => tokio::time::sleep(TICK).await,
        }
    };

    // Another one that is faster, and stays.
    let mut rival = PgConnection::connect(&server()).await.expect("a server");
    let lock = tokio::spawn(async move {
        sqlx::query("SELECT pg_advisory_lock(1886548018, hashtext($1))")
            .bind(schema("lost_lock"))
            .execute(&mut rival)
            .await
            .expect("the lock");
        rival
    });
    while sessions(&mut admin, false).await.is_empty() {
        tokio::time::sleep(TICK).await;
    }
    end(&mut admin, again).await;
    let _rival = lock.await.expect("no panic");
    tokio::time::timeout(Duration::from_mins(2), claim.lost())
        .await
        .expect("the first console learns of it");
}

/// The sessions that have the lock of this test's schema, or wait for it.
async fn sessions(admin: &mut PgConnection, granted: bool) -> Vec<i32> {
    sqlx::query_scalar(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1886548018 AND granted = $2 \
         AND objid::bigint = (hashtext($1)::bigint & 4294967295)",
    )
    .bind(schema("lost_lock"))
    .bind(granted)
    .fetch_all(admin)
    .await
    .expect("pg_locks")
}

async fn end(admin: &mut PgConnection, pid: i32) {
    sqlx::query("SELECT pg_terminate_backend($1)")
        .bind(pid)
        .execute(admin)
        .await
        .expect("ended");
}

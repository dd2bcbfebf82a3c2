//! The stories of `prt_core::testing::store_conformance` on both databases.

use std::{future::Future, sync::Arc};

use prt_core::{store::Store, testing::store_conformance};
use prt_store::AnyStore;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::{JoinError, LocalSet};

async fn open(url: &str) -> Arc<dyn Store> {
    let store = AnyStore::connect(url).await.expect("connect");
    store.migrate().await.expect("migrate");
    Arc::new(store)
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    store_conformance::run(move |story| {
        let url = format!("sqlite://{}/{story}.db", path.display());
        async move { open(&url).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let server = std::env::var("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL must name a Postgres server whose user may create databases, e.g. \
         postgres://postgres@127.0.0.1:5433/postgres; `scripts/postgres.sh start` starts one and prints it, `make test` does so \
         by itself",
    );
    let name = format!("prt_test_{}", std::process::id());
    on_server(&server, format!("CREATE DATABASE {name}")).await;
    let database = with_database(&server, &name);
    // A schema a story: databases would be as good, but each takes a second to drop.
    let outcome = caught(store_conformance::run(move |story| {
        let database = database.clone();
        async move {
            on_server(&database, format!("CREATE SCHEMA IF NOT EXISTS story_{story}")).await;
            let mark = if database.contains('?') { '&' } else { '?' };
            open(&format!("{database}{mark}options[search_path]=story_{story}")).await
        }
    }))
    .await;
    on_server(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    outcome.expect("the stories");
}

/// Runs them as a task, so that the database is dropped also after a panic.
async fn caught(stories: impl Future<Output = ()> + 'static) -> Result<(), JoinError> {
    let local = LocalSet::new();
    let task = local.spawn_local(stories);
    local.run_until(task).await
}

async fn on_server(url: &str, statement: String) {
    let mut connection = PgConnection::connect(url).await.expect("TEST_DATABASE_URL answers");
    // The text is made of literals and names from above.
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the server does it");
    connection.close().await.expect("close");
}

/// The server's URL with another database.
fn with_database(server: &str, name: &str) -> String {
    let (address, parameters) = server
        .split_once('?')
        .map_or((server, None), |(address, rest)| (address, Some(rest)));
    let authority = address.find("://").map_or(0, |at| at + 3);
    let end = address[authority..]
        .find('/')
        .map_or(address.len(), |at| authority + at);
    let parameters = parameters.map(|rest| format!("?{rest}")).unwrap_or_default();
    format!("{}/{name}{parameters}", &address[..end])
}

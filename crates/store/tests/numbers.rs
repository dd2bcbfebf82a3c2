//! A restored database gives no number twice.

use prt_core::store::Store;
use prt_store::AnyStore;

async fn open(folder: &std::path::Path, database: &str) -> AnyStore {
    let store = AnyStore::connect(&format!("sqlite://{}/{database}", folder.display()))
        .await
        .expect("connect");
    store.migrate().await.expect("migrate");
    store.with_numbers_in(folder.join("numbers.json")).expect("a file")
}

async fn next(store: &AnyStore) -> (i64, i64) {
    let mut repo = store.write().await.expect("write");
    let worker = repo.worker_next_number().await.expect("a number");
    let build = repo.build_next_number().await.expect("a number");
    repo.save().await.expect("save");
    (worker, build)
}

#[tokio::test]
async fn an_older_database_goes_on_behind_the_highest_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), "prt.db").await;
    assert_eq!(next(&store).await, (1, 1));
    store.copy_into(&folder.path().join("older.db")).await.expect("a copy");
    assert_eq!(next(&store).await, (2, 2));
    assert_eq!(next(&store).await, (3, 3));
    // A number whose transaction is not saved is lost.
    let mut repo = store.write().await.expect("write");
    repo.worker_next_number().await.expect("a number");
    drop(repo);
    store.close().await;

    let older = open(folder.path(), "older.db").await;
    assert_eq!(next(&older).await, (5, 4));
    assert_eq!(next(&older).await, (6, 5));
}

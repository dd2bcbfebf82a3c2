//! Migrations that were applied never change, and what is said of a database that does not fit.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use prt_core::store::{SchemaProblem, Store, StoreError};
use prt_store::AnyStore;
use sqlx::{Connection, SqliteConnection, migrate::Migrator};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// The list has the hash of each migration, as `sha384sum` writes it in `migrations/`. A new migration adds a line. A hash in it never
/// changes: databases that have applied the file would not open any more.
#[test]
fn an_applied_migration_never_changes() {
    let list = include_str!("migrations.sha384");
    let known: BTreeMap<&str, &str> = list
        .lines()
        .map(|line| {
            let (hash, name) = line.split_once("  ").expect("hash and name");
            (name, hash)
        })
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("migrations") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let version: i64 = name
            .split_once('_')
            .and_then(|(version, _)| version.parse().ok())
            .unwrap_or_else(|| panic!("{name} has no version"));
        let migration = MIGRATIONS
            .iter()
            .find(|migration| migration.version == version)
            .unwrap_or_else(|| panic!("{name} is not in the program"));
        let mut hash = String::new();
        for byte in &*migration.checksum {
            write!(hash, "{byte:02x}").expect("a String takes it");
        }
        match known.get(name.as_str()) {
            Some(first) => assert_eq!(hash, *first, "{name} was changed: undo that, and add another migration"),
            None => panic!("add a line to crates/store/tests/migrations.sha384:\n{hash}  {name}"),
        }
        files += 1;
    }
    assert_eq!(files, known.len(), "a migration was removed");
}

async fn refused(change: &'static str) -> StoreError {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/prt.db", folder.path().display());
    let store = AnyStore::connect(&url).await.expect("connect");
    assert!(store.is_new().await.expect("an answer"));
    store.migrate().await.expect("migrate");
    assert!(!store.is_new().await.expect("an answer"));
    let mut connection = SqliteConnection::connect(&url).await.expect("connect");
    sqlx::query(change).execute(&mut connection).await.expect("change");
    store.migrate().await.expect_err("it does not fit")
}

#[tokio::test]
async fn a_database_of_another_version_is_told_in_our_words() {
    let newer = refused(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99991231000000, 'later', 1, x'00', 0)",
    )
    .await;
    assert!(matches!(newer, StoreError::Schema(SchemaProblem::Newer)), "{newer:?}");
    assert!(newer.to_string().contains("newer version"), "{newer}");
    let changed = refused("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 20261123000200").await;
    assert!(
        matches!(
            changed,
            StoreError::Schema(SchemaProblem::Different(20_261_123_000_200))
        ),
        "{changed:?}"
    );
}

#[tokio::test]
async fn a_damaged_database_is_told_as_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prt.db");
    let url = format!("sqlite://{}", file.display());
    let store = AnyStore::connect(&url).await.expect("connect");
    store.migrate().await.expect("migrate");
    store.close().await;

    let mut connection = SqliteConnection::connect(&url).await.expect("connect");
    let page: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_master WHERE name = 'users'")
        .fetch_one(&mut connection)
        .await
        .expect("the table's page");
    connection.close().await.expect("close");
    let mut bytes = fs::read(&file).expect("a database");
    let end = usize::try_from(page).expect("a page") * 4096;
    for byte in &mut bytes[end - 4096..end] {
        *byte = !*byte;
    }
    fs::write(&file, &bytes).expect("written");
    let store = AnyStore::connect(&url).await.expect("connect");
    let mut repo = store.read().await.expect("a transaction");
    let error = repo.users().await.expect_err("damaged");
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    let error = store.check().await.expect_err("damaged");
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    drop(repo);
    store.close().await;

    fs::write(&file, "no database at all, but long enough to be looked at".repeat(100)).expect("written");
    let error = AnyStore::connect(&url).await.expect_err("no database");
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
}

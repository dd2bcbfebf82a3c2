//! Opening a database.

use std::{
    fmt,
    fs::{DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use async_trait::async_trait;
use prt_core::store::{Repository, Store, StoreError, StoreResult};
use sqlx::{
    AnyConnection, AnyPool, Connection, Executor,
    any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers},
    migrate::Migrator,
    sqlite::SqliteConnectOptions,
};

use crate::{
    error::{Fault, store_error},
    repository::AnyRepository,
    statement::sql,
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// How long a caller waits for a connection or a lock before [`StoreError::Busy`].
const PATIENCE: Duration = Duration::from_secs(10);

/// FULL makes a saved transaction survive a power cut in WAL mode too. The pragmas of a connection, not of the file.
const SQLITE_CONNECTION: &str = "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// WAL lets readers and the writer work at the same time; it stays with the file.
const SQLITE_WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864;";
const SQLITE_READER: &str = "PRAGMA query_only = ON;";

/// The second limit frees the write lock of a console whose machine vanished in the middle of a transaction.
const POSTGRES_CONNECTION: &str = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s';";

/// A snapshot, as a reader of SQLite has it.
const POSTGRES_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The number is `prt` in ASCII with a 1: the one lock that all consoles on this database share. See the crate's documentation.
const POSTGRES_WRITE: &str = "BEGIN; SELECT pg_advisory_xact_lock(1886548017)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// A database on SQLite or Postgres.
pub struct AnyStore {
    kind: Kind,
    /// Apart from `write`: whoever holds the writer may still read.
    read: AnyPool,
    /// One connection: the pool's queue is fair, so that no writer starves.
    write: AnyPool,
}

/// Without the URL: it may have a password.
impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl AnyStore {
    /// Opens `sqlite:///path/to/file` (made with mode 0600 if it is missing, in a folder with 0700) or `postgres://…`.
    pub async fn connect(url: &str) -> StoreResult<Self> {
        install_default_drivers();
        let (kind, url) = if url.starts_with("sqlite:") {
            (Kind::Sqlite, sqlite_url(&sqlite_file(url)?)?)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            (Kind::Postgres, url.to_owned())
        } else {
            return Err(Fault::Url("the database's URL must start with sqlite: or postgres:").into());
        };
        let options: AnyConnectOptions = url.parse().map_err(store_error)?;

        // A pool tries again until its time is over and then says only that; this says at once what is wrong.
        let probe = tokio::time::timeout(PATIENCE, AnyConnection::connect_with(&options));
        let probe = probe.await.map_err(|late| StoreError::Connection(Box::new(late)))?;
        probe.map_err(unreachable)?.close().await.map_err(store_error)?;

        let (write, read) = match kind {
            Kind::Sqlite => (pool(kind, 1, SQLITE_WRITER), pool(kind, 8, SQLITE_READER)),
            Kind::Postgres => (pool(kind, 1, ""), pool(kind, 8, "")),
        };
        // The writer first: it switches a new file to WAL, which works only while nobody else has it open.
        let write = write.connect_with(options.clone()).await.map_err(store_error)?;
        let read = read.connect_with(options).await.map_err(store_error)?;
        Ok(Self { kind, read, write })
    }

    /// Brings the tables up to date; does nothing if they are.
    pub async fn migrate(&self) -> StoreResult<()> {
        MIGRATIONS
            .run(&self.write)
            .await
            .map_err(|error| StoreError::Other(Box::new(error)))
    }

    /// Closes all connections, waiting for open transactions. SQLite folds its log into the file then.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

#[async_trait]
impl Store for AnyStore {
    async fn read(&self) -> StoreResult<Box<dyn Repository>> {
        let begin = match self.kind {
            Kind::Sqlite => "BEGIN",
            Kind::Postgres => POSTGRES_READ,
        };
        let transaction = self.read.begin_with(begin).await.map_err(store_error)?;
        Ok(Box::new(AnyRepository::new(transaction)))
    }

    async fn write(&self) -> StoreResult<Box<dyn Repository>> {
        let begin = match self.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => POSTGRES_WRITE,
        };
        let transaction = self.write.begin_with(begin).await.map_err(store_error)?;
        Ok(Box::new(AnyRepository::new(transaction)))
    }

    async fn ping(&self) -> StoreResult<()> {
        sql("SELECT 1")
            .into_query()
            .execute(&self.read)
            .await
            .map_err(store_error)?;
        Ok(())
    }
}

fn pool(kind: Kind, connections: u32, settings: &'static str) -> AnyPoolOptions {
    let common = match kind {
        Kind::Sqlite => SQLITE_CONNECTION,
        Kind::Postgres => POSTGRES_CONNECTION,
    };
    let options = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        // A file does not hang up.
        .test_before_acquire(kind == Kind::Postgres)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(common).await?;
                connection.execute(settings).await?;
                Ok(())
            })
        });
    match (kind, connections) {
        // The writer of SQLite is opened once and kept.
        (Kind::Sqlite, 1) => options.idle_timeout(None).max_lifetime(None),
        (Kind::Sqlite | Kind::Postgres, _) => options.idle_timeout(Duration::from_mins(1)),
    }
}

/// At the first try everything but a wrong URL means that the database is out of reach, wrong passwords included.
fn unreachable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Configuration(_) => StoreError::Other(Box::new(error)),
        other => StoreError::Connection(Box::new(other)),
    }
}

/// The file of the URL, made if it is missing: SQLite itself would make it readable for everybody, and gives the files beside it
/// (`-wal`, `-shm`) the mode of the file.
fn sqlite_file(url: &str) -> StoreResult<PathBuf> {
    if url.contains('?') || url.contains(":memory:") {
        return Err(Fault::Url("a SQLite URL is sqlite:// and the path of a file, without parameters").into());
    }
    let options = SqliteConnectOptions::from_str(url).map_err(store_error)?;
    let file = options.get_filename();
    if file.as_os_str().is_empty() {
        return Err(Fault::Url("the SQLite URL names no file").into());
    }
    let io = |error: std::io::Error| StoreError::Connection(Box::new(error));
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(io)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)
        .map_err(io)?;
    file.canonicalize().map_err(io)
}

fn sqlite_url(file: &Path) -> StoreResult<String> {
    let path = file
        .to_str()
        .ok_or(Fault::Url("the path of the SQLite file is not UTF-8"))?;
    Ok(format!(
        "sqlite://{}",
        path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
    ))
}

//! Opening a database.

use std::{
    fmt,
    fs::{DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use prt_core::{
    clock::new_id,
    store::{Repository, Store, StoreError, StoreResult},
};
use sqlx::{
    AnyConnection, AnyPool, Connection, Executor,
    any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers},
    sqlite::SqliteConnectOptions,
};
use tokio::sync::Mutex;

use crate::{
    error::{Fault, store_error},
    numbers::{HighestNumbers, Numbers},
    repository::AnyRepository,
    statement::sql,
};

/// How long a caller waits for a connection or a lock before [`StoreError::Busy`].
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A write that was tried so recently is not tried again by [`Store::ping`]: its callers need no login.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// The setting that [`Store::ping`] writes.
const PROBE: &str = "readiness.probe";

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
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(1886548017)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A database on SQLite or Postgres.
pub struct AnyStore {
    pub(crate) kind: Kind,
    /// The file of a SQLite database.
    pub(crate) file: Option<PathBuf>,
    pub(crate) options: AnyConnectOptions,
    /// Separate from `write`: readers do not wait for the writer.
    pub(crate) read: AnyPool,
    /// One connection: the pool's queue is fair, so that no writer starves.
    pub(crate) write: AnyPool,
    /// When [`Store::ping`] last wrote.
    probed: Mutex<Option<Instant>>,
    statements: Arc<AtomicU64>,
    numbers: Numbers,
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
        let (kind, file, url) = if url.starts_with("sqlite:") {
            let file = sqlite_file(url)?;
            let url = sqlite_url(&file)?;
            (Kind::Sqlite, Some(file), url)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            (Kind::Postgres, None, url.to_owned())
        } else {
            return Err(Fault::Url("the database's URL must start with sqlite: or postgres:").into());
        };
        let options: AnyConnectOptions = url.parse().map_err(store_error)?;

        // A pool tries again until its time is over and then says only that; this says at once what is wrong.
        let probe = tokio::time::timeout(PATIENCE, AnyConnection::connect_with(&options));
        let probe = probe.await.map_err(|late| StoreError::Connection(Box::new(late)))?;
        let mut probe = probe.map_err(unreachable)?;
        let (common, writer, reader) = match kind {
            Kind::Sqlite => (SQLITE_CONNECTION, SQLITE_WRITER, SQLITE_READER),
            Kind::Postgres => (POSTGRES_CONNECTION, "", ""),
        };
        for settings in [common, writer] {
            probe.execute(settings).await.map_err(unreachable)?;
        }
        probe.close().await.map_err(store_error)?;

        let (write, read) = (pool(kind, 1, [common, writer]), pool(kind, 8, [common, reader]));
        // The writer first: it switches a new file to WAL, which works only while nobody else has it open.
        let write = write.connect_with(options.clone()).await.map_err(store_error)?;
        let read = read.connect_with(options.clone()).await.map_err(store_error)?;
        Ok(Self {
            kind,
            file,
            options,
            read,
            write,
            probed: Mutex::default(),
            statements: Arc::default(),
            numbers: None,
        })
    }

    /// Keeps the highest numbers of workers and builds in a file, too, so that an older copy of the database gives none twice.
    pub fn with_numbers_in(mut self, file: PathBuf) -> StoreResult<Self> {
        let numbers = HighestNumbers::open(file).map_err(|error| StoreError::Connection(Box::new(error)))?;
        self.numbers = Some(Arc::new(numbers));
        Ok(self)
    }

    /// How many statements have run.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
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
        Ok(Box::new(AnyRepository::new(
            transaction,
            &self.statements,
            &self.numbers,
        )))
    }

    async fn write(&self) -> StoreResult<Box<dyn Repository>> {
        let begin = match self.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN",
        };
        let mut transaction = self.write.begin_with(begin).await.map_err(store_error)?;
        if self.kind == Kind::Postgres {
            // Not in one text with BEGIN: a lock that does not come must leave a transaction that is rolled back.
            transaction.execute(POSTGRES_LOCK).await.map_err(store_error)?;
        }
        Ok(Box::new(AnyRepository::new(
            transaction,
            &self.statements,
            &self.numbers,
        )))
    }

    async fn ping(&self) -> StoreResult<()> {
        let mut probed = self.probed.lock().await;
        if probed.is_some_and(|at| at.elapsed() < PROBE_EVERY) {
            return Ok(());
        }
        *probed = None;
        sql("SELECT 1")
            .into_query()
            .execute(&self.read)
            .await
            .map_err(store_error)?;
        let mut repository = self.write().await?;
        // Another value each time: SQLite writes nothing for the same one.
        repository.setting_put(PROBE, &new_id().to_string()).await?;
        repository.save().await?;
        *probed = Some(Instant::now());
        Ok(())
    }
}

fn pool(kind: Kind, connections: u32, settings: [&'static str; 2]) -> AnyPoolOptions {
    let options = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        // A file does not hang up.
        .test_before_acquire(kind == Kind::Postgres)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                for text in settings {
                    connection.execute(text).await?;
                }
                Ok(())
            })
        })
        .after_release(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    // A dropped transaction's rollback may still be on its way; this comes after it.
                    connection.ping().await?;
                }
                // SQLite rolls back without being told, e.g. when the disk is full. The driver's own rollback fails then, and it takes
                // the connection for one in a transaction for good: closed, it is replaced.
                Ok(!connection.is_in_transaction())
            })
        });
    match (kind, connections) {
        // The writer of SQLite is opened once and kept.
        (Kind::Sqlite, 1) => options.idle_timeout(None).max_lifetime(None),
        // One reader stays open: the last connection that closes removes the files beside the database, and a full disk has no room
        // to make them again.
        (Kind::Sqlite, _) => options
            .min_connections(1)
            .max_lifetime(None)
            .idle_timeout(Duration::from_mins(1)),
        (Kind::Postgres, _) => options.idle_timeout(Duration::from_mins(1)),
    }
}

/// At the first try everything but a wrong URL means that the database is out of reach, wrong passwords included.
fn unreachable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Configuration(_) => StoreError::Other(Box::new(error)),
        error => match store_error(error) {
            StoreError::Busy(source) | StoreError::Other(source) => StoreError::Connection(source),
            known => known,
        },
    }
}

/// The file of the URL, made if it is missing: SQLite itself would make it readable for everybody, and gives the files beside it
/// (`-wal`, `-shm`) the mode of the file.
fn sqlite_file(url: &str) -> StoreResult<PathBuf> {
    let file = &*sqlite_name(url)?;
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

/// The file that a SQLite URL names; `None` for another database.
pub fn sqlite_path(url: &str) -> StoreResult<Option<PathBuf>> {
    url.starts_with("sqlite:").then(|| sqlite_name(url)).transpose()
}

fn sqlite_name(url: &str) -> StoreResult<PathBuf> {
    if url.contains('?') || url.contains(":memory:") {
        return Err(Fault::Url("a SQLite URL is sqlite:// and the path of a file, without parameters").into());
    }
    let options = SqliteConnectOptions::from_str(url).map_err(store_error)?;
    let file = options.get_filename();
    if file.as_os_str().is_empty() {
        return Err(Fault::Url("the SQLite URL names no file").into());
    }
    Ok(file.to_owned())
}

/// The URL of a SQLite file.
pub fn sqlite_url(file: &Path) -> StoreResult<String> {
    let path = file
        .to_str()
        .ok_or(Fault::Url("the path of the SQLite file is not UTF-8"))?;
    Ok(format!(
        "sqlite://{}",
        path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
    ))
}

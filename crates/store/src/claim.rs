//! One console for a database: a second one would take the first one's workers and builds for lost.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use prt_core::store::{StoreError, StoreResult};
use sqlx::{AnyConnection, Connection, any::AnyConnectOptions};
use tokio::{sync::watch, task::AbortHandle, time::timeout};

use crate::{
    connect::{AnyStore, PATIENCE},
    error::store_error,
    statement::sql,
};

/// How long a console waits for the lock of one that has just ended: the server may learn of that a moment later.
const START: Duration = Duration::from_secs(5);
/// The same after the lock was lost with its connection. Longer than the server takes to give up the old connection.
const AGAIN: Duration = Duration::from_secs(30);
/// Between two looks at the lock's connection.
const WATCH: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);

/// Makes the server notice within half a minute that this machine is gone.
const KEEPALIVE: &str = "SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false), \
    set_config('tcp_keepalives_count', '3', false)";

/// A row if the lock is ours now. The numbers are `prt` in ASCII with a 2, and the schema, as one database may hold several consoles'.
const LOCK: &str = "SELECT CAST(1 AS BIGINT) AS taken WHERE pg_try_advisory_lock(1886548018, hashtext(coalesce(current_schema(), '')))";

/// The right to be the only console on a database. It ends with this value, and with the process.
#[derive(Debug)]
pub struct Claim {
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// The kernel gives it back when the process ends, however it ends.
    File(#[expect(dead_code, reason = "open as long as the lock is held")] File),
    /// A session of its own on the server.
    Session {
        watcher: AbortHandle,
        lost: watch::Receiver<bool>,
    },
}

impl Claim {
    /// Resolves when another console has the database: the server lost our session, and the other one was faster.
    pub async fn lost(&self) {
        match &self.held {
            Held::File(_) => std::future::pending().await,
            Held::Session { lost, .. } => {
                let mut lost = lost.clone();
                if lost.wait_for(|lost| *lost).await.is_err() {
                    // The watcher ended together with the runtime.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Held::Session { watcher, .. } = &self.held {
            watcher.abort();
        }
    }
}

impl AnyStore {
    /// Makes this console the only one on the database; [`StoreError::InUse`] if there is another one, wherever it runs.
    pub async fn claim(&self) -> StoreResult<Claim> {
        if let Some(file) = &self.file {
            return Ok(Claim {
                held: Held::File(lock_file(file)?),
            });
        }
        let connection = lock_session(&self.options, START).await?.ok_or(StoreError::InUse)?;
        let (sender, lost) = watch::channel(false);
        let watcher = tokio::spawn(watch_session(self.options.clone(), connection, sender)).abort_handle();
        Ok(Claim {
            held: Held::Session { watcher, lost },
        })
    }
}

/// Beside the database, whose own file SQLite locks in its way.
fn lock_file(database: &Path) -> StoreResult<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let failed = |error: std::io::Error| StoreError::Connection(Box::new(error));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(PathBuf::from(path))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// A session with the lock; `None` if another one keeps it for `patience`.
async fn lock_session(options: &AnyConnectOptions, patience: Duration) -> StoreResult<Option<AnyConnection>> {
    let opened = timeout(PATIENCE, AnyConnection::connect_with(options)).await;
    let opened = opened.map_err(|late| StoreError::Connection(Box::new(late)))?;
    let mut connection = opened.map_err(store_error)?;
    run(&mut connection, KEEPALIVE).await?;
    let taken = timeout(patience, async {
        while !run(&mut connection, LOCK).await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok::<(), StoreError>(())
    });
    match taken.await {
        Ok(done) => done.map(|()| Some(connection)),
        Err(_) => Ok(None),
    }
}

/// Whether there was a row.
async fn run(connection: &mut AnyConnection, text: &'static str) -> StoreResult<bool> {
    let row = sql(text).into_query().fetch_optional(connection).await;
    Ok(row.map_err(store_error)?.is_some())
}

/// Looks after the lock's connection. While the server is away nobody else gets the lock either.
async fn watch_session(options: AnyConnectOptions, mut connection: AnyConnection, lost: watch::Sender<bool>) {
    loop {
        tokio::time::sleep(WATCH).await;
        match timeout(PATIENCE, run(&mut connection, "SELECT 1")).await {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the connection that keeps other consoles from this database is gone; making another one"
            ),
            Err(_) => tracing::warn!("the connection that keeps other consoles from this database does not answer"),
        }
        loop {
            match lock_session(&options, AGAIN).await {
                Ok(Some(again)) => {
                    tracing::info!("this console is the only one on its database again");
                    connection = again;
                    break;
                }
                Ok(None) => {
                    tracing::error!("another console uses this database");
                    lost.send_replace(true);
                    return;
                }
                Err(_) => tokio::time::sleep(WATCH).await,
            }
        }
    }
}

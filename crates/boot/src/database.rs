//! The database of this console, and of no other one.

use std::{fs, path::Path, sync::Arc, time::Duration};

use prt_store::{AnyStore, Claim};

use crate::{BootError, Config, LOGS, key_file};

/// The file of the highest numbers in the data directory.
const NUMBERS: &str = "numbers.json";
/// A transaction that takes longer at the end of the program is given up.
const CLOSE: Duration = Duration::from_secs(10);

/// An open database, kept from other consoles.
#[derive(Debug)]
pub struct Database {
    pub(crate) store: Arc<AnyStore>,
    claim: Claim,
}

impl Database {
    /// Resolves when another console has taken it: this one must end then.
    pub async fn lost(&self) {
        self.claim.lost().await;
    }

    /// SQLite puts everything into its one file then.
    pub async fn close(&self) {
        if tokio::time::timeout(CLOSE, self.store.close()).await.is_err() {
            tracing::warn!(
                "the database is still in use at the end of the console; the next start finds all that was saved"
            );
        }
    }
}

/// Opens the database, and brings its schema up to date.
pub async fn open_store(config: &Config) -> Result<Database, BootError> {
    key_file::private_folder(&config.data_dir)?;
    let store = AnyStore::connect(&config.database_url).await?;
    match prepare(config, &store).await {
        Ok(claim) => Ok(Database {
            store: Arc::new(store.with_numbers_in(config.data_dir.join(NUMBERS))?),
            claim,
        }),
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

async fn prepare(config: &Config, store: &AnyStore) -> Result<Claim, BootError> {
    // First: an upgrade under the feet of a running console would break it.
    let claim = store.claim().await?;
    if store.is_new().await?
        && !config.accept_new_database
        && let Some(path) = left_behind(&config.data_dir)
    {
        return Err(BootError::LostDatabase { path });
    }
    store.migrate().await?;
    Ok(claim)
}

/// What only an installation with a database makes: the key, and logs of builds.
fn left_behind(data_dir: &Path) -> Option<String> {
    let key = data_dir.join(key_file::NAME);
    if key.exists() {
        return Some(key.display().to_string());
    }
    let logs = data_dir.join(LOGS);
    let any = fs::read_dir(&logs).ok()?.next().is_some();
    any.then(|| logs.display().to_string())
}

//! Records that must not be lost: how a build ended, that a worker is ready or has failed. Nobody would write them again before the next
//! start of the console.

use std::{future::Future, time::Duration};

use crate::error::Result;

/// Pause after the first failure; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Tries until the database takes it, e.g. when its disk has space again. `lost` is what the log says until then.
pub(crate) async fn recorded<T, F>(lost: &str, mut write: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T>>,
{
    let mut pause = PAUSE;
    loop {
        match write().await {
            Ok(done) => return done,
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "{lost}; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

//! Sending a request again after errors that pass: the connection broke, a proxy has lost the console, the console restarts.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{Client, ClientError};

/// Pauses before each further try, in milliseconds: of a read, and of anything while the console has never answered, as its address
/// may be wrong.
const PAUSES: [u64; 5] = [200, 500, 1000, 2000, 4000];
/// For anything else once it has answered: a console that is restarted, also on another machine, is back within these.
const LONG_PAUSES: [u64; 12] = [
    200, 500, 1000, 2000, 4000, 8000, 8000, 10_000, 10_000, 15_000, 15_000, 15_000,
];
/// No further try begins later than this after the first error.
const LONGEST: Duration = Duration::from_secs(90);

/// Tells the user why a client waits.
type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Whether and how a client tries again.
#[derive(Clone, Default)]
pub(crate) struct Retry {
    /// Without it nothing is tried again.
    tell: Option<Tell>,
    /// Whether the console has answered anything.
    met: Arc<AtomicBool>,
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").finish_non_exhaustive()
    }
}

impl Retry {
    pub(crate) fn meet(&self) {
        self.met.store(true, Ordering::Relaxed);
    }
}

/// Further tries of one thing, with growing pauses.
#[derive(Debug)]
pub struct Patience {
    retry: Retry,
    pauses: std::slice::Iter<'static, u64>,
    end: Option<Instant>,
    told: bool,
}

impl Patience {
    /// Waits before another try; `false` = the error does not pass, or that was the last try.
    pub async fn again(&mut self, error: &ClientError) -> bool {
        let Some(tell) = self.retry.tell.as_ref().filter(|_| error.may_pass()) else {
            return false;
        };
        let now = Instant::now();
        // From the first error on: what took long until then may take long again.
        let end = *self.end.get_or_insert(now + LONGEST);
        let Some(pause) = self.pauses.next().map(|pause| Duration::from_millis(*pause)) else {
            return false;
        };
        if now + pause > end {
            return false;
        }
        if !std::mem::replace(&mut self.told, true) {
            let cause = error.cause().map(|cause| format!(": {cause}")).unwrap_or_default();
            tell(&format!(
                "{}{cause}; trying again…",
                error.to_string().trim_end_matches('.')
            ));
        }
        tokio::time::sleep(pause).await;
        true
    }
}

impl Client {
    /// The same client, which sends again what can be sent again: reads, and what carries an idempotency key. `tell` shows to the user
    /// why it waits.
    #[must_use]
    pub fn with_retries(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.retry.tell = Some(Arc::new(tell));
        self
    }

    /// For what makes something or takes several requests, such as an upload: long enough for a restart of the console.
    pub fn patience(&self) -> Patience {
        let met = self.retry.met.load(Ordering::Relaxed);
        self.patience_of(if met { &LONG_PAUSES } else { &PAUSES })
    }

    /// For a read.
    pub(crate) fn short_patience(&self) -> Patience {
        self.patience_of(&PAUSES)
    }

    fn patience_of(&self, pauses: &'static [u64]) -> Patience {
        Patience {
            retry: self.retry.clone(),
            pauses: pauses.iter(),
            end: None,
            told: false,
        }
    }
}

//! Time and ids, injected so that tests can set them.

use std::{sync::Arc, time::UNIX_EPOCH};

use uuid::Uuid;

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that may read the machine's clock"
    )]
    fn now_ms(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as i64)
    }
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// A new UUIDv7: its order is the order of creation.
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

//! A wall clock that stands still until a test moves it. What the code waits for runs on tokio's clock, which tests pause and advance.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Clock;

/// The clock.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_800_000_000_000))
    }
}

impl TestClock {
    /// Moves it, also backwards.
    pub fn jump(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

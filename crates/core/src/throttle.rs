//! Slows down what goes on and on: guessing passwords, and filling the audit log.

use std::{collections::HashMap, sync::Mutex};

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Failed logins of one user name.
    LoginName(String),
    /// Failed logins from one address. Behind a reverse proxy that is everybody.
    LoginAddress(String),
    /// A kind of refusal of one asker.
    Refusal(String),
}

impl Key {
    /// As many cost no time.
    fn free(&self) -> u32 {
        match self {
            Self::LoginName(_) => 5,
            Self::Refusal(_) => 10,
            Self::LoginAddress(_) => 100,
        }
    }
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last_ms: i64,
    /// Nothing more before this.
    until_ms: i64,
}

/// After some failures a key waits, longer each time. Forgets after a while.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<Key, Failures>>);

impl Throttle {
    const LONGEST_S: i64 = 300;
    const FORGET_MS: i64 = 15 * 60_000;
    /// Past this many keys those that are over are removed.
    const KEYS: usize = 10_000;

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Failures>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn wait_s(&self, key: &Key, now_ms: i64) -> Option<i64> {
        let until_ms = self.map().get(key)?.until_ms;
        (until_ms > now_ms).then(|| (until_ms - now_ms).div_euclid(1000) + 1)
    }

    pub(crate) fn failed(&self, key: Key, now_ms: i64) {
        let fresh = |failures: &Failures| now_ms - failures.last_ms < Self::FORGET_MS;
        let mut map = self.map();
        if map.len() >= Self::KEYS {
            map.retain(|_, failures| fresh(failures));
        }
        let before = map.get(&key).filter(|failures| fresh(failures));
        let count = before.map_or(0, |failures| failures.count) + 1;
        let wait_s = match count.saturating_sub(key.free()) {
            0 => 0,
            over => (1_i64 << over.min(9)).min(Self::LONGEST_S),
        };
        let failures = Failures {
            count,
            last_ms: now_ms,
            until_ms: now_ms + wait_s * 1000,
        };
        map.insert(key, failures);
    }

    /// Whether one more refusal is worth a row in the audit log; rarer and rarer while they go on.
    pub(crate) fn worth_a_row(&self, refusal: String, now_ms: i64) -> bool {
        let key = Key::Refusal(refusal);
        let worth = self.wait_s(&key, now_ms).is_none();
        if worth {
            self.failed(key, now_ms);
        }
        worth
    }

    pub(crate) fn succeeded(&self, key: &Key) {
        self.map().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_gets_slower_and_a_success_or_time_forgives() {
        let throttle = Throttle::default();
        let [alice, bob] = ["alice", "bob"].map(|name| Key::LoginName(name.into()));
        for _ in 0..5 {
            throttle.failed(alice.clone(), 0);
            assert_eq!(throttle.wait_s(&alice, 1), None);
        }
        throttle.failed(alice.clone(), 0);
        assert_eq!(throttle.wait_s(&alice, 1), Some(2));
        for _ in 0..20 {
            throttle.failed(alice.clone(), 0);
        }
        assert_eq!(throttle.wait_s(&alice, 1), Some(300));
        assert_eq!(throttle.wait_s(&bob, 1), None);
        throttle.failed(alice.clone(), Throttle::FORGET_MS);
        assert_eq!(throttle.wait_s(&alice, Throttle::FORGET_MS), None);
        for _ in 0..6 {
            throttle.failed(alice.clone(), Throttle::FORGET_MS);
        }
        throttle.succeeded(&alice);
        assert_eq!(throttle.wait_s(&alice, Throttle::FORGET_MS), None);
    }

    #[test]
    fn refusals_without_end_are_recorded_now_and_then() {
        let throttle = Throttle::default();
        let rows = |from_s: i64, to_s: i64| {
            let mut times = (from_s * 10..to_s * 10).map(|tenth| tenth * 100);
            times
                .by_ref()
                .filter(|now| throttle.worth_a_row("token.use  10.0.0.1".into(), *now))
                .count()
        };
        let first = rows(0, 3600);
        assert!((10..40).contains(&first), "{first} rows in the first hour");
        let later = rows(3600, 7200);
        assert!((10..=13).contains(&later), "{later} rows in an hour");
        assert!(throttle.worth_a_row("token.use  10.0.0.2".into(), 0));
    }

    #[test]
    fn many_people_may_share_an_address() {
        let throttle = Throttle::default();
        let proxy = Key::LoginAddress("10.0.0.1".into());
        for _ in 0..100 {
            throttle.failed(proxy.clone(), 0);
        }
        assert_eq!(throttle.wait_s(&proxy, 0), None);
        throttle.failed(proxy.clone(), 0);
        assert!(throttle.wait_s(&proxy, 0).is_some());
    }
}

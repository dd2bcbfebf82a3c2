//! The builds that this console follows at the moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prt_types::ids::{BuildId, WorkerId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Why a build is to end before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody asked for it.
    Cancel,
    /// It takes too long.
    Timeout,
    /// Its builder is gone; the words say why.
    Lost(String),
}

/// Numbers of a running build that its row gets only at the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Live {
    pub steps: i64,
    pub steps_cached: i64,
}

/// A build that is followed.
#[derive(Debug)]
pub(super) struct Run {
    pub worker: WorkerId,
    stop: watch::Sender<Option<Stop>>,
    live: Mutex<Live>,
}

impl Run {
    /// Asks for the build's end. The first reason counts, except that a builder which is gone cannot be asked any more.
    pub fn stop(&self, reason: Stop) {
        self.stop.send_if_modified(|stop| {
            let counts = match (&stop, &reason) {
                (None, _) => true,
                (Some(Stop::Cancel | Stop::Timeout), Stop::Lost(_)) => true,
                (Some(_), _) => false,
            };
            if counts {
                *stop = Some(reason);
            }
            counts
        });
    }

    /// The wish for an end, to be waited for.
    pub fn stopping(&self) -> watch::Receiver<Option<Stop>> {
        self.stop.subscribe()
    }

    pub fn live(&self) -> Live {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_live(&self, live: Live) {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = live;
    }
}

/// The builds that this console follows. Following can be given up without touching the builds.
#[derive(Debug, Default)]
pub struct BuildRuns {
    runs: Mutex<HashMap<BuildId, Arc<Run>>>,
    detached: CancellationToken,
}

impl BuildRuns {
    /// Stops following all builds; they go on in their builders.
    pub fn detach(&self) {
        self.detached.cancel();
    }

    /// Resolves when following is given up.
    pub(super) fn detached(&self) -> CancellationToken {
        self.detached.clone()
    }

    fn map(&self) -> MutexGuard<'_, HashMap<BuildId, Arc<Run>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a build; `None` if it is followed already.
    pub(super) fn enter(&self, build: BuildId, worker: WorkerId) -> Option<Arc<Run>> {
        let mut runs = self.map();
        if runs.contains_key(&build) {
            return None;
        }
        let run = Arc::new(Run {
            worker,
            stop: watch::Sender::new(None),
            live: Mutex::default(),
        });
        runs.insert(build, Arc::clone(&run));
        Some(run)
    }

    pub(super) fn leave(&self, build: BuildId) {
        self.map().remove(&build);
    }

    pub(super) fn get(&self, build: BuildId) -> Option<Arc<Run>> {
        self.map().get(&build).cloned()
    }

    pub(super) fn of_worker(&self, worker: WorkerId) -> Vec<Arc<Run>> {
        self.map()
            .values()
            .filter(|run| run.worker == worker)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::new_id;

    #[test]
    fn the_first_reason_counts_unless_the_builder_is_gone() {
        let runs = BuildRuns::default();
        let (build, worker) = (BuildId(new_id()), WorkerId(new_id()));
        let run = runs.enter(build, worker).unwrap();
        assert!(runs.enter(build, worker).is_none());
        let stopping = run.stopping();
        for (reason, then) in [
            (Stop::Cancel, Stop::Cancel),
            (Stop::Timeout, Stop::Cancel),
            (Stop::Lost("a".into()), Stop::Lost("a".into())),
            (Stop::Lost("b".into()), Stop::Lost("a".into())),
            (Stop::Cancel, Stop::Lost("a".into())),
        ] {
            run.stop(reason);
            assert_eq!(*stopping.borrow(), Some(then));
        }
        assert_eq!(runs.of_worker(worker).len(), 1);
        runs.leave(build);
        assert!(runs.get(build).is_none());
    }
}

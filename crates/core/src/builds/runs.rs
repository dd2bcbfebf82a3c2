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
    /// Its log or its credentials cannot be used; the words say why.
    Unfollowed(String),
}

/// What others have learned about a build's builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It may have ended: the engine is to be asked.
    Look,
    /// The engine has confirmed that it is gone.
    Gone(String),
}

/// What a follower is told from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub stop: Option<Stop>,
    pub builder: Option<Word>,
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
    told: watch::Sender<Told>,
    live: Mutex<Live>,
}

impl Run {
    /// Asks for the build's end. The first reason counts.
    pub fn stop(&self, reason: Stop) {
        self.told.send_if_modified(|told| {
            let first = told.stop.is_none();
            if first {
                told.stop = Some(reason);
            }
            first
        });
    }

    /// Passes on what was learned about the builder. What the engine has confirmed stays.
    pub fn builder(&self, word: Word) {
        self.told.send_if_modified(|told| {
            let news = !matches!(told.builder, Some(Word::Gone(_)));
            if news {
                told.builder = Some(word);
            }
            news
        });
    }

    /// What the follower is told, to be waited for.
    pub fn told(&self) -> watch::Receiver<Told> {
        self.told.subscribe()
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
    pub(crate) fn detached(&self) -> CancellationToken {
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
            told: watch::Sender::default(),
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
    fn the_first_reason_counts_and_a_confirmed_end_stays() {
        let runs = BuildRuns::default();
        let (build, worker) = (BuildId(new_id()), WorkerId(new_id()));
        let run = runs.enter(build, worker).unwrap();
        assert!(runs.enter(build, worker).is_none());
        let told = run.told();
        run.stop(Stop::Cancel);
        run.stop(Stop::Timeout);
        assert_eq!(told.borrow().stop, Some(Stop::Cancel));
        let gone = |words: &str| Word::Gone(words.into());
        for (word, then) in [
            (Word::Look, Word::Look),
            (gone("a"), gone("a")),
            (Word::Look, gone("a")),
            (gone("b"), gone("a")),
        ] {
            run.builder(word);
            assert_eq!(told.borrow().builder, Some(then));
        }
        assert_eq!(runs.of_worker(worker).len(), 1);
        runs.leave(build);
        assert!(runs.get(build).is_none());
    }
}

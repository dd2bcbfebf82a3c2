//! Why a builder does not start, in words that say what to do.

use prt_types::workers::{ContainerRole, WorkerReason};

use super::provision::Failure;
use crate::{builders, store::Worker};

/// Exit codes of a program that is not there, or cannot be run.
const NO_PROGRAM: [i64; 2] = [126, 127];

/// The builder's main process has ended: what its last words mean.
pub(super) fn ended(worker: &Worker, exit_code: Option<i64>, message: String) -> Failure {
    if exit_code.is_some_and(|code| NO_PROGRAM.contains(&code)) {
        return no_buildkit(worker, &message);
    }
    let message = match builders::explain(&message) {
        Some(fix) => format!("{message} {fix}"),
        None => message,
    };
    Failure {
        reason: WorkerReason::BuilderFailed,
        message,
    }
}

/// The time is over although the notebook answers.
pub(super) fn silent(seconds: u64) -> Failure {
    Failure {
        reason: WorkerReason::BuilderFailed,
        message: format!(
            "The builder container runs, but BuildKit did not answer within {seconds} s. Its image must start buildkitd; see the \
             builder's log."
        ),
    }
}

/// What ran or should have run is no builder; `words` say how that is known.
pub(super) fn no_buildkit(worker: &Worker, words: &str) -> Failure {
    let image = worker
        .planned
        .iter()
        .find(|planned| planned.role == ContainerRole::Builder)
        .map_or("", |planned| planned.image.as_str());
    Failure {
        reason: WorkerReason::BuilderFailed,
        message: format!(
            "The image {image} is no builder: its start command must be buildkitd, and buildctl must be in its PATH ({words}). Make \
             custom builders from the platform's builder image or from moby/buildkit."
        ),
    }
}

//! Decisions about rights: pure functions over the asker and the rules, each with its reason.
//!
//! Nothing here reads a store; callers read rules and groups anew for each decision, so that a revoked right is gone at the next try.

pub mod images;

use prt_types::workers::WorkerStatus;

use crate::{op_context::Actor, store::Grantee};

/// Whether a grant list includes the actor.
pub fn granted(actor: &Actor, grants: &[Grantee]) -> bool {
    grants.iter().any(|grantee| match grantee {
        Grantee::User(id) => *id == actor.user_id,
        Grantee::Group(id) => actor.groups.contains(id),
    })
}

/// Whether commands and files may reach a worker in this state.
pub fn is_reachable(status: WorkerStatus) -> bool {
    match status {
        WorkerStatus::Running => true,
        WorkerStatus::Provisioning | WorkerStatus::Terminating | WorkerStatus::Terminated | WorkerStatus::Failed => {
            false
        }
    }
}

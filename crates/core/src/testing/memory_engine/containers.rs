//! Containers of the engine in memory.

use prt_types::{
    ids::WorkerId,
    worker_sizes::Limits,
    workers::{ContainerRole, ContainerState},
};

use super::{MemoryEngine, Worker};
use crate::engine::{FoundContainer, FoundWorker, ObservedContainer, ObservedWorker, SecuritySettings, WorkerPlan};

#[derive(Clone)]
pub(super) struct Container {
    pub role: ContainerRole,
    pub image: String,
    pub limits: Limits,
    pub security: SecuritySettings,
    pub state: ContainerState,
    pub paused: bool,
    pub exit_code: Option<i64>,
    pub started_ms: i64,
}

impl Worker {
    pub(super) fn of_role(&self, role: ContainerRole) -> Option<&Container> {
        self.containers.iter().find(|container| container.role == role)
    }
}

pub(super) fn planned(plan: &WorkerPlan) -> Vec<Container> {
    let all = [
        (ContainerRole::Primary, Some(&plan.primary)),
        (ContainerRole::Builder, plan.builder.as_ref()),
    ];
    all.into_iter()
        .filter_map(|(role, container)| {
            container.map(|container| Container {
                role,
                image: container.image.clone(),
                limits: container.limits,
                security: container.security.clone(),
                state: ContainerState::Running,
                paused: false,
                exit_code: None,
                started_ms: 0,
            })
        })
        .collect()
}

pub(super) fn observed(worker_id: WorkerId, worker: &Worker) -> ObservedWorker {
    let containers = worker.containers.iter().map(|container| ObservedContainer {
        role: container.role,
        // As Docker has it: a paused container runs.
        state: container.state,
        image: container.image.clone(),
        limits: container.limits,
        started_ms: Some(container.started_ms),
        exit_code: container.exit_code,
        oom_killed: false,
        error: None,
    });
    ObservedWorker {
        worker_id,
        containers: containers.collect(),
    }
}

pub(super) fn found(worker_id: WorkerId, worker: &Worker) -> FoundWorker {
    let seen = observed(worker_id, worker).containers.into_iter();
    let containers = seen.zip(&worker.containers).map(|(seen, container)| FoundContainer {
        seen,
        security: container.security.clone(),
    });
    FoundWorker {
        worker_id,
        name: worker.name.clone(),
        owner: worker.owner.clone(),
        containers: containers.collect(),
    }
}

/// What tests do to containers.
impl MemoryEngine {
    /// Freezes or thaws a container.
    pub fn pause(&self, worker: WorkerId, role: ContainerRole, paused: bool) {
        self.container(worker, role, |container| container.paused = paused);
        self.tell(worker, role, if paused { "pause" } else { "unpause" }, None);
    }

    /// Ends a container's main process, and with it all others.
    pub fn end(&self, worker: WorkerId, role: ContainerRole, exit_code: i64) {
        self.container(worker, role, |container| {
            (container.state, container.paused) = (ContainerState::Exited, false);
            container.exit_code = Some(exit_code);
        });
        self.change(|state| {
            if role == ContainerRole::Builder
                && let Some(worker) = state.workers.get_mut(&worker)
            {
                worker.builds.all_processes_end();
            }
        });
        self.tell(worker, role, "die", Some(exit_code));
    }

    /// Starts a container that has ended.
    pub fn start_again(&self, worker: WorkerId, role: ContainerRole) {
        let now = self.change(|state| {
            state.now_ms += 1;
            state.now_ms
        });
        self.container(worker, role, |container| {
            (container.state, container.exit_code) = (ContainerState::Running, None);
            container.started_ms = now;
        });
        self.tell(worker, role, "start", None);
    }

    /// Removes a worker behind the console's back, without a word.
    pub fn vanish(&self, worker: WorkerId) {
        self.change(|state| state.workers.remove(&worker));
    }

    /// Makes a worker's containers as a start that was cut off left them: made and not started.
    pub fn only_created(&self, worker: WorkerId) {
        self.change(|state| {
            for container in &mut state.workers.entry(worker).or_default().containers {
                container.state = ContainerState::Created;
            }
        });
    }

    fn container(&self, worker: WorkerId, role: ContainerRole, change: impl FnOnce(&mut Container)) {
        self.change(|state| {
            let containers = state.workers.get_mut(&worker).map(|worker| &mut worker.containers);
            let found = containers
                .into_iter()
                .flatten()
                .find(|container| container.role == role);
            change(found.expect("the worker has such a container"));
        });
    }
}

//! Engine events, and repair: what the engine has against what the rows say.

use std::{collections::HashSet, time::Duration};

use futures::StreamExt;
use prt_types::{
    exit_code::exit_code_words,
    ids::WorkerId,
    workers::{ContainerRole, ContainerState, WorkerReason, WorkerStatus},
};

use crate::{
    Orchestrator,
    engine::EngineEvent,
    error::Result,
    store::{Worker, WorkerFilter},
};

/// Between two repairs.
const REPAIR_EVERY: Duration = Duration::from_mins(1);
/// Before the engine is asked again after it went away, at first and at most.
const RECONNECT: Duration = Duration::from_secs(1);
const LONGEST_RECONNECT: Duration = Duration::from_secs(10);

impl Orchestrator {
    /// At start: notes which workers a former console was starting, then follows the engine in a task of its own: sweeps what belongs to
    /// no worker, picks up workers in any state, and listens. The engine may be away, or hang.
    pub(crate) async fn workers_resume(&self) -> Result<()> {
        let live = WorkerFilter {
            live_only: true,
            ..WorkerFilter::default()
        };
        let rows = self.read().await?.workers(&live).await?;
        let starting = |worker: &Worker| worker.status == WorkerStatus::Provisioning;
        let left = rows.into_iter().filter(starting).map(|worker| worker.id).collect();
        let this = self.clone();
        let follow = tokio::spawn(async move { this.workers_follow(left).await });
        self.inner
            .workers
            .insert(WorkerId(uuid::Uuid::nil()), follow.abort_handle());
        Ok(())
    }

    /// `left`: workers that a former console was starting and that nobody follows yet.
    async fn workers_follow(&self, mut left: HashSet<WorkerId>) {
        let mut repair = tokio::time::interval(REPAIR_EVERY);
        repair.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        repair.tick().await;
        let mut pause = RECONNECT;
        loop {
            let mut events = match self.inner.engine.events().await {
                Ok(events) => events,
                Err(error) => {
                    tracing::warn!(%error, "the container engine does not answer");
                    self.engine_answers(Some(&error));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_RECONNECT);
                    continue;
                }
            };
            self.engine_answers(None);
            pause = RECONNECT;
            // What happened while nobody listened.
            self.workers_repair_logged(&mut left).await;
            loop {
                tokio::select! {
                    event = events.next() => match event {
                        Some(event) => self.worker_engine_event(event).await,
                        None => break,
                    },
                    _ = repair.tick() => self.workers_repair_logged(&mut left).await,
                }
            }
            tracing::warn!("the container engine closed its event stream");
            tokio::time::sleep(pause).await;
        }
    }

    async fn workers_repair_logged(&self, left: &mut HashSet<WorkerId>) {
        if let Err(error) = self.workers_repair(left).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "workers cannot be checked against the engine"
            );
        }
    }

    async fn worker_engine_event(&self, event: EngineEvent) {
        let worker = match self.worker_by_id(event.worker_id).await {
            Ok(Some(worker)) => worker,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an engine event is lost");
                return;
            }
        };
        let role = event.role.name();
        let message = match (event.kind.as_str(), event.exit_code) {
            ("oom", _) => format!("A process in the {role} container was killed: out of memory."),
            ("die", Some(code)) => format!(
                "The main process of the {role} container ended with {}.",
                exit_code_words(code)
            ),
            ("start", _) => format!("The {role} container started."),
            ("create", _) => format!("The {role} container was created."),
            ("destroy", _) => format!("The {role} container was removed."),
            (kind, _) => format!("The engine says {kind} of the {role} container."),
        };
        self.worker_event(&worker, role, &event.kind, message).await;
        if event.kind == "oom"
            && let Err(error) = self.worker_ran_out_of_memory(&worker, event.role).await
        {
            tracing::error!(
                worker.name = worker.name(),
                error = &error as &dyn std::error::Error,
                "the reason of a failure is not recorded"
            );
        }
        let ended = matches!(event.kind.as_str(), "die" | "destroy");
        if ended
            && worker.status == WorkerStatus::Running
            && let Err(error) = self.worker_examine(&worker).await
        {
            tracing::error!(
                worker.name = worker.name(),
                error = &error as &dyn std::error::Error,
                "a worker cannot be examined"
            );
        }
        if ended && event.role == ContainerRole::Builder {
            self.builder_may_have_ended(worker.id);
        }
    }

    async fn worker_by_id(&self, id: WorkerId) -> Result<Option<Worker>> {
        Ok(self.read().await?.worker(id).await?)
    }

    /// Compares rows and engine.
    async fn workers_repair(&self, left: &mut HashSet<WorkerId>) -> Result<()> {
        // The engine's list first: a worker that is created meanwhile has its row before its containers.
        let in_engine = self.inner.engine.list().await?;
        let rows = self
            .read()
            .await?
            .workers(&WorkerFilter {
                live_only: true,
                ..WorkerFilter::default()
            })
            .await?;
        let known: HashSet<WorkerId> = rows.iter().map(|worker| worker.id).collect();
        let mut unknown = HashSet::new();
        for id in in_engine.into_iter().filter(|id| !known.contains(id)) {
            // A row comes before its containers and stays until they are gone, so one without a row belongs to another database, and
            // an admin decides about it. Only a check of the host has none; what one left that was cut off goes.
            if self.inner.workers.probes().contains(&id) {
                continue;
            }
            if self.worker_by_id(id).await?.is_none() && !self.is_probe(id).await? {
                unknown.insert(id);
                continue;
            }
            tracing::info!(worker.id = %id, "removing containers and volumes that belong to no worker");
            if let Err(error) = self.inner.engine.stop(id).await {
                tracing::error!(worker.id = %id, %error, "containers and volumes that belong to no worker stay");
            }
        }
        self.unknown_workers_note(unknown).await?;
        for worker in rows {
            match self.worker_repair(&worker, left.contains(&worker.id)).await {
                Ok(()) => _ = left.remove(&worker.id),
                Err(error) => tracing::error!(
                    worker.name = worker.name(),
                    error = &error as &dyn std::error::Error,
                    "a worker cannot be repaired"
                ),
            }
        }
        Ok(())
    }

    /// `left`: a former console was starting it and nobody follows it yet.
    async fn worker_repair(&self, worker: &Worker, left: bool) -> Result<()> {
        match worker.status {
            WorkerStatus::Running => self.worker_examine(worker).await,
            WorkerStatus::Terminating => self.worker_remove(worker.id).await,
            WorkerStatus::Provisioning if left => {
                // A container that was only made may lack its files, and nobody else will start it. One that ended says why itself.
                let started = self.inner.engine.observe(worker.id).await?.is_some_and(|seen| {
                    worker.planned.iter().all(|planned| {
                        seen.container(planned.role)
                            .is_some_and(|container| container.state != ContainerState::Created)
                    })
                });
                if started {
                    self.worker_provision_resume(worker.clone(), false);
                    return Ok(());
                }
                // The pull's credentials lived in the former console's memory only.
                let message =
                    "The console was stopped while this worker was being started. Terminate it and start it again.";
                self.worker_fail(worker.id, WorkerReason::Lost, message.into()).await
            }
            WorkerStatus::Provisioning | WorkerStatus::Failed | WorkerStatus::Terminated => Ok(()),
        }
    }
}

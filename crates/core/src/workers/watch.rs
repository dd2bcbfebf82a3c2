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
    engine::{EngineEvent, ObservedContainer},
    error::Result,
    store::{Worker, WorkerFilter},
};

/// Between two repairs.
const REPAIR_EVERY: Duration = Duration::from_mins(1);
/// Before the engine is asked again after it went away.
const RECONNECT: Duration = Duration::from_secs(1);

impl Orchestrator {
    /// At start: sweeps what belongs to no worker, picks up workers in any state, then follows the engine.
    pub(crate) async fn workers_resume(&self) -> Result<()> {
        if let Err(error) = self.workers_repair(true).await {
            // The console comes up and says in its pages that the engine is away; repair is tried again on the timer.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "workers cannot be checked against the engine"
            );
        }
        let this = self.clone();
        let follow = tokio::spawn(async move { this.workers_follow().await });
        self.inner
            .workers
            .insert(WorkerId(uuid::Uuid::nil()), follow.abort_handle());
        Ok(())
    }

    async fn workers_follow(&self) {
        let mut repair = tokio::time::interval(REPAIR_EVERY);
        repair.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        repair.tick().await;
        loop {
            let mut events = match self.inner.engine.events().await {
                Ok(events) => events,
                Err(error) => {
                    tracing::warn!(%error, "the container engine does not answer");
                    tokio::time::sleep(RECONNECT).await;
                    continue;
                }
            };
            // What happened while nobody listened.
            self.workers_repair_logged().await;
            loop {
                tokio::select! {
                    event = events.next() => match event {
                        Some(event) => self.worker_engine_event(event).await,
                        None => break,
                    },
                    _ = repair.tick() => self.workers_repair_logged().await,
                }
            }
            tracing::warn!("the container engine closed its event stream");
            tokio::time::sleep(RECONNECT).await;
        }
    }

    async fn workers_repair_logged(&self) {
        if let Err(error) = self.workers_repair(false).await {
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
        if ended && worker.status == WorkerStatus::Running {
            if let Err(error) = self.worker_examine(&worker).await {
                tracing::error!(
                    worker.name = worker.name(),
                    error = &error as &dyn std::error::Error,
                    "a worker cannot be examined"
                );
            }
        } else if event.kind == "die"
            && event.role == ContainerRole::Builder
            && let Err(error) = self.builder_lost(worker.id, "The builder container ended.").await
        {
            tracing::error!(
                worker.name = worker.name(),
                error = &error as &dyn std::error::Error,
                "a lost build is not recorded"
            );
        }
    }

    async fn worker_by_id(&self, id: WorkerId) -> Result<Option<Worker>> {
        Ok(self.read().await?.worker(id).await?)
    }

    /// Compares rows and engine. At the first time nobody follows the workers yet.
    async fn workers_repair(&self, first: bool) -> Result<()> {
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
        for id in in_engine.into_iter().filter(|id| !known.contains(id)) {
            if self.worker_is_stranger(id).await? {
                if self.inner.workers.stranger(id) {
                    tracing::error!(
                        worker.id = %id,
                        instance = self.inner.settings.instance,
                        "the engine has a worker of this instance that the database does not know; it is left alone. Is this the right \
                         database? If it is, remove the containers and volumes with this worker id yourself"
                    );
                }
                continue;
            }
            tracing::info!(worker.id = %id, "removing containers and volumes that belong to no worker");
            self.inner.engine.stop(id).await?;
        }
        for worker in rows {
            if let Err(error) = self.worker_repair(&worker, first).await {
                tracing::error!(
                    worker.name = worker.name(),
                    error = &error as &dyn std::error::Error,
                    "a worker cannot be repaired"
                );
            }
        }
        Ok(())
    }

    /// Whether what the engine has is of a worker that another database knows. A row comes before its containers and stays when the
    /// worker ends, so of a worker that ever was ours we have the row; a crash can leave only pieces that do not run.
    async fn worker_is_stranger(&self, id: WorkerId) -> Result<bool> {
        let mut tx = self.read().await?;
        if tx.worker(id).await?.is_some() {
            return Ok(false);
        }
        let any = WorkerFilter {
            limit: 1,
            ..WorkerFilter::default()
        };
        let new_database = tx.workers(&any).await?.is_empty();
        drop(tx);
        let running = self.inner.engine.observe(id).await?.is_some_and(|seen| {
            let runs = |container: &ObservedContainer| container.state == ContainerState::Running;
            seen.containers.iter().any(runs)
        });
        Ok(new_database || running)
    }

    async fn worker_repair(&self, worker: &Worker, first: bool) -> Result<()> {
        match worker.status {
            WorkerStatus::Running => self.worker_examine(worker).await,
            WorkerStatus::Terminating => self.worker_remove(worker.id).await,
            WorkerStatus::Provisioning if first => {
                // A container that was only made may lack its files, and nobody else will start it. One that ended says why itself.
                let started = self.inner.engine.observe(worker.id).await?.is_some_and(|seen| {
                    worker.planned.iter().all(|planned| {
                        seen.container(planned.role)
                            .is_some_and(|container| container.state != ContainerState::Created)
                    })
                });
                if started {
                    self.worker_provision_resume(worker.clone());
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

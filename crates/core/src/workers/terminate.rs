//! The end of a worker.

use std::time::Duration;

use prt_types::{
    audit::Outcome,
    ids::WorkerId,
    workers::{TerminateRequest, WorkerStatus, WorkerView},
};
use serde_json::json;

use crate::{
    Orchestrator,
    error::{Error, Result},
    op_context::OpContext,
    orchestrator::Change,
};

/// A request waits so long for the removal; after that it goes on in the background.
const WAIT: Duration = Duration::from_secs(20);
const STOP_REASON_MAX: usize = 500;

impl Orchestrator {
    /// Removes a worker: containers, volumes, its token. Terminating it again is no error.
    pub async fn worker_terminate(&self, cx: &OpContext, name: &str, request: TerminateRequest) -> Result<WorkerView> {
        let reason = request
            .stop_reason
            .map(|reason| reason.trim().to_owned())
            .filter(|reason| !reason.is_empty());
        if reason
            .as_ref()
            .is_some_and(|reason| reason.chars().count() > STOP_REASON_MAX)
        {
            return Err(Error::field(
                "stop_reason",
                format!("At most {STOP_REASON_MAX} characters."),
            ));
        }
        let mut tx = self.write().await?;
        let mut worker = self.worker_to_end(&mut *tx, cx, name).await?;
        match worker.status {
            WorkerStatus::Terminated | WorkerStatus::Terminating => {}
            WorkerStatus::Provisioning | WorkerStatus::Running | WorkerStatus::Failed => {
                worker.status = WorkerStatus::Terminating;
                // Why it failed stays to be read.
                if worker.reason.is_none() {
                    worker.message = "Removing containers and volumes".into();
                }
                worker.stop_reason.clone_from(&reason);
                tx.worker_update(&worker).await?;
                tx.tokens_of_worker_remove(worker.id).await?;
                let details = json!({ "stop_reason": reason });
                self.audit_add(&mut *tx, cx, "worker.terminate", name, Outcome::Done, details)
                    .await?;
            }
        }
        tx.save().await?;
        if worker.status == WorkerStatus::Terminating {
            self.changed(Some(&worker.owner), Change::Worker { name: worker.name() });
            self.inner.workers.abort(worker.id);
            let this = self.clone();
            let removal = self
                .inner
                .tasks
                .spawn(async move { this.worker_remove(worker.id).await });
            // A slow engine must not hold the request; the removal goes on and is tried again by the repair.
            if let Ok(Ok(Err(error))) = tokio::time::timeout(WAIT, removal).await {
                return Err(error);
            }
        }
        self.worker_get(cx, name).await
    }

    /// Removes what the engine has of a worker in Terminating, and closes the row.
    pub(super) async fn worker_remove(&self, id: WorkerId) -> Result<()> {
        // What a start is making just now would come into being behind the removal's back.
        let alone = self.inner.workers.engine(id).await;
        self.inner.engine.stop(id).await?;
        self.builder_gone(id, "The worker was terminated.");
        drop(alone);
        let now = self.now_ms();
        let event = ("Terminated", "Containers and volumes are removed.");
        self.worker_change(id, Some(event), |worker| {
            let terminating = worker.status == WorkerStatus::Terminating;
            if terminating {
                worker.status = WorkerStatus::Terminated;
                if worker.reason.is_none() {
                    worker.message = "Terminated".into();
                }
                worker.ended_ms = Some(now);
            }
            terminating
        })
        .await?;
        Ok(())
    }
}

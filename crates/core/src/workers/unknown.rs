//! Workers that the engine has and the database does not know: an older backup was restored, or the database was lost. The console does
//! not change them; an admin adopts or removes each.

use std::collections::HashSet;

use prt_types::{
    audit::Outcome,
    ids::WorkerId,
    unknown_workers::{AdoptRequest, UnknownWorkerView},
    worker_sizes::Limits,
    workers::{ContainerRole, ContainerView, WorkerEvent, WorkerStatus, WorkerView},
};
use serde_json::json;

use super::number_of;
use crate::{
    Orchestrator,
    builders::PROBE,
    engine::FoundWorker,
    error::{Error, Result},
    op_context::OpContext,
    orchestrator::Change,
    security_contexts,
    store::{PlannedContainer, Repository, User, Worker, WorkerFilter},
};

/// The size of a worker whose limits are those of no size.
const UNKNOWN_SIZE: &str = "unknown";

impl Orchestrator {
    /// How many there were at the last look, for who looks at workers; none for who is no admin.
    pub fn unknown_worker_count(&self, cx: &OpContext) -> usize {
        if cx.admin("see unknown workers").is_err() {
            return 0;
        }
        self.inner.workers.unknown().len()
    }

    /// All of them, oldest first. Admins only.
    pub async fn unknown_workers(&self, cx: &OpContext) -> Result<Vec<UnknownWorkerView>> {
        self.admin(cx, "see unknown workers", "unknown_worker.list").await?;
        // The engine first: a worker that is started meanwhile has its row before its containers.
        let ids = self.inner.engine.list().await?;
        let live = WorkerFilter {
            live_only: true,
            ..WorkerFilter::default()
        };
        let mut tx = self.read().await?;
        let live: HashSet<WorkerId> = tx.workers(&live).await?.iter().map(|worker| worker.id).collect();
        let mut unknown = vec![];
        for id in ids.into_iter().filter(|id| !live.contains(id)) {
            if tx.worker(id).await?.is_none() && !self.is_probe(id).await? {
                unknown.push(id);
            }
        }
        drop(tx);
        self.unknown_workers_note(unknown.iter().copied().collect()).await?;
        let mut found = vec![];
        for id in unknown {
            found.extend(self.inner.engine.found(id).await?);
        }
        let mut tx = self.read().await?;
        let owners: Vec<String> = found.iter().map(|found| found.owner.clone()).collect();
        let users = tx.user_ids(&owners).await?;
        let view = |found: FoundWorker| {
            let owner_exists = users.contains_key(&found.owner);
            view(found, owner_exists)
        };
        Ok(found.into_iter().map(view).collect())
    }

    /// Makes a record for a worker again, as the engine describes it. Admins only.
    pub async fn unknown_worker_adopt(
        &self,
        cx: &OpContext,
        id: WorkerId,
        request: AdoptRequest,
    ) -> Result<WorkerView> {
        const ACTION: &str = "worker.adopt";
        self.admin(cx, "adopt workers", ACTION).await?;
        let alone = self.inner.workers.engine(id).await;
        let found = self.unknown_worker(id).await?;
        let mut tx = self.write().await?;
        let worker = self.adopted(&mut *tx, &found, request.owner).await?;
        tx.worker_add(&worker).await?;
        let name = worker.name();
        let label = found.name.clone();
        let message = if label == name {
            "An admin adopted the worker: the database did not know it.".to_owned()
        } else {
            format!("An admin adopted the worker, which was {label} before. Its containers still have that name.")
        };
        let event = WorkerEvent {
            at_ms: self.now_ms(),
            source: "console".into(),
            kind: "Adopted".into(),
            message,
        };
        tx.worker_event_add(id, &event).await?;
        let details = json!({ "id": id, "owner": worker.owner, "label": label, "label_owner": found.owner });
        self.audit_add(&mut *tx, cx, ACTION, &name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        drop(alone);
        self.inner.workers.unknown().remove(&id);
        self.changed(Some(&worker.owner), Change::Worker { name: name.clone() });
        // Looks how it is, and gives it new tokens: the record of the old one is lost, too.
        self.worker_provision_resume(worker, true);
        self.worker_get(cx, &name).await
    }

    /// Removes the containers and volumes of a worker. Admins only.
    pub async fn unknown_worker_remove(&self, cx: &OpContext, id: WorkerId) -> Result<()> {
        const ACTION: &str = "unknown_worker.remove";
        self.admin(cx, "remove unknown workers", ACTION).await?;
        let alone = self.inner.workers.engine(id).await;
        let found = self.unknown_worker(id).await?;
        // Recorded first: a removal that is cut off has removed something.
        let mut tx = self.write().await?;
        let details = json!({ "id": id, "owner": found.owner });
        let object = if found.name.is_empty() {
            id.to_string()
        } else {
            found.name
        };
        self.audit_add(&mut *tx, cx, ACTION, &object, Outcome::Done, details)
            .await?;
        tx.save().await?;
        let this = self.clone();
        // In a task of its own: who asked may go away meanwhile.
        let removal = self.inner.tasks.spawn(async move {
            let _alone = alone;
            this.inner.engine.stop(id).await?;
            this.inner.workers.unknown().remove(&id);
            this.changed(None, Change::Worker { name: object });
            Ok::<(), Error>(())
        });
        removal
            .await
            .map_err(|error| Error::internal("removing an unknown worker", error))?
    }

    /// Notes what the engine has without a record. What is new is told in the log, and its number is not given to another worker.
    pub(super) async fn unknown_workers_note(&self, now: HashSet<WorkerId>) -> Result<()> {
        let new: Vec<WorkerId> = {
            let mut unknown = self.inner.workers.unknown();
            let new = now.difference(&unknown).copied().collect();
            *unknown = now;
            new
        };
        for id in new {
            let found = self.inner.engine.found(id).await?;
            let name = found.map(|found| found.name).unwrap_or_default();
            tracing::error!(
                worker.id = %id,
                worker.name = name,
                instance = self.inner.settings.instance,
                "the engine has a worker of this instance that the database does not know; it is left alone. Is this the right database? \
                 If it is, an admin can adopt or remove the worker (Workers, or `prtcli worker unknown`)"
            );
            if let Some(number) = number_of(&name) {
                let mut tx = self.write().await?;
                tx.worker_number_reserve(number).await?;
                tx.save().await?;
            }
            self.changed(None, Change::Worker { name });
        }
        Ok(())
    }

    /// Whether this is a check of the host, running or left by a console that was cut off.
    pub(super) async fn is_probe(&self, id: WorkerId) -> Result<bool> {
        if self.inner.workers.probes().contains(&id) {
            return Ok(true);
        }
        let found = self.inner.engine.found(id).await?;
        Ok(found.is_some_and(|found| found.name == PROBE && found.owner.is_empty()))
    }

    async fn unknown_worker(&self, id: WorkerId) -> Result<FoundWorker> {
        let missing = || Error::not_found("unknown worker", id);
        if self.read().await?.worker(id).await?.is_some() || self.is_probe(id).await? {
            return Err(missing());
        }
        self.inner.engine.found(id).await?.ok_or_else(missing)
    }

    /// The row: what cannot be seen in the engine is left empty.
    async fn adopted(&self, tx: &mut dyn Repository, found: &FoundWorker, named: Option<String>) -> Result<Worker> {
        let Some(primary) = found.container(ContainerRole::Primary) else {
            return Err(Error::Conflict {
                message: "The engine has no primary container of this worker, so it cannot be adopted.".into(),
                hint: Some("Remove it.".into()),
            });
        };
        let owner = owner(tx, found, named).await?;
        let builder = found.container(ContainerRole::Builder);
        let planned: Vec<PlannedContainer> = found
            .containers
            .iter()
            .map(|container| PlannedContainer {
                role: container.seen.role,
                image: container.seen.image.clone(),
                limits: container.seen.limits,
            })
            .collect();
        let limits = planned.iter().fold(Limits::default(), |all, one| Limits {
            cpu_millis: all.cpu_millis + one.limits.cpu_millis,
            memory_mib: all.memory_mib + one.limits.memory_mib,
            gpus: all.gpus + one.limits.gpus,
        });
        let (security_context, rights) = security_contexts::observed(tx, &primary.security).await?;
        let sizes = tx.worker_sizes().await?;
        let mut fitting = sizes
            .iter()
            .filter(|size| size.net_limits() == limits && size.security_context == security_context);
        let size = fitting.next().filter(|_| fitting.next().is_none());
        let number = match number_of(&found.name) {
            // It is this worker's: no number is given twice.
            Some(number) if tx.worker_by_number(number).await?.is_none() => {
                tx.worker_number_reserve(number).await?;
                number
            }
            // Another database has given the same one.
            Some(_) | None => tx.worker_next_number().await?,
        };
        Ok(Worker {
            id: found.worker_id,
            number,
            owner_id: owner.id,
            owner: owner.username,
            image: primary.seen.image.clone(),
            image_digest: None,
            size: size.map_or_else(|| UNKNOWN_SIZE.to_owned(), |size| size.name.clone()),
            size_id: size.map(|size| size.id),
            limits,
            security_context,
            rights,
            builder: builder.is_some(),
            builder_capacity: builder.map(|builder| share(builder.seen.limits, limits)),
            planned,
            status: WorkerStatus::Provisioning,
            reason: None,
            message: "Adopted; waiting until it answers".into(),
            created_ms: primary.seen.started_ms.unwrap_or_else(|| self.now_ms()),
            ready_ms: None,
            ended_ms: None,
            stop_reason: None,
            personal_secrets: vec![],
            shared_secrets: vec![],
            additional_params: std::collections::BTreeMap::new(),
        })
    }
}

/// The named user, or the one in the labels.
async fn owner(tx: &mut dyn Repository, found: &FoundWorker, named: Option<String>) -> Result<User> {
    let named = named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = named.as_ref().unwrap_or(&found.owner);
    if name.is_empty() {
        return Err(Error::field("owner", "The containers name no owner. Choose a user."));
    }
    tx.user_by_name(name).await?.ok_or_else(|| {
        Error::field(
            "owner",
            format!("There is no user {name}. Choose the worker's new owner."),
        )
    })
}

/// The builder's share in percent.
fn share(builder: Limits, all: Limits) -> i64 {
    let whole = all.cpu_millis.max(1);
    ((builder.cpu_millis * 100 + whole / 2) / whole).clamp(1, 99)
}

fn view(found: FoundWorker, owner_exists: bool) -> UnknownWorkerView {
    UnknownWorkerView {
        id: found.worker_id,
        owner_exists,
        adoptable: found.container(ContainerRole::Primary).is_some(),
        name: found.name,
        owner: found.owner,
        containers: found
            .containers
            .into_iter()
            .map(|container| ContainerView {
                role: container.seen.role,
                image: container.seen.image,
                state: container.seen.state,
                limits: container.seen.limits,
                started_ms: container.seen.started_ms,
                exit_code: container.seen.exit_code,
                error: container.seen.error,
            })
            .collect(),
    }
}

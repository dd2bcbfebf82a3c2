//! Workers: a primary container, and a builder beside it when asked for.
//!
//! | file | what |
//! |---|---|
//! | `config.rs` | validation of a `WorkerConfig` |
//! | `certificates.rs` | what a builder gets of the private certificates |
//! | `cache.rs` | the size of a builder's cache, and emptying it |
//! | `builder_start.rs` | why a builder does not start, in words |
//! | `notebook_start.rs` | waiting for the notebook, and why it does not start, in words |
//! | `create.rs` | the request: may they, is it valid, record |
//! | `provision.rs` | image, containers, waiting until it answers |
//! | `pull.rs` | the images, and why one does not come, in words |
//! | `plan.rs` | the containers as the engine gets them |
//! | `watch.rs` | engine events, repair at start and on a timer |
//! | `terminate.rs` | the end |
//! | `unknown.rs` | workers that the engine has and the database does not know: adopted or removed by an admin |
//! | `build_config.rs` | the configuration of a worker's build service: what is asked for, and what is shown |
//! | `build_config_apply.rs` | the same in the builder: waiting, trying, putting in place |
//! | `reach.rs` | logs of a running worker, and commands in it |
//! | `build_files.rs` | what is in the build folder |
//! | `contexts.rs` | build contexts that are sent, apart from the build folder |
//! | `uploads.rs` | files and folders into the build folder |

mod build_config;
mod build_config_apply;
mod build_files;
mod builder_start;
mod cache;
mod certificates;
pub(crate) mod config;
mod contexts;
mod create;
mod foreign;
mod notebook_start;
mod plan;
mod provision;
mod pull;
mod reach;
mod startup;
mod terminate;
mod unknown;
mod uploads;
mod watch;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prt_types::{
    ids::WorkerId,
    workers::{ContainerState, ContainerView, WorkerEvent, WorkerReason, WorkerStatus, WorkerView},
};
use tokio::{sync::OwnedMutexGuard, task::AbortHandle, time::Instant};

use crate::{
    Orchestrator,
    engine::ObservedWorker,
    error::{Error, Result},
    op_context::{Actor, OpContext},
    orchestrator::Change,
    store::{BuildFilter, Repository, Worker, WorkerFilter},
};
use prt_types::access::{Role, TokenScope};

pub use build_files::BuildFile;
pub use config::LOG_LEVELS;
pub use plan::CONTEXTS;
pub(crate) use plan::buildkit_state;
pub use reach::confine;
pub(crate) use reach::normal_path;
pub use uploads::ByteStream;

/// Where the build folder is in the primary container.
pub const BUILD_FOLDER_PRIMARY: &str = "/home/ubuntu/build";
/// Where the same folder is in the builder.
pub const BUILD_FOLDER_BUILDER: &str = "/build";
/// An engine tells the reason of an end within this time after the end.
const JUST_NOW: Duration = Duration::from_secs(10);
/// How long somebody who looks at a worker waits for the engine.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// Terminated workers that a list shows at most.
const LIST_ENDED: i64 = 200;

/// Tasks that follow workers; they can be dropped without touching the workers themselves.
#[derive(Debug, Default)]
pub(crate) struct WorkerTasks {
    tasks: Mutex<HashMap<WorkerId, AbortHandle>>,
    /// Held while something is made or removed of a worker in the engine: a call that is given up half-way goes on there.
    engine: Mutex<HashMap<WorkerId, Arc<tokio::sync::Mutex<()>>>>,
    uploads: Mutex<HashMap<WorkerId, Arc<uploads::Turns>>>,
    /// Found in the engine without a row, at the last look.
    unknown: Mutex<HashSet<WorkerId>>,
    /// Containers in which the host is being checked. They have no row.
    probes: Mutex<HashSet<WorkerId>>,
    /// When workers failed, while that is just now.
    failed: Mutex<HashMap<WorkerId, Instant>>,
}

/// What those share who are at a worker; it is forgotten when nobody is.
fn of_worker<T: Default>(all: &Mutex<HashMap<WorkerId, Arc<T>>>, id: WorkerId) -> Arc<T> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, shared| Arc::strong_count(shared) > 1);
    Arc::clone(all.entry(id).or_default())
}

impl WorkerTasks {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<WorkerId, AbortHandle>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the one right to change what the engine has of a worker.
    async fn engine(&self, id: WorkerId) -> OwnedMutexGuard<()> {
        of_worker(&self.engine, id).lock_owned().await
    }

    /// Where uploads into a worker wait for each other.
    fn uploads(&self, id: WorkerId) -> Arc<uploads::Turns> {
        of_worker(&self.uploads, id)
    }

    fn note_failed(&self, id: WorkerId) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, at| at.elapsed() < JUST_NOW);
        failed.insert(id, Instant::now());
    }

    /// Whether the worker has failed so lately that the engine may still say why.
    fn has_just_failed(&self, id: WorkerId) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(&id).is_some_and(|at| at.elapsed() < JUST_NOW)
    }

    /// Host checks that are running.
    pub(crate) fn probes(&self) -> std::sync::MutexGuard<'_, HashSet<WorkerId>> {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&self) -> std::sync::MutexGuard<'_, HashSet<WorkerId>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, id: WorkerId, task: AbortHandle) {
        if let Some(former) = self.map().insert(id, task) {
            former.abort();
        }
    }

    fn abort(&self, id: WorkerId) {
        if let Some(task) = self.map().remove(&id) {
            task.abort();
        }
    }

    /// Stops following all.
    pub fn detach(&self) {
        for (_, task) in self.map().drain() {
            task.abort();
        }
    }
}

/// Whether it can have a build that runs.
fn has_builder(worker: &Worker) -> bool {
    worker.builder && worker.status.is_live()
}

impl Orchestrator {
    /// The asker's workers, newest first; all users' for an admin. `all` includes terminated ones.
    pub async fn worker_list(&self, cx: &OpContext, all: bool) -> Result<Vec<WorkerView>> {
        let actor = cx.any_actor()?;
        let all_users = actor.role == Role::Admin && actor.only_worker.is_none() && actor.scope == TokenScope::Full;
        let owner = (!all_users).then_some(actor.user_id);
        let limit = if all { LIST_ENDED } else { 0 };
        let mut tx = self.read().await?;
        let mut workers = tx
            .workers(&WorkerFilter {
                owner,
                live_only: !all,
                limit,
            })
            .await?;
        workers.retain(|worker| sees(actor, worker));
        let builds = if workers.iter().any(has_builder) {
            let active = BuildFilter {
                active_only: true,
                ..BuildFilter::default()
            };
            tx.builds(&active).await?
        } else {
            vec![]
        };
        let active: HashMap<WorkerId, i64> = builds.iter().map(|build| (build.worker_id, build.number)).collect();
        let view = |worker: Worker| {
            let build = active.get(&worker.id).copied();
            self.worker_view_with(build, worker)
        };
        Ok(workers.into_iter().map(view).collect())
    }

    /// One worker with its containers and events.
    pub async fn worker_get(&self, cx: &OpContext, name: &str) -> Result<WorkerView> {
        let mut tx = self.read().await?;
        let worker = self.worker_visible_to_builds(&mut *tx, cx, name).await?;
        let events = tx.worker_events(worker.id).await?;
        let mut view = self.worker_view(&mut *tx, worker.clone()).await?;
        view.certificates = self.worker_certificates(&mut *tx, &worker).await?;
        drop(tx);
        view.events = events;
        view.containers = self.worker_containers(&worker).await;
        Ok(view)
    }

    /// The worker as soon as it answers, has failed or ended; as it is at the time limit.
    pub async fn worker_wait(&self, cx: &OpContext, name: &str, timeout: Duration) -> Result<WorkerView> {
        use futures::StreamExt as _;

        let settled = |view: &WorkerView| view.status != WorkerStatus::Provisioning;
        // Subscribed before the first look, so that no change falls between.
        let mut changes = self.changes_for(cx.any_actor()?);
        let waited = tokio::time::timeout(timeout, async {
            loop {
                let view = self.worker_get(cx, name).await?;
                if settled(&view) {
                    return Ok(view);
                }
                while let Some(change) = changes.next().await {
                    if matches!(&change, Change::Worker { name } if *name == view.name) {
                        break;
                    }
                }
            }
        })
        .await;
        match waited {
            Ok(view) => view,
            Err(_) => self.worker_get(cx, name).await,
        }
    }

    /// The worker of that name, if the asker may see it.
    pub(crate) async fn worker_visible(&self, tx: &mut dyn Repository, cx: &OpContext, name: &str) -> Result<Worker> {
        cx.actor()?;
        self.worker_visible_to_builds(tx, cx, name).await
    }

    /// The same, for what a token for builds may do too.
    pub(crate) async fn worker_visible_to_builds(
        &self,
        tx: &mut dyn Repository,
        cx: &OpContext,
        name: &str,
    ) -> Result<Worker> {
        let actor = cx.any_actor()?;
        let unseen = || Error::not_found("worker", name);
        let number = number_of(name).ok_or_else(unseen)?;
        let worker = tx.worker_by_number(number).await?.ok_or_else(unseen)?;
        if sees(actor, &worker) {
            Ok(worker)
        } else {
            Err(unseen())
        }
    }

    async fn worker_view(&self, tx: &mut dyn Repository, worker: Worker) -> Result<WorkerView> {
        let active_build = if has_builder(&worker) {
            tx.build_active(worker.id).await?.map(|build| build.number)
        } else {
            None
        };
        Ok(self.worker_view_with(active_build, worker))
    }

    fn worker_view_with(&self, active_build: Option<i64>, worker: Worker) -> WorkerView {
        WorkerView {
            name: worker.name(),
            instance_id: worker.id,
            owner: worker.owner,
            image: worker.image,
            image_digest: worker.image_digest,
            size: worker.size,
            limits: worker.limits,
            security_context: worker.security_context,
            status: worker.status,
            reason: worker.reason,
            message: worker.message,
            network_protocol: self.inner.settings.protocol().into(),
            personal_secrets: worker.personal_secrets,
            shared_secrets: worker.shared_secrets,
            additional_params: worker.additional_params,
            ready: worker.status == WorkerStatus::Running,
            builder: worker.builder,
            builder_capacity: worker.builder_capacity,
            active_build,
            created_ms: worker.created_ms,
            ready_ms: worker.ready_ms,
            ended_ms: worker.ended_ms,
            stop_reason: worker.stop_reason,
            containers: vec![],
            events: vec![],
            certificates: None,
        }
    }

    /// What the engine has of a worker, for those who look at it; `None` if it does not say so at once.
    async fn observed_soon(&self, worker: &Worker) -> Option<Option<ObservedWorker>> {
        if self.engine_away().is_some() {
            return None;
        }
        match tokio::time::timeout(LOOK_WITHIN, self.inner.engine.observe(worker.id)).await {
            Ok(Ok(observed)) => Some(observed),
            Ok(Err(error)) => {
                tracing::warn!(worker.name = worker.name(), %error, "the engine does not say how the worker is");
                None
            }
            Err(_) => {
                tracing::warn!(
                    worker.name = worker.name(),
                    "the engine does not say in time how the worker is"
                );
                None
            }
        }
    }

    /// The containers as planned, with what the engine says of them if it answers.
    async fn worker_containers(&self, worker: &Worker) -> Vec<ContainerView> {
        // What holds for a container that the engine does not have; without an answer, nothing does.
        let mut unseen = ContainerState::Absent;
        let observed = if worker.status.is_live() {
            self.observed_soon(worker).await.unwrap_or_else(|| {
                unseen = ContainerState::Unknown;
                None
            })
        } else {
            None
        };
        worker
            .planned
            .iter()
            .map(|planned| {
                let seen = observed.as_ref().and_then(|observed| observed.container(planned.role));
                ContainerView {
                    role: planned.role,
                    image: planned.image.clone(),
                    state: seen.map_or(unseen, |seen| seen.state),
                    limits: seen.map_or(planned.limits, |seen| seen.limits),
                    started_ms: seen.and_then(|seen| seen.started_ms),
                    exit_code: seen.and_then(|seen| seen.exit_code),
                    error: seen.and_then(|seen| seen.error.clone()),
                }
            })
            .collect()
    }

    /// Changes a worker's row if `change` says so, and tells open pages. The row is read anew, so that of two tasks the later one
    /// sees what the earlier one did. Whoever sees the change also sees its `event`, kind and message: both are one transaction.
    pub(crate) async fn worker_change(
        &self,
        id: WorkerId,
        event: Option<(&str, &str)>,
        change: impl FnOnce(&mut Worker) -> bool + Send,
    ) -> Result<Option<Worker>> {
        let mut tx = self.write().await?;
        let Some(mut worker) = tx.worker(id).await? else {
            return Ok(None);
        };
        if !change(&mut worker) {
            return Ok(None);
        }
        tx.worker_update(&worker).await?;
        if let Some((kind, message)) = event {
            tx.worker_event_add(id, &self.event_now("console", kind, message))
                .await?;
        }
        tx.save().await?;
        self.changed(Some(&worker.owner), Change::Worker { name: worker.name() });
        Ok(Some(worker))
    }

    pub(crate) async fn worker_event(&self, worker: &Worker, source: &str, kind: &str, message: impl Into<String>) {
        let event = self.event_now(source, kind, message);
        let added = async {
            let mut tx = self.write().await?;
            tx.worker_event_add(worker.id, &event).await?;
            tx.save().await?;
            Ok::<(), Error>(())
        };
        // An event is for information: a full disk must not end a worker.
        if let Err(error) = added.await {
            tracing::warn!(worker.name = worker.name(), %error, "a worker's event is not recorded");
        }
        self.changed(Some(&worker.owner), Change::Worker { name: worker.name() });
    }

    fn event_now(&self, source: &str, kind: &str, message: impl Into<String>) -> WorkerEvent {
        WorkerEvent {
            at_ms: self.now_ms(),
            source: source.into(),
            kind: kind.into(),
            message: message.into(),
        }
    }

    /// Marks a worker as failed, unless it is being removed already.
    pub(crate) async fn worker_fail(&self, id: WorkerId, reason: WorkerReason, message: String) -> Result<()> {
        let now = self.now_ms();
        let text = message.clone();
        // Before the row: the engine's word about the reason may follow at once.
        self.inner.workers.note_failed(id);
        let failed = self
            .worker_change(id, Some(("Failed", &message)), move |worker| {
                let may = matches!(worker.status, WorkerStatus::Provisioning | WorkerStatus::Running);
                if may {
                    worker.status = WorkerStatus::Failed;
                    worker.reason = Some(reason);
                    worker.message = text;
                    worker.ended_ms = Some(now);
                }
                may
            })
            .await?;
        if failed.is_some() {
            metrics::counter!("prt_workers_failed_total", "reason" => reason.name()).increment(1);
            self.builder_may_have_ended(id);
        }
        Ok(())
    }
}

/// `Worker-12` -> 12, exactly as written by [`Worker::name`].
fn number_of(name: &str) -> Option<i64> {
    let number: i64 = name.strip_prefix("Worker-")?.parse().ok()?;
    (format!("Worker-{number}") == name).then_some(number)
}

pub(crate) fn sees(actor: &Actor, worker: &Worker) -> bool {
    let mine = actor.user_id == worker.owner_id;
    match (actor.scope, actor.only_worker) {
        // Builds are in workers of one's own, also for an admin.
        (TokenScope::Build | TokenScope::BuildAndStart, only) => {
            mine && worker.builder && only.is_none_or(|only| only == worker.id)
        }
        (TokenScope::Full, Some(only)) => only == worker.id,
        (TokenScope::Full, None) => actor.role == Role::Admin || mine,
    }
}

#[cfg(test)]
mod tests {
    use super::number_of;

    #[test]
    fn a_name_has_one_spelling() {
        assert_eq!(number_of("Worker-12"), Some(12));
        for name in ["worker-12", "Worker-012", "Worker-+1", "Worker-", "12", "Worker-1 "] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }
}

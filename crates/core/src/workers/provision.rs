//! From the row to a worker that answers: images, containers, waiting.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use prt_agent_protocol::{Facts, MemoryFile, RefusalKind, Reply, Request};
use prt_types::{
    Secret,
    certificates::BUNDLE_PATH,
    container_images::PullPolicy,
    exit_code::exit_code_words,
    ids::WorkerId,
    workers::{ContainerRole, ContainerState, WorkerReason, WorkerStatus},
};
use tracing::Instrument as _;

use super::{
    builder_start, notebook_start,
    plan::{self, BUILDKITD_TOML, ENVIRONMENT, NOTEBOOK_TOKEN, Parts, RUN_FOLDER, SECRETS, TOKEN},
};
use crate::{
    Orchestrator,
    agent::{self, Agent},
    buildkit::config::buildkitd_toml,
    engine::{EngineError, EngineErrorKind, ObservedContainer, ObservedWorker, RegistryLogin},
    error::{Error, Result},
    images::ImageRef,
    named_secrets::{self, Given},
    recorded::recorded,
    store::Worker,
};

/// Where Jupyter listens in the primary container.
pub const NOTEBOOK_PORT: u16 = 8888;
/// Between two looks whether a starting builder can be asked, or a worker has ended.
const LOOK_EVERY: Duration = Duration::from_millis(75);
/// How long the agent waits for BuildKit before the builder itself is looked at.
const BUILDKIT_WITHIN: Duration = Duration::from_secs(1);
/// Between two tries of what an engine that is away has kept from being done.
pub(super) const ENGINE_AWAY: Duration = Duration::from_secs(1);
/// So long after a command in a worker was cut off the engine knows that the worker has ended, on a busy machine, too.
const END_KNOWN: Duration = Duration::from_secs(5);

/// A worker to bring up.
pub(super) struct Provision {
    pub worker: Worker,
    pub image: ImageRef,
    pub login: Option<RegistryLogin>,
    pub pull_policy: PullPolicy,
    pub builder: Option<BuilderImage>,
    pub startup_script: Option<String>,
    pub log_level: Option<String>,
    pub env: BTreeMap<String, String>,
    pub token: Option<Secret>,
    pub secrets: Vec<Given>,
}

/// Where a builder comes from.
pub(super) struct BuilderImage {
    pub reference: String,
    pub login: Option<RegistryLogin>,
    pub pull_policy: PullPolicy,
}

/// Why a worker did not come up.
pub(super) struct Failure {
    pub reason: WorkerReason,
    pub message: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a worker cannot be started");
        Self {
            reason: WorkerReason::EngineError,
            message: error.to_string(),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let reason = match error.kind {
            EngineErrorKind::PullDenied => WorkerReason::PullDenied,
            EngineErrorKind::NoSuchImage => WorkerReason::NoSuchImage,
            EngineErrorKind::RegistryUnreachable => WorkerReason::RegistryUnreachable,
            EngineErrorKind::WrongArchitecture => WorkerReason::WrongArchitecture,
            EngineErrorKind::NoSuchContainer => WorkerReason::Lost,
            EngineErrorKind::CannotStart => WorkerReason::Exited,
            EngineErrorKind::DiskFull => WorkerReason::DiskFull,
            EngineErrorKind::Unreachable
            | EngineErrorKind::Paused
            | EngineErrorKind::NoSuchFile
            | EngineErrorKind::Other => WorkerReason::EngineError,
        };
        Self {
            reason,
            message: error.message,
        }
    }
}

impl Orchestrator {
    /// Brings a worker up in a task of its own.
    pub(super) fn worker_provision(&self, provision: Provision) {
        let this = self.clone();
        let id = provision.worker.id;
        let span = tracing::info_span!(parent: None, "worker start", worker.name = provision.worker.name());
        let task = async move {
            if let Err(failure) = this.provision(&provision).await {
                this.provision_failed(id, failure).await;
            }
        };
        let task = self.inner.tasks.spawn(task.instrument(span));
        self.inner.workers.insert(id, task.abort_handle());
    }

    async fn provision(&self, provision: &Provision) -> Result<(), Failure> {
        let Provision { worker, image, .. } = provision;
        let reference = image.to_string();
        let primary = self
            .pull(worker, &reference, provision.pull_policy, provision.login.as_ref())
            .await?;
        let builder = match &provision.builder {
            Some(builder) => Some(
                self.pull(worker, &builder.reference, builder.pull_policy, builder.login.as_ref())
                    .await?,
            ),
            None => None,
        };
        let digest = primary.digest.clone();
        let engine = &self.inner.engine;
        let bundle = match &builder {
            Some(_) => self.certificates_for_builder(&mut *self.read().await?).await?,
            None => None,
        };
        let mut plan = plan::plan(Parts {
            settings: &self.inner.settings,
            worker,
            primary: &primary,
            builder: builder.as_ref(),
            startup_script: provision.startup_script.as_deref(),
            log_level: provision.log_level.as_deref(),
            env: &provision.env,
            buildkit_files: if builder.is_some() {
                self.buildkit_files(bundle.is_some()).await?
            } else {
                vec![]
            },
        });
        if let Some(bundle) = bundle {
            self.worker_give_certificates(worker, &mut plan, &bundle).await?;
        }
        // An end that was asked for meanwhile wins; one that is asked for from here on waits until the containers are made.
        let alone = self.inner.workers.engine(worker.id).await;
        let going_on = recorded("the image of a worker is not recorded", || {
            self.worker_change(worker.id, None, |row| {
                let provisioning = row.status == WorkerStatus::Provisioning;
                if provisioning {
                    row.image_digest.clone_from(&digest);
                    row.message = "Starting the containers".into();
                }
                provisioning
            })
        })
        .await;
        if going_on.is_none() {
            return Ok(());
        }
        let start = Arc::clone(engine);
        // A task of its own: a termination ends ours, but must not leave the engine in the middle of a call.
        let started = self.inner.tasks.spawn(async move {
            let _alone = alone;
            start.start_worker(&plan).await
        });
        started
            .await
            .map_err(|error| Error::internal("starting the containers", error))?
            .map_err(|error| not_started(worker, error))?;
        self.give_secrets(worker, &provision.secrets).await?;
        self.give_tokens(worker, provision.token.as_ref()).await;
        let script = provision.startup_script.is_some();
        self.worker_event(
            worker,
            "console",
            "Starting",
            "The containers run; waiting until they answer.",
        )
        .await;
        self.wait_until_ready(worker, script).await
    }

    /// By standard input into memory: environment variables of a container can be read by all who may look at it in the engine.
    async fn give_secrets(&self, worker: &Worker, secrets: &[Given]) -> Result<(), Failure> {
        if secrets.is_empty() {
            return Ok(());
        }
        // The main process waits for the last one.
        let files = vec![
            memory_file(SECRETS, named_secrets::file(secrets)),
            memory_file(ENVIRONMENT, named_secrets::environment(secrets)),
        ];
        let Err(error) = self.memory_files(worker, files).await else {
            return Ok(());
        };
        self.still_running(worker).await?;
        Err(Failure {
            reason: WorkerReason::EngineError,
            message: format!("The secrets cannot be given to the worker: {error}"),
        })
    }

    /// Writes files into the primary container's memory. An engine that is away says nothing about the container: they are written again
    /// once it answers.
    async fn memory_files(&self, worker: &Worker, files: Vec<MemoryFile>) -> Result<Facts> {
        let request = Request::MemoryFiles {
            folder: RUN_FOLDER.into(),
            files,
        };
        let agent = Agent::of_primary(&worker.rights);
        loop {
            match agent::ask(&*self.inner.engine, worker.id, &agent, &request, None).await {
                Ok(Reply::Facts(facts)) => return Ok(facts),
                Ok(Reply::Refused(refusal)) => return Err(agent::refused(refusal, "secrets")),
                Ok(_) => return Err(agent::unexpected()),
                Err(error) if error.is_unreachable() => tokio::time::sleep(ENGINE_AWAY).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// The same for a worker that another console had started: what its owner may use now.
    async fn give_secrets_again(&self, worker: &Worker) -> Result<(), Failure> {
        if worker.personal_secrets.is_empty() && worker.shared_secrets.is_empty() {
            return Ok(());
        }
        let owner = self.actor_by_user(worker.owner_id).await?;
        let owner = owner.ok_or_else(|| Error::not_found("user", &worker.owner))?;
        let secrets = self
            .secrets_pick(
                &mut *self.read().await?,
                &owner,
                &worker.personal_secrets,
                &worker.shared_secrets,
            )
            .await?;
        self.give_secrets(worker, &secrets).await
    }

    /// The notebook waits for its token; the worker's own comes with it, where there is one.
    async fn give_tokens(&self, worker: &Worker, own: Option<&Secret>) {
        let mut files = vec![memory_file(NOTEBOOK_TOKEN, self.notebook_token(worker))];
        files.extend(own.map(|own| memory_file(TOKEN, own.clone())));
        let (kind, message) = match self.memory_files(worker, files).await {
            Ok(facts) if facts.shell => return,
            Ok(_) => (
                "NoShell",
                "The image has no /bin/sh. The worker starts, but terminals, commands for a shell and startup scripts without a first line \
                 that names a program do not work in it."
                    .to_owned(),
            ),
            // A notebook without it may answer all the same, and the container's end is told elsewhere.
            Err(error) => (
                "NoToken",
                format!("prtcli and the notebook in the worker have no token: {error}"),
            ),
        };
        self.worker_event(worker, "console", kind, &message).await;
    }

    /// The configuration that a builder begins with, and the certificates that it names.
    async fn buildkit_files(&self, bundle: bool) -> Result<Vec<(String, Vec<u8>)>> {
        let (text, certificates) = buildkitd_toml(&self.inner.settings.registries, bundle.then_some(BUNDLE_PATH));
        let mut files = vec![(BUILDKITD_TOML.to_owned(), text.into_bytes())];
        for (path, source) in certificates {
            let content = tokio::fs::read(&source)
                .await
                .map_err(|error| Error::internal(format!("reading the certificate {}", source.display()), error))?;
            files.push((path, content));
        }
        Ok(files)
    }

    /// Waits until both containers answer; also where a restarted console goes on. `script`: it may have a startup script.
    #[tracing::instrument(skip_all)]
    pub(super) async fn wait_until_ready(&self, worker: &Worker, script: bool) -> Result<(), Failure> {
        let all = async {
            if worker.builder {
                tokio::try_join!(self.until_notebook(worker), self.until_buildkit(worker)).map(|_| ())
            } else {
                self.until_notebook(worker).await
            }
        };
        let limit = self.inner.settings.ready_timeout;
        let mut all = std::pin::pin!(all);
        loop {
            if let Ok(answered) = tokio::time::timeout(limit, &mut all).await {
                if let Err(failure) = answered {
                    return Err(self.with_startup(worker, script, failure).await);
                }
                break;
            }
            // Without the engine nobody can tell whether the worker answers: the time begins again.
            if matches!(self.inner.engine.observe(worker.id).await, Err(error) if error.kind == EngineErrorKind::Unreachable)
            {
                continue;
            }
            if worker.builder && self.notebook_answers(worker).await {
                return Err(builder_start::silent(limit.as_secs()));
            }
            let silent = notebook_start::silent(limit.as_secs());
            return Err(self.with_startup(worker, script, silent).await);
        }
        let failed_script = if script {
            self.failed_startup(worker).await
        } else {
            None
        };
        let now = self.now_ms();
        let event = match &failed_script {
            Some(message) => ("StartupFailed", message.as_str()),
            None => ("Ready", "The worker answers."),
        };
        let ready = recorded("a worker that is ready is not recorded", || {
            self.worker_change(worker.id, Some(event), |row| {
                let provisioning = row.status == WorkerStatus::Provisioning;
                if provisioning {
                    row.status = WorkerStatus::Running;
                    row.reason = failed_script.as_ref().map(|_| WorkerReason::StartupFailed);
                    row.message = failed_script.clone().unwrap_or_else(|| "Ready".into());
                    row.ready_ms = Some(now);
                }
                provisioning
            })
        })
        .await;
        if let Some(row) = ready {
            metrics::histogram!("prt_worker_ready_seconds").record((now - row.created_ms) as f64 / 1000.0);
        }
        Ok(())
    }

    async fn until_buildkit(&self, worker: &Worker) -> Result<(), Failure> {
        let agent = Agent::of_builder();
        let request = Request::BuildkitReady {
            wait_ms: BUILDKIT_WITHIN.as_millis() as u64,
        };
        loop {
            match agent::ask(&*self.inner.engine, worker.id, &agent, &request, None).await {
                Ok(Reply::Done) => return Ok(()),
                Ok(Reply::Refused(refusal)) if refusal.kind == RefusalKind::NotFound => {
                    self.still_running(worker).await?;
                    return Err(builder_start::no_buildkit(worker, &refusal.message));
                }
                Ok(_) => {}
                // The container may just have ended, or the engine is away.
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
            self.still_running(worker).await?;
        }
    }

    /// An error that says why, once a container of the worker has ended.
    pub(super) async fn still_running(&self, worker: &Worker) -> Result<(), Failure> {
        match self.inner.engine.observe(worker.id).await {
            Ok(observed) => self.runs_as_observed(worker, observed).await,
            // That nobody can tell is no end.
            Err(error) if error.kind == EngineErrorKind::Unreachable => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How the worker ended in which a command was cut off, if that was why: the engine may know it a moment later.
    pub(super) async fn ended_meanwhile(&self, worker: &Worker) -> Option<Failure> {
        let known = tokio::time::Instant::now() + END_KNOWN;
        loop {
            let observed = tokio::time::timeout_at(known, self.inner.engine.observe(worker.id))
                .await
                .ok()?;
            if let Ok(observed) = observed
                && let Err(ended) = self.runs_as_observed(worker, observed).await
            {
                return Some(ended);
            }
            if tokio::time::Instant::now() >= known {
                return None;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn runs_as_observed(&self, worker: &Worker, observed: Option<ObservedWorker>) -> Result<(), Failure> {
        let Some(observed) = observed else {
            return Err(Failure {
                reason: WorkerReason::Lost,
                message: "The engine has no container of this worker.".into(),
            });
        };
        for planned in &worker.planned {
            let role = planned.role;
            let Some(container) = observed.container(role) else {
                let message = format!("The {} container is gone from the engine.", role.name());
                return Err(Failure {
                    reason: WorkerReason::Lost,
                    message,
                });
            };
            match container.state {
                ContainerState::Running => continue,
                ContainerState::Created if container.error.is_none() && container.exit_code.is_none() => {
                    return Err(Failure {
                        reason: WorkerReason::Lost,
                        message: format!("The {} container was made, but never started.", role.name()),
                    });
                }
                ContainerState::Absent | ContainerState::Created | ContainerState::Exited | ContainerState::Unknown => {
                }
            }
            if container.oom_killed {
                return Err(Failure {
                    reason: WorkerReason::OutOfMemory,
                    message: over_memory(container),
                });
            }
            let code = container
                .exit_code
                .map_or_else(String::new, |code| format!(" with {}", exit_code_words(code)));
            let words = match &container.error {
                Some(error) => error.clone(),
                None => self.last_words(worker, role).await,
            };
            let message = format!("The main process of the {} container ended{code}. {words}", role.name());
            let message = message.trim_end().to_owned();
            return Err(match role {
                ContainerRole::Primary => self.primary_ended(worker, container, message).await,
                ContainerRole::Builder => builder_start::ended(worker, container.exit_code, message),
            });
        }
        Ok(())
    }

    /// The engine said "out of memory" after it had said that the container ended: the reason is known only now.
    pub(super) async fn worker_ran_out_of_memory(&self, worker: &Worker, role: ContainerRole) -> Result<()> {
        const KILLED: Option<i64> = Some(137);
        let just_ended = self.inner.workers.has_just_failed(worker.id);
        let unexplained = matches!(worker.reason, Some(WorkerReason::Exited | WorkerReason::BuilderFailed));
        if worker.status != WorkerStatus::Failed || !just_ended || !unexplained {
            return Ok(());
        }
        let Some(observed) = self.inner.engine.observe(worker.id).await? else {
            return Ok(());
        };
        let Some(container) = observed.container(role).filter(|seen| seen.exit_code == KILLED) else {
            return Ok(());
        };
        let message = over_memory(container);
        let text = message.clone();
        self.worker_change(worker.id, Some(("Failed", &message)), move |row| {
            let failed = row.status == WorkerStatus::Failed;
            if failed {
                row.reason = Some(WorkerReason::OutOfMemory);
                row.message = text;
            }
            failed
        })
        .await?;
        Ok(())
    }

    /// The last lines of a container's log, for messages.
    async fn last_words(&self, worker: &Worker, role: ContainerRole) -> String {
        let log = self.inner.engine.logs(worker.id, role, 2000).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(3)
            .collect();
        if lines.is_empty() {
            return "It printed nothing.".into();
        }
        format!(
            "It printed last: {}",
            lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
        )
    }

    /// Fails the worker if one of its containers has ended. That the engine does not answer is no end of a worker.
    pub(super) async fn worker_examine(&self, worker: &Worker) -> Result<()> {
        let observed = self.inner.engine.observe(worker.id).await?;
        match self.runs_as_observed(worker, observed).await {
            Ok(()) => Ok(()),
            Err(failure) => self.worker_fail(worker.id, failure.reason, failure.message).await,
        }
    }

    async fn provision_failed(&self, id: WorkerId, failure: Failure) {
        let fail = || self.worker_fail(id, failure.reason, failure.message.clone());
        recorded("a failed worker is not recorded", fail).await;
    }

    /// A new token for a worker that never got the first one, whose value is known to nobody any more, or whose row is lost.
    async fn own_token_again(&self, worker: &Worker, lost: bool) -> Result<Option<Secret>> {
        if self.inner.settings.worker_url.is_none() {
            return Ok(None);
        }
        let Some(facts) = self.facts(worker).await else {
            return Ok(None);
        };
        if !lost && facts.memory_files.iter().any(|name| name == TOKEN) {
            return Ok(None);
        }
        let mut tx = self.write().await?;
        let created = self
            .token_add(&mut *tx, worker.owner_id, &worker.name(), None, Some(worker.id))
            .await?;
        tx.save().await?;
        Ok(Some(created.value))
    }

    /// Goes on waiting for a worker that another console had started. `lost`: the row of its token is lost.
    pub(super) fn worker_provision_resume(&self, worker: Worker, lost: bool) {
        let this = self.clone();
        let id = worker.id;
        let span = tracing::info_span!(parent: None, "worker start", worker.name = worker.name());
        let task = async move {
            // The former console may have ended between the start and this; who waits for a token in there gets it now.
            let begun = async {
                this.give_secrets_again(&worker).await?;
                let own = this.own_token_again(&worker, lost).await?;
                this.give_tokens(&worker, own.as_ref()).await;
                this.wait_until_ready(&worker, true).await
            };
            if let Err(failure) = begun.await {
                this.provision_failed(id, failure).await;
            }
        };
        let task = self.inner.tasks.spawn(task.instrument(span));
        self.inner.workers.insert(id, task.abort_handle());
    }
}

fn memory_file(name: &str, content: Secret) -> MemoryFile {
    MemoryFile {
        name: name.into(),
        content,
    }
}

/// Words for a container that was killed for memory.
fn over_memory(container: &ObservedContainer) -> String {
    format!(
        "The {} container went over its memory limit of {} MiB. Take a larger worker size.",
        container.role.name(),
        container.limits.memory_mib
    )
}

/// The engine could not start the containers. What is wrong with an image is worth more words than the engine's.
fn not_started(worker: &Worker, mut error: EngineError) -> Failure {
    if error.kind != EngineErrorKind::CannotStart {
        return error.into();
    }
    // The engine's words for a name in the image's USER that is not in its /etc/passwd or /etc/group.
    let nobody = ["unable to find user", "unable to find group"];
    if nobody.iter().any(|words| error.message.contains(words)) {
        error.message.push_str(
            ". The image's USER instruction names a user or group that it does not have: add it to the image, or write a number.",
        );
    } else if error.message.contains("the builder container") {
        return builder_start::no_buildkit(worker, &error.message);
    }
    error.into()
}

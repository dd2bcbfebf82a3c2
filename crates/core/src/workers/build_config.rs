//! The configuration of a worker's build service: what is asked for, and what is shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use prt_agent_protocol::{Reply, Request};
use prt_types::{
    audit::Outcome,
    build_config::{
        BuildConfigInput, BuildConfigLint, BuildConfigMode, BuildConfigState, BuildConfigView, Finding, Severity,
        WhenBusy,
    },
    certificates::BUNDLE_PATH,
    ids::WorkerId,
};
use serde_json::json;

use crate::{
    Orchestrator,
    agent::{self, Agent},
    buildkit::config::{self, FileKind, NamedFile, NamedHost, buildkitd_toml, docker_hub, registry_host},
    builds::builds_in,
    error::{Error, Fields, Result},
    op_context::OpContext,
    orchestrator::Change,
    settings::RegistrySettings,
    store::{BuildServiceConfig, Repository, Worker, WorkerBuildConfig},
};

/// A change of the build service's configuration takes about a second; who asks is told how it ended, unless it waits for a build.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// Hosts that are looked up for one change. All at once: more would crowd the builder.
const LOOKED_UP: usize = 32;

const CONTENT: &str = "config_content";
const INSECURE: &str = "insecure_registries";

/// What is to be applied, and what is to be said about it.
struct Wanted {
    config: BuildServiceConfig,
    findings: Vec<Finding>,
    files: Vec<NamedFile>,
    hosts: Vec<NamedHost>,
}

impl Orchestrator {
    /// The configuration of a worker's build service.
    pub async fn build_config_get(&self, cx: &OpContext, name: &str) -> Result<BuildConfigView> {
        let mut tx = self.read().await?;
        let worker = self.worker_visible(&mut *tx, cx, name).await?;
        has_builder(&worker)?;
        Ok(match tx.build_config(worker.id).await? {
            Some(row) => view(row),
            None => BuildConfigView {
                active: self.build_config_default(bundle_in(&mut *tx, worker.id).await?).text,
                ..BuildConfigView::default()
            },
        })
    }

    /// What would be said of a text; changes nothing. Of a worker that runs, also what of it the builder lacks.
    pub async fn build_config_lint(&self, cx: &OpContext, name: &str, text: &str) -> Result<BuildConfigLint> {
        let worker = self.worker_visible(&mut *self.read().await?, cx, name).await?;
        has_builder(&worker)?;
        let mut linted = config::lint(text);
        if builds_in(&worker).is_ok() {
            linted
                .findings
                .extend(self.missing(&worker, &linted.files, &linted.hosts).await?);
            linted.findings.sort_by_key(|finding| (finding.line, finding.column));
        }
        Ok(BuildConfigLint {
            findings: linted.findings,
            translated: linted.text,
        })
    }

    /// Changes the configuration and says how that ended, or that it waits for the end of a build.
    pub async fn build_config_update(
        &self,
        cx: &OpContext,
        name: &str,
        input: BuildConfigInput,
    ) -> Result<BuildConfigView> {
        const ACTION: &str = "build_config.update";
        let wanted = |bundle: Option<&str>| self.wanted(&input, bundle);
        let result = self
            .build_config_change(cx, ACTION, name, wanted, input.when_busy)
            .await;
        self.audit_refusal(cx, ACTION, name, result).await
    }

    /// Goes back to the configuration that the builder started with.
    pub async fn build_config_reset(&self, cx: &OpContext, name: &str, when_busy: WhenBusy) -> Result<BuildConfigView> {
        const ACTION: &str = "build_config.reset";
        let wanted = |bundle: Option<&str>| {
            Ok(Wanted {
                config: self.build_config_default(bundle),
                findings: vec![],
                files: vec![],
                hosts: vec![],
            })
        };
        let result = self.build_config_change(cx, ACTION, name, wanted, when_busy).await;
        self.audit_refusal(cx, ACTION, name, result).await
    }

    /// The configuration as soon as no change is under way; as it is at the time limit.
    pub async fn build_config_wait(&self, cx: &OpContext, name: &str, timeout: Duration) -> Result<BuildConfigView> {
        use futures::StreamExt as _;

        // Subscribed before the first look, so that no change falls between.
        let mut changes = self.changes(cx)?;
        let waited = tokio::time::timeout(timeout, async {
            loop {
                let view = self.build_config_get(cx, name).await?;
                if !view.state.is_changing() {
                    return Ok(view);
                }
                while let Some(change) = changes.next().await {
                    if matches!(&change, Change::Worker { name: changed } if changed == name) {
                        break;
                    }
                }
            }
        })
        .await;
        match waited {
            Ok(view) => view,
            Err(_) => self.build_config_get(cx, name).await,
        }
    }

    async fn build_config_change(
        &self,
        cx: &OpContext,
        action: &str,
        name: &str,
        wanted: impl FnOnce(Option<&str>) -> Result<Wanted>,
        when_busy: WhenBusy,
    ) -> Result<BuildConfigView> {
        let actor = cx.actor()?.clone();
        let (worker, bundle) = {
            let mut tx = self.read().await?;
            let worker = self.worker_visible(&mut *tx, cx, name).await?;
            builds_in(&worker)?;
            let bundle = bundle_in(&mut *tx, worker.id).await?;
            (worker, bundle)
        };
        let mut wanted = wanted(bundle)?;
        wanted
            .findings
            .extend(self.missing(&worker, &wanted.files, &wanted.hosts).await?);
        wanted.findings.sort_by_key(|finding| (finding.line, finding.column));
        let mut tx = self.write().await?;
        // The looks took a while.
        let worker = self.worker_visible(&mut *tx, cx, name).await?;
        builds_in(&worker)?;
        let row = tx.build_config(worker.id).await?;
        if let Some(row) = row.as_ref().filter(|row| row.state.is_changing()) {
            // Asked for again, as by a client that was cut off.
            if when_busy == WhenBusy::Wait && row.pending.as_ref() == Some(&wanted.config) {
                let waiting = row.state == BuildConfigState::Waiting;
                drop(tx);
                return if waiting {
                    self.build_config_get(cx, name).await
                } else {
                    self.build_config_wait(cx, name, ANSWER_WITHIN).await
                };
            }
            let hint = if row.state == BuildConfigState::Waiting {
                format!("{} Wait for that, or cancel the build.", row.message)
            } else {
                "Wait until that is done.".into()
            };
            return Err(Error::Conflict {
                message: format!("The build service of {name} is being configured already."),
                hint: Some(hint),
            });
        }
        let (state, message) = match tx.build_active(worker.id).await? {
            None => (BuildConfigState::Applying, String::new()),
            Some(build) if when_busy == WhenBusy::Wait => (
                BuildConfigState::Waiting,
                format!("Waits for the end of build #{}.", build.number),
            ),
            Some(build) => {
                return Err(Error::Conflict {
                    message: format!(
                        "{name} is busy with build #{}: its build service is not restarted now.",
                        build.number
                    ),
                    hint: Some("Wait for its end, cancel it, or ask for the change to wait.".into()),
                });
            }
        };
        let before = match &row {
            Some(row) => row.active.clone(),
            None => self.build_config_default(bundle),
        };
        let details = json!({ "before": before.text, "after": wanted.config.text, "mode": wanted.config.mode.name() });
        let row = WorkerBuildConfig {
            worker_id: worker.id,
            state,
            message,
            active: before,
            pending: Some(wanted.config),
            findings: wanted.findings,
            revision: row.map_or(0, |row| row.revision) + 1,
            updated_ms: self.now_ms(),
            updated_by: actor.username,
        };
        tx.build_config_put(&row).await?;
        self.audit_add(&mut *tx, cx, action, name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        self.changed(Some(&worker.owner), Change::Worker { name: worker.name() });
        self.build_config_start(worker, false);
        if state == BuildConfigState::Waiting {
            return self.build_config_get(cx, name).await;
        }
        self.build_config_wait(cx, name, ANSWER_WITHIN).await
    }

    fn wanted(&self, input: &BuildConfigInput, bundle: Option<&str>) -> Result<Wanted> {
        match (&input.config_content, &input.insecure_registries) {
            (None, None) => Err(Error::field(CONTENT, "Give insecure_registries or config_content.")),
            (Some(_), Some(_)) => Err(Error::field(
                INSECURE,
                "Give insecure_registries or config_content, not both: config_content is the whole file. \
                 In it, such a registry has http = true and insecure = true.",
            )),
            (Some(text), None) => wanted_full(text),
            (None, Some(list)) => self.wanted_simple(list, bundle),
        }
    }

    fn wanted_simple(&self, list: &[String], bundle: Option<&str>) -> Result<Wanted> {
        let mut fields = Fields::new();
        let mut hosts: Vec<String> = vec![];
        for host in list {
            match registry_host(host) {
                Ok(host) if hosts.contains(&host) => {}
                Ok(host) => hosts.push(host),
                Err(why) => fields.add(INSECURE, why),
            }
        }
        if list.is_empty() {
            fields.add(
                INSECURE,
                "Name at least one registry. To go back to how the builder started, reset it.",
            );
        }
        fields.check()?;
        let mut registries: BTreeMap<String, RegistrySettings> = self.inner.settings.registries.clone();
        for host in &hosts {
            let registry = registries.entry(docker_hub(host).to_owned()).or_default();
            // Either key alone would refuse half of what "insecure" means: plain HTTP, or TLS that nobody vouches for.
            (registry.http, registry.insecure) = (true, true);
        }
        let place = without_place(Severity::Warning, INSECURE, String::new());
        Ok(Wanted {
            hosts: hosts
                .iter()
                .filter_map(|host| NamedHost::of(host, place.clone()))
                .collect(),
            config: BuildServiceConfig {
                mode: BuildConfigMode::Simple,
                insecure_registries: hosts,
                config_content: None,
                text: buildkitd_toml(&registries, bundle).0,
            },
            findings: vec![],
            files: vec![],
        })
    }

    fn build_config_default(&self, bundle: Option<&str>) -> BuildServiceConfig {
        BuildServiceConfig {
            text: buildkitd_toml(&self.inner.settings.registries, bundle).0,
            ..BuildServiceConfig::default()
        }
    }

    /// A warning for each file, folder and host that the builder does not have.
    async fn missing(&self, worker: &Worker, files: &[NamedFile], hosts: &[NamedHost]) -> Result<Vec<Finding>> {
        let files_named: BTreeSet<String> = files.iter().map(asked_as).collect();
        let hosts_named: BTreeSet<&str> = hosts.iter().map(|named| named.name.as_str()).collect();
        if files_named.is_empty() && hosts_named.is_empty() {
            return Ok(vec![]);
        }
        let notice = |message| without_place(Severity::Notice, "", message);
        let more = (hosts_named.len() > LOOKED_UP).then(|| {
            notice(format!(
                "The builder was asked for {LOOKED_UP} of the {} hosts only.",
                hosts_named.len()
            ))
        });
        let request = Request::Missing {
            files: files_named.into_iter().collect(),
            hosts: hosts_named.into_iter().take(LOOKED_UP).map(str::to_owned).collect(),
        };
        let missing = match agent::ask(&*self.inner.engine, worker.id, &Agent::of_builder(), &request, None).await {
            Ok(Reply::Missing { names }) => names,
            Ok(_) => return Err(agent::unexpected()),
            // What that means for the worker is for those to say who watch it.
            Err(error) if error.has_no_container() => {
                let message = "The builder is not running, so files, folders and host names were not checked.";
                return Ok(vec![notice(message.into())]);
            }
            // A check that learns nothing does not refuse.
            Err(Error::Conflict { message, .. }) => {
                let message = format!("Files, folders and host names were not checked. {message}");
                return Ok(vec![notice(message)]);
            }
            Err(error) => return Err(error),
        };
        let file = |named: &NamedFile| {
            let NamedFile {
                file,
                kind,
                place,
                host,
            } = named;
            let (what, then) = match kind {
                FileKind::File => ("file", "will fail"),
                // What is not there counts as empty, and a file in its place is an error.
                FileKind::Folder => ("folder", "do without its certificates, or fail"),
            };
            let advice = if file == BUNDLE_PATH {
                "An admin switches private certificate injection on under Infrastructure > Certificates; workers that start then have it."
            } else {
                "Put it into the build folder, which is /build there, before you build."
            };
            let message = format!("The builder has no {what} {file}: builds that use {host} {then}. {advice}");
            missing.contains(&asked_as(named)).then(|| Finding {
                message,
                ..place.clone()
            })
        };
        let host = |NamedHost { name, place }: &NamedHost| {
            let message = format!(
                "The builder finds no host {name}: builds that use it fail until it does. Check the spelling, and the DNS of the engine's host."
            );
            missing.contains(name).then(|| Finding {
                message,
                ..place.clone()
            })
        };
        Ok(files
            .iter()
            .filter_map(file)
            .chain(hosts.iter().filter_map(host))
            .chain(more)
            .collect())
    }
}

fn without_place(severity: Severity, path: &str, message: String) -> Finding {
    Finding {
        severity,
        line: None,
        column: None,
        path: path.into(),
        message,
    }
}

/// Where a worker's builder has the private certificates, if it got them.
async fn bundle_in(tx: &mut dyn Repository, worker: WorkerId) -> Result<Option<&'static str>> {
    Ok(tx.worker_bundle(worker).await?.map(|_| BUNDLE_PATH))
}

fn wanted_full(text: &str) -> Result<Wanted> {
    let linted = config::lint(text);
    let Some(made) = linted.text else {
        let mut fields = Fields::new();
        for finding in linted
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
        {
            fields.add(CONTENT, finding.to_string());
        }
        fields.check()?;
        return Err(Error::bug("a configuration was refused without a word"));
    };
    Ok(Wanted {
        config: BuildServiceConfig {
            mode: BuildConfigMode::Full,
            insecure_registries: vec![],
            config_content: Some(text.to_owned()),
            text: made,
        },
        findings: linted.findings,
        files: linted.files,
        hosts: linted.hosts,
    })
}

fn has_builder(worker: &Worker) -> Result<()> {
    if worker.builder {
        return Ok(());
    }
    Err(Error::field(
        "worker",
        format!(
            "{} has no builder, so there is no build service to configure.",
            worker.name()
        ),
    ))
}

fn view(row: WorkerBuildConfig) -> BuildConfigView {
    BuildConfigView {
        state: row.state,
        message: row.message,
        mode: row.active.mode,
        insecure_registries: row.active.insecure_registries,
        config_content: row.active.config_content,
        active: row.active.text,
        findings: row.findings,
        revision: row.revision,
        updated_ms: Some(row.updated_ms),
        updated_by: Some(row.updated_by),
    }
}

/// A file or folder as the builder is asked for it.
fn asked_as(named: &NamedFile) -> String {
    match named.kind {
        FileKind::File => named.file.clone(),
        FileKind::Folder => format!("{}/", named.file),
    }
}

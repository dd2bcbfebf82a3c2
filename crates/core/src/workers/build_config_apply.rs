//! A change of the build service's configuration in the builder: waits for a running build, tries it, puts it in place.
//!
//! The row says what is wanted before anything happens in the builder, and the builder goes on when nobody listens. A console that was
//! killed in between looks at its next start what the builder has, and does the rest.

use std::time::Duration;

use prt_agent_protocol::{BuildkitdChange, Reply, Request};
use prt_types::{audit::Outcome, build_config::BuildConfigState, workers::WorkerStatus};
use serde_json::json;

use crate::{
    Orchestrator,
    agent::{self, Agent},
    error::{Error, Result},
    op_context::OpContext,
    orchestrator::Change,
    store::{BuildServiceConfig, Worker},
};

/// Why a configuration is not in place.
enum Undone {
    /// What the builder has found out about it.
    Said(String),
    /// It was not tried, or nobody knows. If the worker has ended, that is why.
    Unsaid(String),
}

/// How long BuildKit may take to answer with a configuration.
const WAIT: Duration = Duration::from_secs(20);
/// A build may end without anybody being told: at least so often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Orchestrator {
    /// At start: goes on with changes that a former console had begun.
    pub(crate) async fn build_configs_resume(&self) -> Result<()> {
        let mut tx = self.read().await?;
        for row in tx.build_configs_changing().await? {
            if let Some(worker) = tx.worker(row.worker_id).await? {
                let begun = row.state == BuildConfigState::Applying;
                self.build_config_start(worker, begun);
            }
        }
        Ok(())
    }

    /// Does what the row asks for, in a task of its own. `begun`: a former console may have done it in part.
    pub(super) fn build_config_start(&self, worker: Worker, begun: bool) {
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            if let Err(error) = this.build_config_run(&worker, begun).await {
                tracing::error!(
                    worker.name = worker.name(),
                    error = &error as &dyn std::error::Error,
                    "a build service's configuration is not changed"
                );
                let message = format!("{error} The build service keeps its previous configuration.");
                _ = this.build_config_end(&worker, Err(Undone::Unsaid(message))).await;
            }
        });
    }

    async fn build_config_run(&self, worker: &Worker, begun: bool) -> Result<()> {
        let Some(wanted) = self.build_config_turn(worker).await? else {
            return Ok(());
        };
        if begun && self.build_config_in_place(worker).await?.as_deref() == Some(wanted.text.as_str()) {
            return self.build_config_end(worker, Ok(())).await;
        }
        let request = Request::BuildkitdChange {
            text: wanted.text.clone(),
            wait_ms: WAIT.as_millis() as u64,
        };
        let outcome = match self.ask_builder(worker, &request).await {
            Ok(Reply::Buildkitd(change)) => outcome(change, wanted.config_content.as_deref()),
            Ok(Reply::Refused(refusal)) => Err(Undone::Unsaid(refusal.message)),
            Ok(_) => return Err(agent::unexpected()),
            Err(Error::Conflict { message, .. }) => Err(Undone::Unsaid(format!("{message} Start another worker."))),
            // The change continues in the builder: what is in place at its end says what became of it.
            Err(error) => match self.build_config_in_place(worker).await {
                Ok(Some(text)) if text == wanted.text => Ok(()),
                Ok(_) | Err(_) => {
                    let message = format!("The builder cannot be reached. {error}");
                    Err(self.build_config_broken_off(worker, message).await)
                }
            },
        };
        self.build_config_end(worker, outcome).await
    }

    /// Waits until no build runs, and holds new ones off. What is wanted; `None` = nothing any more.
    async fn build_config_turn(&self, worker: &Worker) -> Result<Option<BuildServiceConfig>> {
        let mut changes = self.any_changes();
        loop {
            let mut tx = self.write().await?;
            let Some(mut row) = tx.build_config(worker.id).await? else {
                return Ok(None);
            };
            let Some(wanted) = row.pending.clone().filter(|_| row.state.is_changing()) else {
                return Ok(None);
            };
            if tx.build_active(worker.id).await?.is_none() {
                if row.state != BuildConfigState::Applying {
                    (row.state, row.message) = (BuildConfigState::Applying, String::new());
                    tx.build_config_put(&row).await?;
                    tx.save().await?;
                    self.changed(Some(&worker.owner), Change::Worker { name: worker.name() });
                }
                return Ok(Some(wanted));
            }
            drop(tx);
            // Too slow a reader misses some; then it looks at once.
            _ = tokio::time::timeout(LOOK_EVERY, changes.recv()).await;
        }
    }

    /// What the builder runs with, once nobody is changing it.
    async fn build_config_in_place(&self, worker: &Worker) -> Result<Option<String>> {
        match self.ask_builder(worker, &Request::BuildkitdRead).await? {
            Reply::BuildkitdText { text } => Ok(text),
            _ => Err(agent::unexpected()),
        }
    }

    async fn ask_builder(&self, worker: &Worker, request: &Request) -> Result<Reply> {
        agent::ask(&*self.inner.engine, worker.id, &Agent::of_builder(), request, None).await
    }

    /// What was told to the builder broke off, perhaps with the worker.
    async fn build_config_broken_off(&self, worker: &Worker, message: String) -> Undone {
        if let Some(ended) = self.ended_meanwhile(worker).await
            && let Err(error) = self.worker_fail(worker.id, ended.reason, ended.message).await
        {
            tracing::error!(
                worker.name = worker.name(),
                error = &error as &dyn std::error::Error,
                "a worker's end is not recorded"
            );
        }
        Undone::Unsaid(message)
    }

    async fn build_config_end(&self, worker: &Worker, outcome: std::result::Result<(), Undone>) -> Result<()> {
        let mut tx = self.write().await?;
        let Some(mut row) = tx.build_config(worker.id).await? else {
            return Ok(());
        };
        let Some(wanted) = row.pending.take() else {
            return Ok(());
        };
        let ended = tx
            .worker(worker.id)
            .await?
            .is_none_or(|worker| worker.status != WorkerStatus::Running);
        let event = match outcome {
            Ok(()) => {
                (row.state, row.message, row.active) = (BuildConfigState::Active, String::new(), wanted);
                Some((
                    "Configured",
                    "The build service runs with another configuration.".to_owned(),
                ))
            }
            Err(undone) => {
                row.state = BuildConfigState::Failed;
                row.message = match undone {
                    Undone::Unsaid(_) if ended => "The worker ended meanwhile.".into(),
                    Undone::Said(message) | Undone::Unsaid(message) => message.trim_end().to_owned(),
                };
                (!ended).then(|| ("NotConfigured", row.message.clone()))
            }
        };
        tx.build_config_put(&row).await?;
        let details = json!({ "state": row.state, "message": row.message, "active": row.active.text });
        let cx = OpContext::system("build_config");
        self.audit_add(
            &mut *tx,
            &cx,
            "build_config.end",
            &worker.name(),
            Outcome::Done,
            details,
        )
        .await?;
        if let Some((kind, message)) = &event {
            tx.worker_event_add(worker.id, &self.event_now("console", kind, message))
                .await?;
        }
        tx.save().await?;
        self.changed(Some(&worker.owner), Change::Worker { name: worker.name() });
        Ok(())
    }
}

fn outcome(change: BuildkitdChange, content: Option<&str>) -> std::result::Result<(), Undone> {
    Err(match change {
        BuildkitdChange::Applied => return Ok(()),
        BuildkitdChange::Refused { words } => Undone::Said(refused(content, refusal(&words))),
        BuildkitdChange::RolledBack => Undone::Said(
            "BuildKit did not start with the configuration, so the previous one is in use again. See the builder's log.".into(),
        ),
        BuildkitdChange::Down => Undone::Said(
            "BuildKit does not answer any more, not even with its previous configuration. Start another worker.".into(),
        ),
        BuildkitdChange::Busy => Undone::Unsaid("Another change is in progress in the builder. Try again.".into()),
        BuildkitdChange::Unsupported => Undone::Unsaid(
            "This builder was started by an older console and cannot be configured. Start another worker.".into(),
        ),
    })
}

/// BuildKit's words without its own name before them.
fn refusal(words: &str) -> &str {
    words.strip_prefix("buildkitd: ").unwrap_or(words)
}

/// BuildKit names no line. The first setting whose value its words speak of, or else its key, is most likely meant.
fn refused(text: Option<&str>, words: &str) -> String {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let speaks_of = |part: &str| {
        let mut found = words.match_indices(part);
        part.len() > 2
            && !["true", "false"].contains(&part)
            && found.any(|(at, _)| {
                !inside(words[..at].chars().next_back()) && !inside(words[at + part.len()..].chars().next())
            })
    };
    let settings: Vec<Option<(&str, &str)>> = text
        .unwrap_or_default()
        .lines()
        .map(|line| line.split('#').next().unwrap_or(line).split_once('='))
        .collect();
    let first = |meant: &dyn Fn((&str, &str)) -> bool| settings.iter().position(|setting| setting.is_some_and(meant));
    let line = first(&|(_, value)| speaks_of(value.trim().trim_matches('"')))
        .or_else(|| first(&|(key, _)| speaks_of(key.trim())));
    let place = line.map_or(String::new(), |at| format!("line {}: ", at + 1));
    format!("{place}BuildKit refuses the configuration: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_is_most_likely_meant() {
        let text = "[worker.oci]\n  enabled = true\n  networkMode = \"cni\"\n";
        for (words, said) in [
            (
                "failed to find \"cni\" provider",
                "line 3: BuildKit refuses the configuration: failed",
            ),
            ("invalid networkMode", "line 3: "),
            (
                "it is true that this failed",
                "BuildKit refuses the configuration: it is",
            ),
        ] {
            let found = refused(Some(text), words);
            assert!(found.starts_with(said), "{found}");
        }
        assert!(refused(None, "cni").starts_with("BuildKit refuses"));
    }
}

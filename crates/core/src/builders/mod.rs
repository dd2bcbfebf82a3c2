//! The installation's builders: their images, and whether the host can run the restricted one.

mod checks;

use std::{collections::BTreeMap, sync::Arc};

use prt_agent_protocol::{AGENT, Reply, Request, main_process::WAIT};
use prt_types::{
    audit::Outcome,
    builders::{BuildersView, CheckState, HostCheck, Preflight},
    container_images::PullPolicy,
    ids::WorkerId,
    worker_sizes::Limits,
};
use serde_json::json;

use crate::{
    Orchestrator,
    agent::{self, Agent},
    clock::new_id,
    engine::{ContainerPlan, EngineImage, FileInContainer, Mount, WorkerPlan},
    error::{Error, Result},
    op_context::OpContext,
    security_contexts::{self, WORKER_UID},
};

pub(crate) use checks::explain;

const STATE: &str = "/home/user/.local/share/buildkit";
/// The name of a probe's container, where workers have theirs.
pub(crate) const PROBE: &str = "preflight";
/// A probe whose console died ends after this.
const LIFE_S: &str = "120";

/// The last check; held while one runs, so that there is one at a time.
pub(crate) type LastPreflight = tokio::sync::Mutex<Option<Preflight>>;

impl Orchestrator {
    /// Images and the last check of the host. Admins only.
    pub async fn builders_get(&self, cx: &OpContext) -> Result<BuildersView> {
        self.admin(cx, "look at the builders", "builders.get").await?;
        let settings = &self.inner.settings;
        Ok(BuildersView {
            restricted_image: settings.builder_image.clone(),
            privileged_image: settings.privileged_builder_image.clone(),
            preflight: self.inner.preflight.lock().await.clone(),
        })
    }

    /// Looks in a container with the restricted builder's rights at what the host lacks. Admins only.
    pub async fn builders_preflight(&self, cx: &OpContext) -> Result<Preflight> {
        self.admin(cx, "check the host", "builders.preflight").await?;
        let mut last = self.inner.preflight.lock().await;
        let this = self.clone();
        // A task of its own: a request that is given up must not leave a container behind.
        let preflight = self
            .inner
            .tasks
            .spawn(async move { this.probe_host().await })
            .await
            .map_err(|error| Error::internal("checking the host", error))??;
        *last = Some(preflight.clone());
        drop(last);
        let failed: Vec<&str> = preflight
            .checks
            .iter()
            .filter(|check| check.state == CheckState::Failed)
            .map(|check| check.id.as_str())
            .collect();
        let details = json!({ "ok": preflight.ok, "failed": failed });
        let mut tx = self.write().await?;
        self.audit_add(
            &mut *tx,
            cx,
            "builders.preflight",
            &preflight.image,
            Outcome::Done,
            details,
        )
        .await?;
        tx.save().await?;
        Ok(preflight)
    }

    async fn probe_host(&self) -> Result<Preflight> {
        let engine = &self.inner.engine;
        let info = engine.probe().await?;
        let reference = self.inner.settings.builder_image.clone();
        let image = engine
            .ensure_image(&reference, PullPolicy::IfNotPresent, None, Arc::new(|_| ()))
            .await?;
        let plan = probe_plan(&image, agent::file(&self.inner.settings, AGENT));
        self.inner.workers.probes().insert(plan.worker_id);
        let checks = match engine.start_worker(&plan).await {
            Ok(()) => {
                let agent = Agent::of_probe();
                let request = Request::HostCheck { state: STATE.into() };
                match agent::ask(&**engine, plan.worker_id, &agent, &request, None).await {
                    Ok(Reply::Host { findings }) => Ok(checks::evaluate(&checks::Report::new(findings))),
                    Ok(_) => Err(agent::unexpected()),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error.into()),
        };
        let stopped = engine.stop(plan.worker_id).await;
        // If it could not be removed now, the next comparison of rows and engine does it.
        self.inner.workers.probes().remove(&plan.worker_id);
        stopped?;
        let checks = checks?;
        Ok(Preflight {
            ok: checks.iter().all(|check| check.state <= CheckState::Warning),
            summary: summary(&checks),
            engine: info.name,
            image: reference,
            at_ms: self.now_ms(),
            checks,
        })
    }
}

/// One container with exactly the rights and the kind of volume that the restricted builder has.
fn probe_plan(image: &EngineImage, agent: FileInContainer) -> WorkerPlan {
    let owner = (WORKER_UID, WORKER_UID);
    WorkerPlan {
        worker_id: WorkerId(new_id()),
        worker_name: PROBE.into(),
        owner: String::new(),
        primary: ContainerPlan {
            image: image.id.clone(),
            entrypoint: Some([AGENT, WAIT, LIFE_S].map(str::to_owned).to_vec()),
            command: Some(vec![]),
            env: BTreeMap::new(),
            limits: Limits {
                cpu_millis: 1000,
                memory_mib: 256,
                gpus: 0,
            },
            security: security_contexts::restricted_builder(),
            mounts: vec![Mount {
                volume: "buildkit".into(),
                path: STATE.into(),
                read_only: false,
                owner,
            }],
            tmpfs: vec![],
            files: vec![agent],
        },
        builder: None,
        extra_hosts: vec![],
    }
}

fn summary(checks: &[HostCheck]) -> String {
    let titles = |state: CheckState| {
        let titles: Vec<&str> = checks
            .iter()
            .filter(|check| check.state == state)
            .map(|check| check.title.as_str())
            .collect();
        titles.join(", ")
    };
    let (failed, warned) = (titles(CheckState::Failed), titles(CheckState::Warning));
    match (failed.is_empty(), warned.is_empty()) {
        (false, _) => format!("The restricted builder cannot work here: {failed}."),
        (true, false) => format!("The restricted builder works here, but not at its best: {warned}."),
        (true, true) => "This host has all that the restricted builder needs.".into(),
    }
}

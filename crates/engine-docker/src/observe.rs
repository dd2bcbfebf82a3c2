//! What the engine has: workers, their containers, and the end of their output.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bollard::{
    models::{ContainerInspectResponse, ContainerStateStatusEnum as Status, HostConfig},
    query_parameters::{ListContainersOptionsBuilder, ListVolumesOptionsBuilder, LogsOptionsBuilder},
};
use futures::StreamExt as _;
use prt_core::engine::{EngineResult, FoundContainer, FoundWorker, ObservedContainer, ObservedWorker};
use prt_types::{
    ids::WorkerId,
    worker_sizes::Limits,
    workers::{ContainerRole, ContainerState},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{DockerEngine, create::CPU_PERIOD, errors, labels, security};

const KILLED: i64 = 137;

impl DockerEngine {
    pub(crate) async fn inspect(
        &self,
        worker: WorkerId,
        role: ContainerRole,
    ) -> EngineResult<Option<ContainerInspectResponse>> {
        match self
            .docker()
            .await?
            .inspect_container(&labels::container_name(worker, role), None)
            .await
        {
            Ok(container) => {
                let instance = container
                    .config
                    .as_ref()
                    .and_then(|config| config.labels.as_ref()?.get(labels::INSTANCE));
                Ok((instance == Some(&self.instance)).then_some(container))
            }
            Err(e) if errors::status(&e) == Some(404) => Ok(None),
            Err(e) => Err(errors::from(e, &format!("looking at the {} container", role.name()))),
        }
    }

    pub(crate) async fn observed(&self, worker: WorkerId) -> EngineResult<Option<ObservedWorker>> {
        let (primary, builder) = tokio::try_join!(
            self.inspect(worker, ContainerRole::Primary),
            self.inspect(worker, ContainerRole::Builder)
        )?;
        let containers: Vec<_> = [primary, builder]
            .into_iter()
            .zip(labels::ROLES)
            .filter_map(|(container, role)| Some(describe(role, container?)))
            .collect();
        if containers.is_empty() && self.volumes(Some(worker)).await?.is_empty() {
            return Ok(None);
        }
        Ok(Some(ObservedWorker {
            worker_id: worker,
            containers,
        }))
    }

    pub(crate) async fn found_worker(&self, worker: WorkerId) -> EngineResult<Option<FoundWorker>> {
        let mut described = None;
        let mut containers = vec![];
        for role in labels::ROLES {
            let Some(container) = self.inspect(worker, role).await? else {
                continue;
            };
            let config = container.config.clone().unwrap_or_default();
            described = described.or_else(|| config.labels.as_ref().map(labels::described));
            let host_config = container.host_config.clone().unwrap_or_default();
            let mut seen = describe(role, container);
            if let Some(image) = self.inspect_image(&seen.image).await? {
                let names = image.repo_tags.into_iter().chain(image.repo_digests).flatten();
                seen.image = names.into_iter().next().unwrap_or(seen.image);
            }
            containers.push(FoundContainer {
                seen,
                security: security::read(config.user.as_deref(), &host_config),
            });
        }
        if containers.is_empty() {
            let volumes = self.labelled_volumes(Some(worker)).await?;
            let Some((_, labels)) = volumes.first() else {
                return Ok(None);
            };
            described = Some(labels::described(labels));
        }
        let (name, owner) = described.unwrap_or_default();
        Ok(Some(FoundWorker {
            worker_id: worker,
            name,
            owner,
            containers,
        }))
    }

    pub(crate) async fn workers(&self) -> EngineResult<Vec<WorkerId>> {
        let (containers, volumes) = tokio::try_join!(self.containers(None), self.volumes(None))?;
        let owners = containers.into_iter().chain(volumes).filter_map(|(_, worker)| worker);
        Ok(owners.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Ids of our containers and whose they are.
    pub(crate) async fn containers(&self, worker: Option<WorkerId>) -> EngineResult<Vec<(String, Option<WorkerId>)>> {
        let ours = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&labels::filter(&self.instance, worker))
            .build();
        let found = self
            .docker()
            .await?
            .list_containers(Some(ours))
            .await
            .map_err(|e| errors::from(e, "listing containers"))?;
        Ok(found
            .into_iter()
            .filter_map(|container| Some((container.id?, container.labels.as_ref().and_then(labels::worker_of))))
            .collect())
    }

    /// Names of our volumes and whose they are.
    pub(crate) async fn volumes(&self, worker: Option<WorkerId>) -> EngineResult<Vec<(String, Option<WorkerId>)>> {
        let volumes = self.labelled_volumes(worker).await?.into_iter();
        Ok(volumes
            .map(|(name, labels)| (name, labels::worker_of(&labels)))
            .collect())
    }

    /// Names of our volumes with their labels.
    async fn labelled_volumes(&self, worker: Option<WorkerId>) -> EngineResult<Vec<(String, HashMap<String, String>)>> {
        let ours = ListVolumesOptionsBuilder::new()
            .filters(&labels::filter(&self.instance, worker))
            .build();
        let found = self
            .docker()
            .await?
            .list_volumes(Some(ours))
            .await
            .map_err(|e| errors::from(e, "listing volumes"))?;
        let volumes = found.volumes.unwrap_or_default();
        Ok(volumes.into_iter().map(|volume| (volume.name, volume.labels)).collect())
    }

    pub(crate) async fn container_logs(
        &self,
        worker: WorkerId,
        role: ContainerRole,
        tail_bytes: usize,
    ) -> EngineResult<Vec<u8>> {
        // The engine counts lines. Lines of 8 bytes and more fill what was asked for, and a container that has printed gigabytes is not
        // read from its start.
        let lines = (tail_bytes / 8 + 100).to_string();
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&lines).build();
        let mut pieces = self
            .docker()
            .await?
            .logs(&labels::container_name(worker, role), Some(options));
        let mut kept = VecDeque::new();
        while let Some(piece) = pieces.next().await {
            kept.extend(
                piece
                    .map_err(|e| errors::from(e, "reading the container's output"))?
                    .into_bytes(),
            );
            let surplus = kept.len().saturating_sub(tail_bytes);
            kept.drain(..surplus);
        }
        Ok(kept.into())
    }
}

fn describe(role: ContainerRole, container: ContainerInspectResponse) -> ObservedContainer {
    let state = container.state.unwrap_or_default();
    let status = match state.status {
        Some(Status::CREATED | Status::EMPTY) | None => ContainerState::Created,
        Some(Status::RUNNING | Status::PAUSED | Status::RESTARTING | Status::STOPPING) => ContainerState::Running,
        Some(Status::EXITED | Status::DEAD | Status::REMOVING) => ContainerState::Exited,
    };
    let exit_code = state.exit_code.filter(|code| match status {
        ContainerState::Exited => true,
        // A start that failed leaves the container "created", with a code.
        ContainerState::Created => *code != 0,
        ContainerState::Running | ContainerState::Absent | ContainerState::Unknown => false,
    });
    ObservedContainer {
        role,
        state: status,
        image: container.config.and_then(|config| config.image).unwrap_or_default(),
        limits: container.host_config.as_ref().map(limits).unwrap_or_default(),
        started_ms: state.started_at.as_deref().and_then(milliseconds),
        exit_code,
        // The flag alone also tells of a child that was killed long before a clean stop.
        oom_killed: state.oom_killed == Some(true) && exit_code == Some(KILLED),
        error: state.error.filter(|text| !text.is_empty()),
    }
}

/// Limits as the engine enforces them.
fn limits(host_config: &HostConfig) -> Limits {
    let period = host_config
        .cpu_period
        .filter(|period| *period > 0)
        .unwrap_or(CPU_PERIOD);
    let quota = host_config
        .cpu_quota
        .filter(|quota| *quota > 0)
        .map(|quota| quota * 1000 / period);
    let nano = host_config
        .nano_cpus
        .filter(|nano| *nano > 0)
        .map(|nano| nano / 1_000_000);
    let gpus = host_config.device_requests.iter().flatten().filter(|request| {
        request
            .capabilities
            .iter()
            .flatten()
            .flatten()
            .any(|capability| capability == "gpu")
    });
    Limits {
        cpu_millis: quota.or(nano).unwrap_or_default(),
        memory_mib: host_config.memory.unwrap_or_default() >> 20,
        gpus: gpus.map(|request| request.count.unwrap_or_default().max(0)).sum(),
    }
}

/// Milliseconds since 1970; the engine writes the year 1 for "never".
fn milliseconds(rfc3339: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(rfc3339, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000)
        .ok()
        .filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerState as State, DeviceRequest};

    use super::*;

    fn container(state: State) -> ContainerInspectResponse {
        ContainerInspectResponse {
            state: Some(state),
            ..Default::default()
        }
    }

    #[test]
    fn out_of_memory_needs_the_flag_and_the_code() {
        let observed = |flag, code| {
            let state = State {
                status: Some(Status::EXITED),
                oom_killed: Some(flag),
                exit_code: Some(code),
                ..Default::default()
            };
            describe(ContainerRole::Primary, container(state)).oom_killed
        };
        assert!(observed(true, 137));
        assert!(!observed(true, 143), "a child was killed, then a clean stop");
        assert!(!observed(false, 137), "killed by hand");
    }

    #[test]
    fn a_failed_start_is_created_with_a_code_and_words() {
        let state = State {
            status: Some(Status::CREATED),
            exit_code: Some(127),
            error: Some("no such file".into()),
            started_at: Some("0001-01-01T00:00:00Z".into()),
            ..Default::default()
        };
        let seen = describe(ContainerRole::Builder, container(state));
        assert_eq!(
            (seen.state, seen.exit_code, seen.started_ms),
            (ContainerState::Created, Some(127), None)
        );
        assert_eq!(seen.error.as_deref(), Some("no such file"));
    }

    #[test]
    fn limits_come_from_quota_or_nano_cpus() {
        let quota = HostConfig {
            cpu_quota: Some(25_000),
            cpu_period: Some(50_000),
            ..Default::default()
        };
        assert_eq!(limits(&quota).cpu_millis, 500);
        let nano = HostConfig {
            nano_cpus: Some(1_500_000_000),
            memory: Some(3 << 20),
            ..Default::default()
        };
        assert_eq!(
            limits(&nano),
            Limits {
                cpu_millis: 1500,
                memory_mib: 3,
                gpus: 0
            }
        );
        let gpu = DeviceRequest {
            count: Some(2),
            capabilities: Some(vec![vec!["gpu".into()]]),
            ..Default::default()
        };
        assert_eq!(
            limits(&HostConfig {
                device_requests: Some(vec![gpu]),
                ..Default::default()
            })
            .gpus,
            2
        );
    }

    #[test]
    fn times_are_read() {
        assert_eq!(milliseconds("2024-05-01T00:00:00.5Z"), Some(1_714_521_600_500));
        assert_eq!(
            milliseconds("2024-05-01T02:00:00.500000001+02:00"),
            Some(1_714_521_600_500)
        );
        assert_eq!(milliseconds("0001-01-01T00:00:00Z"), None);
    }
}

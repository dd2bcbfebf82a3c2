//! From a plan to running containers.

use std::time::{Duration, Instant};

use bollard::{
    models::{ContainerCreateBody, DeviceRequest, HostConfig, Mount, MountType, VolumeCreateRequest},
    query_parameters::CreateContainerOptionsBuilder,
};
use futures::future::{join_all, try_join_all};
use prt_core::engine::{ContainerPlan, EngineResult, Tmpfs, WorkerPlan};
use prt_types::{ids::WorkerId, workers::ContainerRole};

use crate::{DockerEngine, errors, labels, security};

/// The kernel's usual scheduling period, in microseconds.
pub const CPU_PERIOD: i64 = 100_000;
const PIDS: i64 = 4096;
const BUILDER_GRACE_SECONDS: i64 = 5;
const NETWORK_SETTLES: Duration = Duration::from_secs(5);
const NETWORK_PAUSE: Duration = Duration::from_millis(50);

impl DockerEngine {
    pub(crate) async fn create_and_start(&self, plan: &WorkerPlan) -> EngineResult<()> {
        let containers: Vec<(ContainerRole, &ContainerPlan)> = std::iter::once((ContainerRole::Primary, &plan.primary))
            .chain(plan.builder.as_ref().map(|builder| (ContainerRole::Builder, builder)))
            .collect();

        let joining = self.network_joining.read().await;
        let (network, ()) = tokio::try_join!(self.ensure_network(), self.create_volumes(plan))?;
        try_join_all(containers.iter().map(|(role, container)| async {
            self.create_container(plan, *role, container, &network).await?;
            self.prepare(&labels::container_name(plan.worker_id, *role), container)
                .await
        }))
        .await?;
        drop(joining);
        // Not try_join: a start that is given up half-way would leave a container that runs without anybody knowing.
        join_all(
            containers
                .iter()
                .map(|(role, _)| self.start_container(plan.worker_id, *role)),
        )
        .await
        .into_iter()
        .collect()
    }

    async fn create_volumes(&self, plan: &WorkerPlan) -> EngineResult<()> {
        let docker = self.docker().await?;
        let mut names: Vec<&str> = std::iter::once(&plan.primary)
            .chain(&plan.builder)
            .flat_map(|container| container.mounts.iter().map(|mount| mount.volume.as_str()))
            .collect();
        names.sort_unstable();
        names.dedup();
        try_join_all(names.into_iter().map(|name| async move {
            let request = VolumeCreateRequest {
                name: Some(labels::volume_name(plan.worker_id, name)),
                labels: Some(labels::of_worker(&self.instance, plan, "volume")),
                ..Default::default()
            };
            docker
                .create_volume(request)
                .await
                .map_err(|e| errors::from(e, &format!("creating the volume {name}")))
        }))
        .await?;
        Ok(())
    }

    async fn create_container(
        &self,
        plan: &WorkerPlan,
        role: ContainerRole,
        container: &ContainerPlan,
        network: &str,
    ) -> EngineResult<()> {
        let options = CreateContainerOptionsBuilder::new()
            .name(&labels::container_name(plan.worker_id, role))
            .build();
        let body = body(&self.instance, plan, role, container, network);
        let created = self.docker().await?.create_container(Some(options), body).await;
        created.map_err(|e| errors::from(e, &format!("creating the {} container", role.name())))?;
        Ok(())
    }

    async fn start_container(&self, worker: WorkerId, role: ContainerRole) -> EngineResult<()> {
        let name = labels::container_name(worker, role);
        let docker = self.docker().await?;
        let settled = Instant::now() + NETWORK_SETTLES;
        let error = loop {
            match docker.start_container(&name, None).await {
                Ok(()) => return Ok(()),
                // Another process made the same network in the same moment and removes its own; see `ensure_network`.
                Err(e) if e.to_string().contains("is ambiguous") && Instant::now() < settled => {
                    tokio::time::sleep(NETWORK_PAUSE).await;
                }
                Err(e) => break e,
            }
        };
        let state_error = match self.inspect(worker, role).await {
            Ok(found) => found.and_then(|container| container.state?.error),
            Err(_) => None,
        };
        Err(errors::from_start(
            error,
            state_error,
            &format!("the {} container", role.name()),
        ))
    }
}

/// The request that creates a container.
fn body(
    instance: &str,
    plan: &WorkerPlan,
    role: ContainerRole,
    container: &ContainerPlan,
    network: &str,
) -> ContainerCreateBody {
    let (user, host_config) = host_config(plan, container, network);
    let builder = role == ContainerRole::Builder;
    ContainerCreateBody {
        hostname: hostname(&plan.worker_name, role),
        user,
        env: Some(
            container
                .env
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        cmd: container.command.clone(),
        entrypoint: container.entrypoint.clone(),
        image: Some(container.image.clone()),
        labels: Some(labels::of_worker(instance, plan, role.name())),
        // BuildKit drains its running builds at SIGTERM, whatever the image says.
        stop_signal: builder.then(|| "SIGTERM".into()),
        stop_timeout: builder.then_some(BUILDER_GRACE_SECONDS),
        host_config: Some(host_config),
        ..Default::default()
    }
}

fn host_config(plan: &WorkerPlan, container: &ContainerPlan, network: &str) -> (Option<String>, HostConfig) {
    let (user, rights) = security::apply(&container.security);
    let limits = container.limits;
    let positive = |value: i64| (value > 0).then_some(value);
    let memory = positive(limits.memory_mib << 20);
    let host_config = HostConfig {
        // Not NanoCpus: with it the engine refuses more cores than the host has.
        cpu_period: positive(limits.cpu_millis).map(|_| CPU_PERIOD),
        cpu_quota: positive(limits.cpu_millis).map(|millis| millis * CPU_PERIOD / 1000),
        memory,
        // Memory and swap together: equal means no swap.
        memory_swap: memory,
        pids_limit: Some(PIDS),
        device_requests: positive(limits.gpus).map(|gpus| {
            vec![DeviceRequest {
                count: Some(gpus),
                capabilities: Some(vec![vec!["gpu".into()]]),
                ..Default::default()
            }]
        }),
        mounts: Some(
            container
                .mounts
                .iter()
                .map(|mount| Mount {
                    typ: Some(MountType::VOLUME),
                    source: Some(labels::volume_name(plan.worker_id, &mount.volume)),
                    target: Some(mount.path.clone()),
                    read_only: Some(mount.read_only),
                    ..Default::default()
                })
                .collect(),
        ),
        tmpfs: Some(
            container
                .tmpfs
                .iter()
                .map(|tmpfs| (tmpfs.path.clone(), tmpfs_options(tmpfs)))
                .collect(),
        ),
        extra_hosts: (!plan.extra_hosts.is_empty()).then(|| plan.extra_hosts.clone()),
        network_mode: Some(network.into()),
        ..rights
    };
    (user, host_config)
}

fn tmpfs_options(tmpfs: &Tmpfs) -> String {
    let (uid, gid) = tmpfs.owner;
    format!("size={}m,mode={:o},uid={uid},gid={gid}", tmpfs.size_mib, tmpfs.mode)
}

/// What prompts in the container show; unset when the worker's name makes no host name.
fn hostname(worker_name: &str, role: ContainerRole) -> Option<String> {
    let name = match role {
        ContainerRole::Primary => worker_name.to_lowercase(),
        ContainerRole::Builder => format!("{}-builder", worker_name.to_lowercase()),
    };
    let valid =
        name.len() <= 63 && !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    valid.then_some(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prt_core::engine::{Mount, Seccomp, SecuritySettings};
    use prt_types::worker_sizes::Limits;

    use super::*;

    fn plan() -> WorkerPlan {
        WorkerPlan {
            worker_id: "018f3a5e-0000-7000-8000-000000000001".parse().unwrap(),
            worker_name: "Worker-12".into(),
            owner: "alice".into(),
            primary: ContainerPlan {
                image: "a:1".into(),
                entrypoint: None,
                command: Some(vec!["serve".into()]),
                env: BTreeMap::from([("A".into(), "b=c".into())]),
                limits: Limits {
                    cpu_millis: 1500,
                    memory_mib: 512,
                    gpus: 0,
                },
                security: SecuritySettings {
                    privileged: false,
                    run_as: Some((1000, 1000)),
                    allow_privilege_escalation: true,
                    drop_capabilities: vec![],
                    add_capabilities: vec![],
                    seccomp: Seccomp::RuntimeDefault,
                    mask_proc: true,
                    read_only_root: false,
                },
                mounts: vec![Mount {
                    volume: "build".into(),
                    path: "/build".into(),
                    read_only: true,
                    owner: (1000, 1000),
                }],
                tmpfs: vec![Tmpfs {
                    path: "/run/x".into(),
                    size_mib: 8,
                    mode: 0o700,
                    owner: (1000, 1001),
                }],
                files: vec![],
            },
            builder: None,
            extra_hosts: vec!["registry:10.0.0.1".into()],
        }
    }

    #[test]
    fn limits_and_mounts_are_written_as_the_engine_wants_them() {
        let plan = plan();
        let body = body("home", &plan, ContainerRole::Primary, &plan.primary, "net");
        let host = body.host_config.unwrap();
        assert_eq!(
            (host.cpu_period, host.cpu_quota, host.nano_cpus),
            (Some(100_000), Some(150_000), None)
        );
        assert_eq!(
            (host.memory, host.memory_swap, host.pids_limit),
            (Some(512 << 20), Some(512 << 20), Some(4096))
        );
        assert_eq!(host.device_requests, None);
        assert_eq!(host.tmpfs.unwrap()["/run/x"], "size=8m,mode=700,uid=1000,gid=1001");
        let mount = &host.mounts.unwrap()[0];
        assert_eq!(
            mount.source.as_deref(),
            Some("prt-018f3a5e-0000-7000-8000-000000000001-build")
        );
        assert_eq!(mount.read_only, Some(true));
        assert_eq!(body.env, Some(vec!["A=b=c".into()]));
        assert_eq!(body.hostname.as_deref(), Some("worker-12"));
        assert_eq!((body.stop_signal, body.stop_timeout), (None, None));
        let labels = body.labels.unwrap();
        assert_eq!(labels["io.prt-console.worker-name"], "Worker-12");
        assert_eq!(labels["io.prt-console.owner"], "alice");
        assert_eq!(labels["io.prt-console.instance"], "home");
        assert_eq!(labels["io.prt-console.role"], "primary");
    }

    #[test]
    fn gpus_are_device_requests_and_no_limit_is_no_limit() {
        let mut plan = plan();
        plan.primary.limits = Limits {
            cpu_millis: 0,
            memory_mib: 0,
            gpus: 2,
        };
        let (_, host) = host_config(&plan, &plan.primary, "net");
        assert_eq!((host.cpu_quota, host.memory, host.memory_swap), (None, None, None));
        let request = &host.device_requests.unwrap()[0];
        assert_eq!(
            (request.count, request.capabilities.clone()),
            (Some(2), Some(vec![vec!["gpu".into()]]))
        );
    }

    #[test]
    fn odd_worker_names_make_no_host_name() {
        assert_eq!(
            hostname("Worker-1", ContainerRole::Builder).as_deref(),
            Some("worker-1-builder")
        );
        assert_eq!(hostname("my worker", ContainerRole::Primary), None);
    }
}

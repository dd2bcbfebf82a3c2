//! The containers of a worker as the engine gets them. Pure.

use std::collections::BTreeMap;

use prt_agent_protocol::{
    AGENT,
    main_process::{BUILDER, PRIMARY},
};
use prt_types::workers::ContainerRole;

use super::{BUILD_FOLDER_BUILDER, BUILD_FOLDER_PRIMARY};
use crate::{
    agent,
    engine::{ContainerPlan, EngineImage, FileInContainer, Mount, Tmpfs, WorkerPlan},
    security_contexts::{self, WORKER_UID},
    settings::Settings,
    store::Worker,
};

/// Folder in memory for what must not lie on a disk: tokens and secrets.
pub const RUN_FOLDER: &str = "/run/prt";
/// File in it: the worker's own token.
pub const TOKEN: &str = "token";
/// File in it: the token that Jupyter asks for.
pub const NOTEBOOK_TOKEN: &str = "notebook-token";
/// File in it: the secrets that the worker was started with, for a shell.
pub const SECRETS: &str = "secrets.env";
/// File in it: the same for the main process, which waits for it and removes it.
pub const ENVIRONMENT: &str = "environment";
/// The configuration that a builder begins with.
pub const BUILDKITD_TOML: &str = "/etc/buildkit/buildkitd.toml";
const STARTUP_SCRIPT: &str = "/etc/prt/startup.sh";
const STARTUP_SCRIPT_IN_HOME: &str = "/home/ubuntu/.prt-startup.sh";
/// Home of the platform's images.
const HOME: &str = "/home/ubuntu";
/// `/tmp` in memory, which counts as the container's memory.
const TMP_MIB: i64 = 256;
const OWNER: (u32, u32) = (WORKER_UID, WORKER_UID);

/// What the plan is made of.
pub struct Parts<'a> {
    pub settings: &'a Settings,
    pub worker: &'a Worker,
    pub primary: &'a EngineImage,
    pub builder: Option<&'a EngineImage>,
    pub startup_script: Option<&'a str>,
    pub log_level: Option<&'a str>,
    pub env: &'a BTreeMap<String, String>,
    /// Text of buildkitd.toml and the certificate files that it names.
    pub buildkit_files: Vec<(String, Vec<u8>)>,
}

/// Where the agent keeps contexts in a builder: on a volume that the worker's user cannot reach.
pub const CONTEXTS: &str = "/var/lib/prt-contexts";

/// The agent runs what the image starts, with the certificates of `trust` in the trust store.
pub fn builder_main_process(trust: Option<&str>) -> Vec<String> {
    let trust = trust.map(|bundle| ["--trust", bundle]).into_iter().flatten();
    [AGENT, BUILDER, "--configuration", BUILDKITD_TOML]
        .into_iter()
        .chain(trust)
        .chain(["--"])
        .map(str::to_owned)
        .collect()
}

/// Where BuildKit writes to in a worker's builder.
pub fn buildkit_state(worker: &Worker) -> &'static str {
    if worker.privileged() {
        "/var/lib/buildkit"
    } else {
        "/home/user/.local/share/buildkit"
    }
}

/// Makes the plan.
pub fn plan(parts: Parts<'_>) -> WorkerPlan {
    let worker = parts.worker;
    WorkerPlan {
        worker_id: worker.id,
        worker_name: worker.name(),
        owner: worker.owner.clone(),
        primary: primary(&parts),
        builder: parts.builder.map(|image| builder(&parts, image)),
        extra_hosts: parts.settings.extra_hosts.clone(),
    }
}

fn limits(worker: &Worker, role: ContainerRole) -> prt_types::worker_sizes::Limits {
    worker
        .planned
        .iter()
        .find(|planned| planned.role == role)
        .map_or(worker.limits, |planned| planned.limits)
}

fn primary(parts: &Parts<'_>) -> ContainerPlan {
    let mut env = parts.env.clone();
    let secrets = !parts.worker.personal_secrets.is_empty() || !parts.worker.shared_secrets.is_empty();
    env.insert("PRT_WORKER".into(), parts.worker.name());
    if secrets {
        env.insert("PRT_SECRETS_FILE".into(), in_memory(SECRETS));
    }
    if !parts.worker.additional_params.is_empty() {
        let params = serde_json::Map::from_iter(parts.worker.additional_params.clone());
        env.insert(
            "PRT_ADDITIONAL_PARAMS".into(),
            serde_json::Value::Object(params).to_string(),
        );
    }
    env.insert("PRT_NOTEBOOK_TOKEN_FILE".into(), in_memory(NOTEBOOK_TOKEN));
    if let Some(url) = &parts.settings.worker_url {
        env.insert("PRT_URL".into(), url.clone());
        env.insert("PRT_TOKEN_FILE".into(), in_memory(TOKEN));
    }
    if let Some(level) = parts.log_level {
        env.insert("PRT_LOG_LEVEL".into(), level.into());
    }
    let security = security_contexts::settings(&parts.worker.rights, ContainerRole::Primary);
    let owner = security.run_as.unwrap_or(OWNER);
    let mut mounts = vec![build_folder(BUILD_FOLDER_PRIMARY)];
    let mut tmpfs = vec![Tmpfs {
        path: RUN_FOLDER.into(),
        size_mib: 1,
        mode: 0o700,
        owner,
    }];
    if security.read_only_root {
        // What programs cannot do without stays writable: the home, which the engine fills from the image, and /tmp.
        mounts.insert(
            0,
            Mount {
                volume: "home".into(),
                path: HOME.into(),
                read_only: false,
                owner,
            },
        );
        tmpfs.push(Tmpfs {
            path: "/tmp".into(),
            size_mib: TMP_MIB,
            mode: 0o1777,
            owner: (0, 0),
        });
    }
    // A file cannot be put on a read-only root.
    let startup_script = if security.read_only_root {
        STARTUP_SCRIPT_IN_HOME
    } else {
        STARTUP_SCRIPT
    };
    let program = agent::in_primary(&parts.worker.rights);
    let mut files = vec![agent(parts, program)];
    let mut before = vec![];
    if secrets {
        // No process of the worker is to run without them.
        before.extend(["--environment".to_owned(), in_memory(ENVIRONMENT)]);
    }
    let mut entrypoint = None;
    let mut command = None;
    if let Some(script) = parts.startup_script {
        files.push(FileInContainer {
            path: startup_script.into(),
            // Forms and editors on Windows end lines with both characters; no interpreter takes them.
            content: format!("{}\n", script.replace("\r\n", "\n")).into_bytes(),
            mode: 0o755,
            owner,
        });
        before.extend(["--script", startup_script, "--folder", RUN_FOLDER].map(str::to_owned));
    }
    if !before.is_empty() {
        let main = [program, PRIMARY].map(str::to_owned).into_iter().chain(before);
        entrypoint = Some(main.chain(["--".to_owned()]).collect());
        // The image's own start command follows, so that any image can have a startup script and secrets.
        command = Some([parts.primary.entrypoint.clone(), parts.primary.command.clone()].concat());
    }
    ContainerPlan {
        image: parts.primary.id.clone(),
        entrypoint,
        command,
        env,
        limits: limits(parts.worker, ContainerRole::Primary),
        security,
        mounts,
        tmpfs,
        files,
    }
}

fn builder(parts: &Parts<'_>, image: &EngineImage) -> ContainerPlan {
    let state = buildkit_state(parts.worker);
    let owner = if parts.worker.privileged() { (0, 0) } else { OWNER };
    let mut files: Vec<FileInContainer> = parts
        .buildkit_files
        .iter()
        .map(|(path, content)| FileInContainer {
            path: path.clone(),
            content: content.clone(),
            mode: 0o644,
            owner: OWNER,
        })
        .collect();
    files.push(agent(parts, AGENT));
    let service = [image.entrypoint.clone(), image.command.clone()].concat();
    ContainerPlan {
        image: image.id.clone(),
        entrypoint: Some(builder_main_process(None)),
        command: Some(service),
        env: BTreeMap::from([
            // BuildKit clips a step's log at 2 MiB and 200 KiB/s unless told not to.
            ("BUILDKIT_STEP_LOG_MAX_SIZE".into(), "-1".into()),
            ("BUILDKIT_STEP_LOG_MAX_SPEED".into(), "-1".into()),
        ]),
        limits: limits(parts.worker, ContainerRole::Builder),
        security: security_contexts::settings(&parts.worker.rights, ContainerRole::Builder),
        // On the container's own layer BuildKit falls back to a slow snapshotter.
        mounts: vec![
            build_folder(BUILD_FOLDER_BUILDER),
            Mount {
                volume: "buildkit".into(),
                path: state.into(),
                read_only: false,
                owner,
            },
            Mount {
                volume: "contexts".into(),
                path: CONTEXTS.into(),
                read_only: false,
                owner,
            },
        ],
        tmpfs: vec![],
        files,
    }
}

fn agent(parts: &Parts<'_>, path: &str) -> FileInContainer {
    agent::file(parts.settings, path)
}

/// Path of a file in memory.
fn in_memory(name: &str) -> String {
    format!("{RUN_FOLDER}/{name}")
}

fn build_folder(path: &str) -> Mount {
    Mount {
        volume: "build".into(),
        path: path.into(),
        read_only: false,
        owner: OWNER,
    }
}

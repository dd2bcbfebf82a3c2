//! The containers of a worker as the engine gets them. Pure.

use std::collections::BTreeMap;

use prt_agent_protocol::AGENT;
use prt_types::workers::ContainerRole;

use super::{BUILD_FOLDER_BUILDER, BUILD_FOLDER_PRIMARY};
use crate::{
    agent,
    buildkit::service,
    engine::{ContainerPlan, EngineImage, FileInContainer, Mount, Tmpfs, WorkerPlan},
    security_contexts::{self, WORKER_UID},
    settings::Settings,
    store::Worker,
};

/// Folder in memory for what must not lie on a disk: tokens and secrets.
pub const RUN_FOLDER: &str = "/run/prt";
/// The worker's own token.
pub const TOKEN_FILE: &str = "/run/prt/token";
/// The token that Jupyter asks for.
pub const NOTEBOOK_TOKEN_FILE: &str = "/run/prt/notebook-token";
/// Writes the notebook's token, the first line of standard input, and the worker's own, the second. Under other names until they are
/// whole: somebody waits for them.
pub const WRITE_TOKENS: &str = r#"umask 077
IFS= read -r notebook && printf %s "$notebook" >"$1.new" && mv "$1.new" "$1" || exit 1
IFS= read -r own && [ -n "$own" ] || exit 0
printf %s "$own" >"$2.new" && mv "$2.new" "$2""#;
/// The configuration that a builder begins with.
pub const BUILDKITD_TOML: &str = "/etc/buildkit/buildkitd.toml";
/// The secrets that the worker was started with, for a shell.
pub const SECRETS_FILE: &str = "/run/prt/secrets.env";
/// Writes standard input to the file that a starting worker waits for.
pub const WRITE_SECRETS: &str = r#"umask 077; cat >"$1.new" && mv "$1.new" "$1""#;
/// Before anything else of a worker with secrets: no process of it is to run without them.
const TAKE_SECRETS: &str = "until [ -r \"$PRT_SECRETS_FILE\" ]; do sleep 0.05 2>/dev/null || sleep 1; done; . \"$PRT_SECRETS_FILE\" || exit 1; ";
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
        env.insert("PRT_SECRETS_FILE".into(), SECRETS_FILE.into());
    }
    if !parts.worker.additional_params.is_empty() {
        let params = serde_json::Map::from_iter(parts.worker.additional_params.clone());
        env.insert(
            "PRT_ADDITIONAL_PARAMS".into(),
            serde_json::Value::Object(params).to_string(),
        );
    }
    env.insert("PRT_NOTEBOOK_TOKEN_FILE".into(), NOTEBOOK_TOKEN_FILE.into());
    if let Some(url) = &parts.settings.worker_url {
        env.insert("PRT_URL".into(), url.clone());
        env.insert("PRT_TOKEN_FILE".into(), TOKEN_FILE.into());
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
    let mut files = vec![];
    // A worker with a builder has it there.
    if parts.builder.is_none() {
        files.push(agent(parts, agent::in_primary(&parts.worker.rights)));
    }
    let mut before = String::new();
    if secrets {
        before.push_str(TAKE_SECRETS);
    }
    let mut entrypoint = None;
    let mut command = None;
    if let Some(script) = parts.startup_script {
        files.push(FileInContainer {
            path: startup_script.into(),
            content: format!("{script}\n").into_bytes(),
            mode: 0o755,
            owner,
        });
        before.push_str("sh ");
        before.push_str(startup_script);
        before.push_str(" || echo \"The startup script ended with exit code $?.\" >&2; ");
    }
    if !before.is_empty() {
        // The image's own start command goes on as the arguments, so that any image can have a startup script and secrets.
        let run = format!("{before}exec \"$@\"");
        entrypoint = Some(vec!["/bin/sh".into(), "-c".into(), run, "prt-startup".into()]);
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
    let (state, owner) = if parts.worker.privileged() {
        ("/var/lib/buildkit", (0, 0))
    } else {
        ("/home/user/.local/share/buildkit", OWNER)
    };
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
        entrypoint: Some(service::supervised(BUILDKITD_TOML, &service)),
        command: Some(vec![]),
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
    FileInContainer {
        path: path.into(),
        content: parts.settings.agent.to_vec(),
        mode: 0o755,
        owner: (0, 0),
    }
}

fn build_folder(path: &str) -> Mount {
    Mount {
        volume: "build".into(),
        path: path.into(),
        read_only: false,
        owner: OWNER,
    }
}

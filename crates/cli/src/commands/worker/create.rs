//! `worker create`.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::ValueEnum;
use prt_types::{
    container_images::{PullPolicy, ServiceType},
    workers::{ImageConfig, WorkerConfig, WorkerStatus, WorkerView},
};

use super::show::describe;
use crate::{
    error::{CliError, Result},
    output::Out,
    params::{credentials, key_value},
    session::Session,
};

/// The longest time of one question; a proxy in between may cut longer ones.
const ONE_WAIT: u64 = 20;

/// `--pull-policy`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pull {
    /// At every start
    #[value(name = "Always", alias = "always")]
    Always,
    /// Only when the image is not there
    #[value(name = "IfNotPresent", aliases = ["if-not-present", "ifnotpresent"])]
    IfNotPresent,
    /// Not at all
    #[value(name = "Never", alias = "never")]
    Never,
}

/// `--service-type`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Service {
    /// Interactive or batch compute
    #[value(name = "cloud_worker", alias = "cloud-worker")]
    CloudWorker,
    /// A desktop-like workspace
    #[value(name = "workspace")]
    Workspace,
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Short or full image name; without a tag the platform version is taken
    #[arg(long, short)]
    image: String,
    /// Worker size, e.g. Medium-restricted; see `prtcli size list`
    #[arg(long, short)]
    size: Option<String>,
    /// Start a builder beside it
    #[arg(long)]
    builder: bool,
    /// Percent of the size that the builder gets, 1 to 99
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true, value_parser = percent)]
    builder_capacity: Option<i64>,
    /// Run this image as the builder
    #[arg(long, value_name = "IMAGE")]
    custom_builder_url: Option<String>,
    /// Registry user name for the pull
    #[arg(long, value_name = "NAME")]
    repo_username: Option<String>,
    /// Read the registry password from standard input
    #[arg(long)]
    repo_password_stdin: bool,
    /// Kept registry credential for the pull, instead of user name and password; see `prtcli credential list`
    #[arg(long, value_name = "NAME")]
    repo_secret_name: Option<String>,
    /// When to pull
    #[arg(long, value_enum, value_name = "WHEN")]
    pull_policy: Option<Pull>,
    /// Environment variable; KEY alone takes it from here. Visible to the engine: no place for secrets
    #[arg(long, short, value_name = "KEY=VALUE")]
    env: Vec<String>,
    /// Shell commands to run before the start command
    #[arg(long, value_name = "FILE")]
    startup_script: Option<PathBuf>,
    /// DEBUG, INFO, WARNING, ERROR or CRITICAL
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// What it is for; it is what the image's Container Image names
    #[arg(long, value_enum, value_name = "TYPE")]
    service_type: Option<Service>,
    /// http or https: how the worker is reached; it is what the console's address speaks
    #[arg(long, value_name = "PROTOCOL")]
    network_protocol: Option<String>,
    /// Secret of your own that the worker gets as an environment variable; see `prtcli secret list`
    #[arg(long = "personal-secret", value_name = "NAME")]
    personal_secrets: Vec<String>,
    /// Shared secret that the worker gets as an environment variable
    #[arg(long = "shared-secret", value_name = "NAME")]
    shared_secrets: Vec<String>,
    /// Parameter for the programs in the worker, in PRT_ADDITIONAL_PARAMS; JSON, or else text
    #[arg(long = "additional-param", value_name = "KEY=VALUE")]
    additional_params: Vec<String>,
    /// Wait until it is ready (default)
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Do not wait
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
    /// Seconds to wait
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
    /// Print nothing but the worker's name, as soon as there is one
    #[arg(long, short)]
    quiet: bool,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let (wait, timeout, quiet) = (!args.no_wait, args.timeout, args.quiet);
    let worker = session.client.worker_create(&config(args)?).await?;
    if quiet {
        // Before the wait: a script can end the worker whatever comes of it.
        Out::line(&worker.name)?;
    }
    if !wait {
        if quiet {
            return Ok(());
        }
        return session
            .out
            .show(&worker, |worker| format!("{} is being started", worker.name));
    }
    let worker = ready(session, worker, Duration::from_secs(timeout)).await?;
    if !quiet {
        session.out.show(&worker, describe)?;
    }
    match worker.status {
        WorkerStatus::Running if worker.ready => {
            if worker.reason.is_some() {
                Out::note(&format!("warning: {}", crate::sanitize::visible(&worker.message)));
            }
            Ok(())
        }
        WorkerStatus::Provisioning | WorkerStatus::Running => Err(CliError::failed_hint(
            format!("{} is not ready after {timeout} s: {}", worker.name, worker.message),
            format!("it goes on; look at it with `prtcli worker show {}`", worker.name),
        )),
        WorkerStatus::Failed | WorkerStatus::Terminating | WorkerStatus::Terminated => {
            let reason = worker.reason.map_or(worker.status.name(), |reason| reason.name());
            Err(CliError::failed_hint(
                format!("{} did not start ({reason}): {}", worker.name, worker.message),
                format!(
                    "see `prtcli worker logs {0}`; remove it with `prtcli worker terminate {0}`",
                    worker.name
                ),
            ))
        }
    }
}

fn config(args: Args) -> Result<WorkerConfig> {
    let startup_script = args.startup_script.as_deref().map(read_script).transpose()?;
    let env_variables = key_value::parse("--env", &args.env)?;
    let repo_password = args
        .repo_password_stdin
        .then(credentials::password_from_stdin)
        .transpose()?;
    Ok(WorkerConfig {
        worker_image: args.image,
        worker_size: args.size,
        service_type: args.service_type.map(|service| match service {
            Service::CloudWorker => ServiceType::CloudWorker,
            Service::Workspace => ServiceType::Workspace,
        }),
        image_config: ImageConfig {
            repo_username: args.repo_username,
            repo_password,
            repo_secret_name: args.repo_secret_name,
            pull_policy: args.pull_policy.map(|pull| match pull {
                Pull::Always => PullPolicy::Always,
                Pull::IfNotPresent => PullPolicy::IfNotPresent,
                Pull::Never => PullPolicy::Never,
            }),
            builder: args.builder.then_some(true),
            builder_capacity: args.builder_capacity,
            custom_builder_url: args.custom_builder_url,
        },
        startup_script,
        log_level: args.log_level,
        env_variables,
        network_protocol: args.network_protocol,
        personal_secrets: args.personal_secrets,
        shared_secrets: args.shared_secrets,
        additional_params: key_value::parse("--additional-param", &args.additional_params)?
            .into_iter()
            .map(|(name, value)| (name, serde_json::from_str(&value).unwrap_or_else(|_| value.into())))
            .collect(),
    })
}

/// What is no whole number is sent as one that no rule takes: the console says what is wrong.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a parser that can fail")]
fn percent(text: &str) -> std::result::Result<i64, String> {
    Ok(text.parse().unwrap_or(0))
}

fn read_script(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| CliError::Io {
        what: format!("cannot read the startup script {}", path.display()),
        source,
    })
}

/// Asks until the worker is ready, will not become so, or the time is up. A lost connection is not the worker's failure.
async fn ready(session: &Session, mut worker: WorkerView, timeout: Duration) -> Result<WorkerView> {
    let begun = Instant::now();
    let mut said = String::new();
    loop {
        let settled = worker.ready || !matches!(worker.status, WorkerStatus::Provisioning | WorkerStatus::Running);
        let left = timeout.saturating_sub(begun.elapsed());
        if settled || left.is_zero() {
            return Ok(worker);
        }
        if said != worker.message && !worker.message.is_empty() && session.out.stderr_terminal {
            said.clone_from(&worker.message);
            Out::note(&format!("{}: {}", worker.name, crate::sanitize::visible(&said)));
        }
        // Rounded up, so that less than a second left is not asked for in a tight loop.
        let seconds = (left.as_secs() + 1).min(ONE_WAIT);
        match session.client.worker_wait(&worker.name, seconds).await {
            Ok(now) => worker = now,
            Err(error) if error.is_temporary() => tokio::time::sleep(Duration::from_secs(1)).await,
            Err(error) => return Err(error.into()),
        }
    }
}

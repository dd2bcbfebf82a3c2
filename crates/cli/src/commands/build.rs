//! `build [CONTEXT] -t NAME[:TAG]`.

use std::path::PathBuf;

use prt_types::builds::BuildRequest;

use super::{
    pick_worker::pick,
    run_build::{self, Show},
};
use crate::{
    error::{CliError, Result},
    params::{credentials, key_value, reference},
    progress::upload,
    session::Session,
    upload::{
        local::{Local, build_folders},
        scan::Scan,
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with what the Dockerfile copies; it is sent to the worker, without what .dockerignore names
    #[arg(default_value = ".")]
    context: PathBuf,
    /// Image name and tag, e.g. registry.example.com/demo/app:1.0; without a tag the platform version is taken
    #[arg(long, short, value_name = "NAME[:TAG]")]
    tag: String,
    /// Push the image after building
    #[arg(long)]
    push: bool,
    /// Only build and keep the cache (default)
    #[arg(long, conflicts_with = "push")]
    no_push: bool,
    /// Value for an ARG; KEY alone takes it from the environment. It is recorded: no place for secrets
    #[arg(long = "build-arg", value_name = "KEY=VALUE")]
    build_args: Vec<String>,
    /// The Dockerfile, inside the context (default: CONTEXT/Dockerfile)
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The builder worker; default: the only one that runs
    #[arg(long, short, env = "PRT_WORKER", value_name = "NAME")]
    worker: Option<String>,
    /// Registry login, for repositories below PATH, for pulls or for the push if that is said; the password comes from FILE,
    /// PRT_REGISTRY_PASSWORD or standard input
    #[arg(long = "registry-credential", value_name = "HOST[/PATH],USER[,pull|,push][,@FILE]")]
    registry_credentials: Vec<String>,
    /// Kept registry credential, limited in the same way if that is said; see `prtcli credential list`
    #[arg(long = "registry-secret", value_name = "NAME[/PATH][:pull|:push]")]
    registry_secrets: Vec<String>,
    /// Push over plain HTTP or unverified TLS
    #[arg(long)]
    insecure_registry: bool,
    /// Do not use the cache
    #[arg(long)]
    no_cache: bool,
    /// Further arguments of buildctl build, in quotes, e.g. '--opt target=web'; may be repeated
    #[arg(long = "param", value_name = "ARGUMENTS", allow_hyphen_values = true)]
    params: Vec<String>,
    #[command(flatten)]
    show: Show,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let local = Local::find(&args.context, args.file.as_deref())?;
    let build_args = key_value::parse("--build-arg", &args.build_args)?;
    let (name, tag) = reference::split(&args.tag);
    if name.is_empty() || tag == Some("") {
        return Err(CliError::usage("--tag: NAME[:TAG] is expected"));
    }
    let worker = pick(session, args.worker.as_deref()).await?;
    let here = is_here(&worker)
        .then(|| local.in_build_folder(&build_folders()))
        .flatten();
    // Everything that can be wrong here is found before a password is asked for or anything is sent.
    let scan = || Scan::of(&local.folder, &local.dockerfile);
    if here.is_none() {
        scan()?;
    }
    let tag = match tag {
        Some(tag) => tag.to_owned(),
        None => session.client.server().await?.platform_version,
    };
    let registry_credentials = credentials::read(&args.registry_credentials)?;
    let context_id = match here {
        Some(_) => String::new(),
        None => {
            let quiet = args.show.quiet || args.show.detach;
            upload(session, &worker, scan, args.show.progress, quiet).await?
        }
    };
    let request = BuildRequest {
        worker,
        name: name.to_owned(),
        tag,
        push_image: args.push,
        build_args,
        registry_credentials,
        registry_secrets: args.registry_secrets,
        insecure_registry: args.insecure_registry,
        no_cache: args.no_cache,
        context_id,
        context: here.unwrap_or_default(),
        dockerfile: local.dockerfile,
        additional_build_params: args.params.join(" "),
        custom_build_command: String::new(),
    };
    run_build::run(session, session.client.build_create(&request), args.show).await
}

/// Whether this runs in that worker, so that its build folder is at hand.
fn is_here(worker: &str) -> bool {
    std::env::var("PRT_WORKER").is_ok_and(|here| here == worker)
}

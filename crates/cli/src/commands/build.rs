//! `build [CONTEXT] -t NAME[:TAG]`.

use std::path::PathBuf;

use prt_types::builds::BuildRequest;

use super::{
    pick_worker::pick,
    run_build::{self, Results, Show},
};
use crate::{
    error::{CliError, Result},
    params::{credentials, dockerfile, key_value, reference, secrets},
    progress::upload,
    session::Session,
    upload::{local::build_folders, scan::Scan},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with what the Dockerfile copies; it is sent to the worker, without what .dockerignore names
    #[arg(default_value = ".")]
    context: PathBuf,
    /// Image name and tag, e.g. registry.example.com/demo/app:1.0; without a tag the platform version is taken. May be repeated
    #[arg(long = "tag", short, value_name = "NAME[:TAG]", required = true)]
    tags: Vec<String>,
    /// Push the image after building
    #[arg(long)]
    push: bool,
    /// Only build and keep the cache (default)
    #[arg(long, conflicts_with = "push")]
    no_push: bool,
    /// Value for an ARG; KEY alone takes it from the environment. It is recorded: no place for secrets
    #[arg(long = "build-arg", value_name = "KEY=VALUE")]
    build_args: Vec<String>,
    /// The Dockerfile (default: CONTEXT/Dockerfile); one outside of the context, or standard input as -, is sent along
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
    #[command(flatten)]
    options: Options,
    /// Further arguments of buildctl build, in quotes, e.g. '--opt target=web'; may be repeated
    #[arg(long = "param", value_name = "ARGUMENTS", allow_hyphen_values = true)]
    params: Vec<String>,
    /// Write the image's digest to a file
    #[arg(long, value_name = "FILE", conflicts_with = "detach")]
    iidfile: Option<PathBuf>,
    /// Write the names and the digest of the result to a file, as JSON
    #[arg(long, value_name = "FILE", conflicts_with = "detach")]
    metadata_file: Option<PathBuf>,
    #[command(flatten)]
    show: Show,
}

/// What `docker build` takes under the same names.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The stage to build
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Platforms of the result, e.g. linux/amd64,linux/arm64
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    platforms: Vec<String>,
    /// Label of the image; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Ask the registries for base images that the builder has already
    #[arg(long)]
    pull: bool,
    /// File for RUN --mount=type=secret,id=ID; masked in the log and not recorded. Without src and env it is the variable or file ID
    #[arg(
        long = "secret",
        value_name = "id=ID[,src=FILE|,env=NAME|,personal=NAME|,shared=NAME]"
    )]
    secrets: Vec<String>,
    /// Network of RUN steps: default or none
    #[arg(long, value_name = "MODE")]
    network: Option<String>,
    /// Line for /etc/hosts in RUN steps; may be repeated
    #[arg(long = "add-host", value_name = "NAME:ADDRESS")]
    add_hosts: Vec<String>,
    /// Size of /dev/shm in RUN steps, e.g. 128m
    #[arg(long, value_name = "SIZE")]
    shm_size: Option<String>,
    /// Limit of RUN steps, e.g. nofile=1024:2048; may be repeated
    #[arg(long = "ulimit", value_name = "NAME=SOFT[:HARD]")]
    ulimits: Vec<String>,
    /// Cache to read, an image or type=registry,ref=IMAGE; may be repeated
    #[arg(long, value_name = "CACHE")]
    cache_from: Vec<String>,
    /// Cache to write, type=registry,ref=IMAGE[,mode=max] or type=inline; may be repeated
    #[arg(long, value_name = "CACHE")]
    cache_to: Vec<String>,
    /// false writes Docker's media types, for registries that take nothing else
    #[arg(long, value_name = "BOOLEAN")]
    oci_mediatypes: Option<bool>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let (local, dockerfile_text) = dockerfile::find(&args.context, args.file.as_deref())?;
    let options = args.options;
    let labels = key_value::parse("--label", &options.labels)?;
    let build_args = key_value::parse("--build-arg", &args.build_args)?;
    let mut tags = args.tags.iter().map(|tag| reference::split(tag));
    if tags.any(|(name, tag)| name.is_empty() || tag == Some("")) {
        return Err(CliError::usage("--tag: NAME[:TAG] is expected"));
    }
    let Some((first, further)) = args.tags.split_first() else {
        return Err(CliError::usage("--tag: NAME[:TAG] is expected"));
    };
    let (name, tag) = reference::split(first);
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
    let secrets = secrets::read(&options.secrets)?;
    let registry_credentials = credentials::read(&args.registry_credentials)?;
    let context_id = if here.is_some() {
        String::new()
    } else {
        let quiet = args.show.quiet || args.show.detach;
        upload(session, &worker, scan, args.show.progress, quiet).await?
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
        dockerfile_text,
        additional_tags: further.to_vec(),
        target: options.target.unwrap_or_default(),
        platforms: options.platforms,
        labels,
        pull: options.pull,
        secrets,
        network: options.network.unwrap_or_default(),
        add_hosts: options.add_hosts,
        shm_size: options.shm_size.unwrap_or_default(),
        ulimits: options.ulimits,
        cache_from: options.cache_from,
        cache_to: options.cache_to,
        oci_mediatypes: options.oci_mediatypes,
        additional_build_params: args.params.join(" "),
        custom_build_command: String::new(),
    };
    let results = Results {
        iidfile: args.iidfile,
        metadata_file: args.metadata_file,
    };
    run_build::run_to(session, session.client.build_create(&request), args.show, &results).await
}

/// Whether this runs in that worker, so that its build folder is at hand.
fn is_here(worker: &str) -> bool {
    std::env::var("PRT_WORKER").is_ok_and(|here| here == worker)
}

//! `build-container-image -p key=value …`.

use super::{
    pick_worker::pick,
    run_build::{self, Show},
};
use crate::{error::Result, params::build_container_image, session::Session};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Parameters: name, tag, push_image (default true), build_args, registry_credentials,\n\
    repo_secret_name, insecure_registry, worker, no_cache, context, dockerfile,\n\
    dockerfile_text, additional_tags, target, platforms, labels, pull, secrets, network, add_hosts, shm_size, ulimits,\n\
    cache_from, cache_to, oci_mediatypes: as `prtcli build` has them; lists as JSON or Python, secrets as (id, value),\n\
    secrets=@FILE and dockerfile_text=@FILE read a file.\n\
    additional_build_params (e.g. '--opt target=web'), custom_build_command ('buildctl build …').\n\
    build_args is a dict and registry_credentials a list of (host, user, password), as JSON or as Python literals;\n\
    registry_credentials=@FILE reads the list from a file. A host may have a path behind it, for the repositories\n\
    below it only, and a fourth part of a login is \"pull\" or \"push\", if it is for one of them only.\n\
    repo_secret_name is a kept registry credential, or several with commas between: NAME[/PATH][:pull|:push].\n\n\
    Example:\n  prtcli build-container-image -p name=registry.example.com/demo/app tag=1.0 build_args='{\"KEY\": \"value\"}'"
)]
pub struct Args {
    /// Parameters of the build
    #[arg(long, short, value_name = "KEY=VALUE", num_args = 1.., required = true)]
    pub params: Vec<String>,
    /// The builder worker; default: the only one that runs
    #[arg(long, short, env = "PRT_WORKER", value_name = "NAME")]
    worker: Option<String>,
    #[command(flatten)]
    show: Show,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let mut request = build_container_image::parse(&args.params)?;
    let named = Some(request.worker.as_str())
        .filter(|name| !name.is_empty())
        .or(args.worker.as_deref());
    request.worker = pick(session, named).await?;
    run_build::run(session, session.client.build_create(&request), args.show).await
}

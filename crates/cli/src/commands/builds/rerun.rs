//! `builds rerun N`.

use prt_types::builds::RerunRequest;

use crate::{
    commands::run_build::{self, Show},
    error::Result,
    params::{credentials, secrets},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The build
    #[arg(value_parser = super::number)]
    number: i64,
    /// Registry login, because logins are not kept; the password comes from FILE, PRT_REGISTRY_PASSWORD or standard input
    #[arg(long = "registry-credential", value_name = "HOST[/PATH],USER[,pull|,push][,@FILE]")]
    registry_credentials: Vec<String>,
    /// Kept registry credential; those that the build used are used again without this
    #[arg(long = "registry-secret", value_name = "NAME[/PATH][:pull|:push]")]
    registry_secrets: Vec<String>,
    /// Secret of the build again, because values are not stored; stored secrets are used again without this
    #[arg(
        long = "secret",
        value_name = "id=ID[,src=FILE|,env=NAME|,personal=NAME|,shared=NAME]"
    )]
    secrets: Vec<String>,
    /// Do not use the cache this time
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    show: Show,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let secrets = secrets::read(&args.secrets)?;
    let registry_credentials = credentials::read(&args.registry_credentials)?;
    let request = RerunRequest {
        registry_credentials,
        registry_secrets: args.registry_secrets,
        secrets,
        no_cache: args.no_cache,
    };
    run_build::run(session, session.client.build_rerun(args.number, &request), args.show).await
}

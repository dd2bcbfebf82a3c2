//! `worker unknown remove`.

use crate::{
    error::{CliError, Result},
    output::Out,
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name or id
    #[arg(value_name = "WORKER")]
    worker: String,
    /// Really remove it: its files are lost
    #[arg(long)]
    yes: bool,
}

pub async fn run(args: &Args, session: &Session) -> Result<()> {
    let worker = super::find(session, &args.worker).await?;
    let name = super::name(&worker);
    if !args.yes {
        return Err(CliError::usage_hint(
            format!("this removes the containers and volumes of {name}, with all files in them"),
            "add --yes to do so",
        ));
    }
    session.client.unknown_worker_remove(worker.id).await?;
    if session.out.is_json() {
        Out::json(&worker)
    } else {
        Out::line(&format!("the containers and volumes of {name} are removed"))
    }
}

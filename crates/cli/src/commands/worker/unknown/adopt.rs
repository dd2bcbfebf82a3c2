//! `worker unknown adopt`.

use prt_types::unknown_workers::AdoptRequest;

use crate::{error::Result, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name or id
    #[arg(value_name = "WORKER")]
    worker: String,
    /// Login name of the new owner; default: the owner that the containers name
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let found = super::find(session, &args.worker).await?;
    let request = AdoptRequest { owner: args.owner };
    let worker = session.client.unknown_worker_adopt(found.id, &request).await?;
    session.out.show(&worker, |worker| {
        format!(
            "{} belongs to {} and is being checked\nlook at it: prtcli worker show {0}",
            worker.name, worker.owner
        )
    })
}

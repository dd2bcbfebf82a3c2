//! `worker list`.

use prt_types::workers::WorkerView;

use crate::{
    error::Result,
    output::{date, table},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also those that have ended
    #[arg(long, short)]
    all: bool,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let workers = session.client.workers(args.all).await?;
    session.out.show(&workers, |workers| {
        let rows: Vec<Vec<String>> = workers.iter().map(row).collect();
        table(
            &["NAME", "STATUS", "SIZE", "BUILDER", "OWNER", "CREATED", "IMAGE"],
            &rows,
        )
    })
}

fn row(worker: &WorkerView) -> Vec<String> {
    let status = match worker.reason {
        Some(reason) => format!("{} ({})", worker.status.name(), reason.name()),
        None => worker.status.name().to_owned(),
    };
    let builder = match (worker.builder, worker.active_build) {
        (false, _) => "no".to_owned(),
        (true, None) => "yes".to_owned(),
        (true, Some(number)) => format!("builds #{number}"),
    };
    vec![
        worker.name.clone(),
        status,
        worker.size.clone(),
        builder,
        worker.owner.clone(),
        date(worker.created_ms),
        worker.image.clone(),
    ]
}

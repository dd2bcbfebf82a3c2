//! `retention run`.

use prt_types::retention::RetentionRun;

use super::text;
use crate::{error::Result, output::table, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Delete nothing; only say what would go
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(args: &Args, session: &Session) -> Result<()> {
    let run = session.client.retention_run(args.dry_run).await?;
    session.out.show(&run, describe)
}

fn describe(run: &RetentionRun) -> String {
    if run.deleted.is_empty() {
        return "nothing is older than its rule".to_owned();
    }
    let rows: Vec<Vec<String>> = run
        .deleted
        .iter()
        .map(|one| vec![one.kind.name().to_owned(), text(one.amount)])
        .collect();
    let head = if run.dry_run { "WOULD GO" } else { "DELETED" };
    table(&["KIND", head], &rows)
}

//! `builds list`.

use clap::ValueEnum;
use prt_types::builds::{BuildStatus, BuildView};

use crate::{
    error::Result,
    output::{date, duration, table},
    session::Session,
};

/// `--status`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Pending,
    Running,
    Canceling,
    Succeeded,
    Failed,
    Canceled,
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those of this worker
    #[arg(long, short, value_name = "NAME")]
    worker: Option<String>,
    /// Only those in this status
    #[arg(long, value_enum, ignore_case = true)]
    status: Option<Status>,
    /// How many
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    limit: u32,
    /// Only those before this number
    #[arg(long, value_parser = super::number, value_name = "NUMBER")]
    before: Option<i64>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let status = args.status.map(|status| match status {
        Status::Pending => BuildStatus::Pending,
        Status::Running => BuildStatus::Running,
        Status::Canceling => BuildStatus::Canceling,
        Status::Succeeded => BuildStatus::Succeeded,
        Status::Failed => BuildStatus::Failed,
        Status::Canceled => BuildStatus::Canceled,
    });
    let builds = session
        .client
        .builds(args.worker.as_deref(), status, Some(args.limit), args.before)
        .await?;
    session.out.show(&builds, |builds| {
        let rows: Vec<Vec<String>> = builds.iter().map(row).collect();
        table(
            &["BUILD", "STATUS", "WORKER", "OWNER", "CREATED", "TOOK", "IMAGE"],
            &rows,
        )
    })
}

fn row(build: &BuildView) -> Vec<String> {
    vec![
        format!("#{}", build.number),
        super::show::status(build),
        build.worker.clone(),
        build.owner.clone(),
        date(build.created_ms),
        super::show::took(build).map(duration).unwrap_or_default(),
        build.reference.clone(),
    ]
}

//! `worker terminate NAME …`.

use prt_types::workers::TerminateRequest;

use crate::{
    error::{CliError, Result},
    output::Out,
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The workers
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Why; kept with the worker
    #[arg(long, short)]
    reason: Option<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let mut ended = Vec::new();
    let mut failure: Option<CliError> = None;
    for name in &args.names {
        let request = TerminateRequest {
            stop_reason: args.reason.clone(),
        };
        match session.client.worker_terminate(name, &request).await {
            Ok(worker) => {
                if !session.out.is_json() {
                    Out::line(&format!("{} is {}", worker.name, worker.status.name()))?;
                }
                ended.push(worker);
            }
            Err(error) => {
                // The others are ended all the same; the last error is reported by the caller.
                if let Some(earlier) = failure.replace(error.into()) {
                    earlier.report();
                }
            }
        }
    }
    if session.out.is_json() {
        Out::json(&ended)?;
    }
    failure.map_or(Ok(()), Err)
}

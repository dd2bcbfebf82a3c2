//! `worker exec NAME -- CMD …`.

use std::io::{self, Write as _};

use prt_types::workers::ExecRequest;

use crate::{
    error::{CliError, FAILED, Result},
    output::Out,
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker
    name: String,
    /// Program and arguments; no shell in between
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let result = session
        .client
        .worker_exec(&args.name, &ExecRequest { command: args.command })
        .await?;
    if session.out.is_json() {
        Out::json(&result)?;
    } else {
        Out::raw(result.stdout.as_bytes())?;
        _ = io::stderr().lock().write_all(result.stderr.as_bytes());
        if result.truncated {
            Out::note("note: the output was longer and has been cut");
        }
    }
    match u8::try_from(result.exit_code) {
        Ok(0) => Ok(()),
        Ok(code) => Err(CliError::Exit(code)),
        // Not a code that a program can end with, but certainly no success.
        Err(_) => Err(CliError::Exit(FAILED)),
    }
}

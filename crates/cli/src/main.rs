//! `prtcli`: the console's command line.
//!
//! Each command is one file under `commands/`; [`session`] finds the server and the token, [`error`] says how a command ends
//! (exit code 0 done, 1 failed, 2 wrong use, 3 not allowed), [`progress`] shows a running build.
//!
//! # How to add a command
//! A file with its `Args` and `run(args, &Session)`, and a line in `commands/mod.rs`.

mod args;
mod commands;
#[cfg(test)]
mod documented;
mod error;
mod output;
mod params;
mod progress;
mod sanitize;
mod session;
mod upload;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => {
            return finish(&error::CliError::Io {
                what: "cannot start".into(),
                source,
            });
        }
    };
    let outcome = runtime.block_on(commands::run(cli));
    // A thread that reads a prompt or a file for an upload must not keep an ended command alive.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => finish(&error),
    }
}

fn finish(error: &error::CliError) -> ExitCode {
    error.report();
    ExitCode::from(error.exit_code())
}

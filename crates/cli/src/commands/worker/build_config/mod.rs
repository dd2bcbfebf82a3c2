//! `worker build-config …`.

mod lint;
mod reset;
mod set;
mod show;

use clap::Subcommand;
use prt_types::build_config::{BuildConfigState, BuildConfigView, Finding, WhenBusy};

use crate::{
    error::{CliError, Result},
    output::Out,
    session::Session,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what the build service runs with
    Show(show::Args),
    /// Change it; the build service restarts, the worker does not
    Set(set::Args),
    /// Say what is wrong with a buildkitd.toml; changes nothing
    Lint(lint::Args),
    /// Go back to what the builder started with
    Reset(reset::Args),
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::Show(args) => show::run(args, session).await,
        Command::Set(args) => set::run(args, session).await,
        Command::Lint(args) => lint::run(args, session).await,
        Command::Reset(args) => reset::run(args, session).await,
    }
}

/// What to do while a build runs.
fn when_busy(no_wait: bool) -> WhenBusy {
    if no_wait { WhenBusy::Refuse } else { WhenBusy::Wait }
}

/// Waits for the end of a change, says how it ended, and fails if it did not work.
async fn finish(session: &Session, worker: &str, mut view: BuildConfigView) -> Result<()> {
    if view.state.is_changing() {
        if !view.message.is_empty() {
            Out::note(&view.message);
        }
        view = session.client.build_config_settled(worker).await?;
    }
    say(&view.findings);
    if view.state == BuildConfigState::Failed {
        return Err(CliError::failed(view.message));
    }
    session.out.show(&view, |view| {
        format!(
            "the build service of {worker} runs with this configuration ({})",
            view.mode.name()
        )
    })
}

/// Findings, on standard error: `warning: line 3, column 1: …`.
fn say(findings: &[Finding]) {
    for finding in findings {
        Out::note(&format!("{}: {finding}", finding.severity.name()));
    }
}

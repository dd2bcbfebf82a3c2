//! `builders …`.

use clap::Subcommand;
use prt_types::builders::{BuildersView, CheckState, Preflight};

use crate::{
    error::{CliError, Result},
    output::{date, facts},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the builders' images and the last check of the host
    Show,
    /// Check what the host lacks for the restricted builder; exit code 1 if it cannot work
    Check,
}

pub async fn run(command: Command, session: &Session) -> Result<()> {
    match command {
        Command::Show => {
            let view = session.client.builders().await?;
            session.out.show(&view, builders)
        }
        Command::Check => {
            let found = session.client.builders_preflight().await?;
            session.out.show(&found, preflight)?;
            if found.ok {
                Ok(())
            } else {
                Err(CliError::failed_hint(
                    found.summary,
                    "do what stands beside each failed check, then check again",
                ))
            }
        }
    }
}

fn builders(view: &BuildersView) -> String {
    let images = facts(&[
        ("Restricted", Some(view.restricted_image.clone())),
        ("Privileged", Some(view.privileged_image.clone())),
    ]);
    let check = match &view.preflight {
        Some(found) => preflight(found),
        None => "The host was not checked since the console's start: prtcli builders check".to_owned(),
    };
    format!("{images}\n\n{check}")
}

fn preflight(found: &Preflight) -> String {
    let mut lines = vec![format!("{} ({}, {})", found.summary, found.engine, date(found.at_ms))];
    for check in &found.checks {
        lines.push(format!("{:8} {}: {}", check.state.name(), check.title, check.found));
        if check.state != CheckState::Ok && !check.fix.is_empty() {
            lines.push(format!("         {}", check.fix));
        }
    }
    lines.join("\n")
}

//! `builds logs N`.

use futures::{StreamExt as _, stream::BoxStream};
use prt_client::{Bytes, ClientError};
use prt_types::builds::BuildStatus;

use crate::{
    error::{CliError, FAILED, Result},
    output::Out,
    progress::{ProgressMode, Sink, Watched, watch},
    sanitize::visible_lines,
    session::Session,
};

/// Records asked for at once.
const PAGE: u32 = 5000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The build
    #[arg(value_parser = super::number)]
    number: i64,
    /// Go on until the build ends; the exit code is then the build's. Ctrl-C only stops looking
    #[arg(long, short)]
    follow: bool,
    /// How to show it
    #[arg(long, value_enum, default_value = "plain", value_name = "HOW")]
    progress: ProgressMode,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    if args.follow {
        let mode = if session.out.is_json() {
            ProgressMode::Rawjson
        } else {
            args.progress
        };
        // The records are what was asked for, so they go to standard output also with `--output json`.
        let out = session.out.as_text();
        let end = watch(session, args.number, &mut Sink::new(mode, false, &out), Watched::Looked).await?;
        return if end.status == BuildStatus::Succeeded {
            Ok(())
        } else {
            Err(CliError::Exit(FAILED))
        };
    }
    if session.out.is_json() || args.progress == ProgressMode::Rawjson {
        return records(args.number, session).await;
    }
    copy(session, session.client.build_log(args.number).await?).await
}

/// All records so far as lines of JSON.
async fn records(number: i64, session: &Session) -> Result<()> {
    let out = session.out.as_text();
    let mut sink = Sink::new(ProgressMode::Rawjson, false, &out);
    let mut after = 0;
    loop {
        let page = session.client.build_records(number, after, Some(PAGE)).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.seq;
        sink.take(page)?;
    }
}

/// Prints a text as it comes: as it is into a file, made safe onto a terminal.
pub async fn copy(session: &Session, mut text: BoxStream<'static, Result<Bytes, ClientError>>) -> Result<()> {
    // A part can end within a character or a sequence, so on a terminal whole lines are printed.
    let mut held = Vec::new();
    while let Some(part) = text.next().await {
        let part = part?;
        if !session.out.stdout_terminal {
            Out::raw(&part)?;
            continue;
        }
        held.extend_from_slice(&part);
        if let Some(end) = held.iter().rposition(|byte| *byte == b'\n') {
            let rest = held.split_off(end + 1);
            Out::raw(visible_lines(&String::from_utf8_lossy(&held)).as_bytes())?;
            held = rest;
        }
    }
    if held.is_empty() {
        Ok(())
    } else {
        Out::line(&visible_lines(&String::from_utf8_lossy(&held)))
    }
}

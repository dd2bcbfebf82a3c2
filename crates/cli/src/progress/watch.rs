//! Following a build to its end: records into the sink, Ctrl-C to the server.

use std::time::Duration;

use futures::StreamExt as _;
use prt_client::{Client, ClientError, FollowOptions, Followed};
use prt_types::{
    ErrorCode,
    build_events::{BuildEnd, BuildEvent},
};
use tokio::{sync::mpsc, task::JoinHandle, time::MissedTickBehavior};

use super::Sink;
use crate::{
    error::{CliError, Result},
    session::Session,
};

/// Time between frames.
const FRAME: Duration = Duration::from_millis(100);

/// Records taken at once: many of a log that is already there, one of a live log.
const BATCH: usize = 4096;

/// How often the server is asked to cancel when it cannot be reached.
const CANCEL_TRIES: u32 = 20;

/// Ctrl-C, counted from when this was made.
#[derive(Debug)]
pub struct Interrupts(mpsc::UnboundedReceiver<()>);

impl Interrupts {
    /// From now on Ctrl-C does not end the program by itself.
    pub fn listen() -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if tell.send(()).is_err() {
                    break;
                }
            }
        });
        Self(told)
    }

    /// The next one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// What Ctrl-C does.
#[derive(Debug)]
pub enum Watched<'a> {
    /// Asks the server to cancel; a second one leaves.
    Ours(&'a mut Interrupts),
    /// Ends this program only, as it does by itself.
    Looked,
}

/// Follows a build from record `after` on.
pub async fn watch(session: &Session, number: i64, sink: &mut Sink, mut watched: Watched<'_>) -> Result<BuildEnd> {
    let mut follower = session
        .client
        .follow(number, 0, FollowOptions::default())
        .ready_chunks(BATCH);
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut canceling: Option<JoinHandle<Result<(), ClientError>>> = None;
    loop {
        tokio::select! {
            items = follower.next() => {
                let Some(items) = items else {
                    return Err(ClientError::Protocol { status: None, message: format!("the log of build #{number} has no end") }.into());
                };
                if let Some(end) = take(items, sink)? {
                    sink.remark(None);
                    sink.finish()?;
                    return Ok(end);
                }
            }
            _ = frames.tick() => sink.tick()?,
            () = interrupt(&mut watched) => {
                if canceling.is_some() {
                    return Err(CliError::failed_hint(
                        format!("left build #{number} before its end"),
                        format!("see what became of it with `prtcli builds show {number}`"),
                    ));
                }
                sink.remark(Some("canceling… (press Ctrl-C again to leave at once)".into()));
                canceling = Some(tokio::spawn(cancel(session.client.clone(), number)));
            }
            result = finished(&mut canceling) => {
                // The log says when the build has ended; only a refusal is news.
                if let Err(error) = result {
                    sink.remark(Some(format!("cannot cancel: {}", CliError::from(error).text())));
                }
            }
        }
    }
}

/// Gives followed items to the sink, and the build's end if it is among them.
fn take(items: Vec<Result<Followed, ClientError>>, sink: &mut Sink) -> Result<Option<BuildEnd>> {
    let mut records = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Ok(Followed::Record(record)) => records.push(record),
            Ok(Followed::Reconnecting { reason, .. }) => {
                sink.take(std::mem::take(&mut records))?;
                sink.remark(Some(format!("reconnecting… ({reason})")));
            }
            Ok(Followed::Reconnected) => sink.remark(None),
            Err(error) => {
                sink.take(records)?;
                return Err(error.into());
            }
        }
    }
    let end = match records.last().map(|record| &record.event) {
        Some(BuildEvent::End(end)) => Some(end.clone()),
        _ => None,
    };
    sink.take(records)?;
    Ok(end)
}

async fn interrupt(watched: &mut Watched<'_>) {
    match watched {
        Watched::Ours(interrupts) => interrupts.next().await,
        Watched::Looked => std::future::pending().await,
    }
}

/// Waits for the request to cancel, once.
async fn finished(canceling: &mut Option<JoinHandle<Result<(), ClientError>>>) -> Result<(), ClientError> {
    match canceling {
        Some(task) if !task.is_finished() => task.await.unwrap_or(Ok(())),
        _ => std::future::pending().await,
    }
}

async fn cancel(client: Client, number: i64) -> Result<(), ClientError> {
    let mut tries = 1;
    loop {
        match client.build_cancel(number).await {
            Ok(_) => return Ok(()),
            // It ended meanwhile.
            Err(error) if error.code() == Some(ErrorCode::Conflict) => return Ok(()),
            Err(error) if error.is_temporary() && tries < CANCEL_TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

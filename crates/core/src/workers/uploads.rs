//! Uploads into the build folder of a running worker. Until one is whole nothing of what it replaces is touched.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{
    FutureExt as _, Stream, StreamExt,
    stream::{self, BoxStream},
};
use prt_agent_protocol::{Refusal, RefusalKind, Reply, Request, UPLOADS};
use prt_types::{audit::Outcome, workers::WorkerStatus};
use serde_json::json;
use tokio::sync::{OwnedMutexGuard, Semaphore};

use super::reach::{confine, confine_file};
use crate::{
    Orchestrator,
    agent::{self, Agent, Contents},
    builds::busy,
    error::{Error, Result},
    op_context::OpContext,
    store::Worker,
};

/// Uploads into one worker that go on at the same time; others wait.
const AT_ONCE: usize = 16;
/// A sender from whom nothing comes for so long has gone.
pub(super) const SILENCE: Duration = Duration::from_mins(1);

/// Bytes from a client, as they come.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

impl Orchestrator {
    /// Unpacks a tar stream into a folder of the build folder; `replace` removes what was in that folder.
    pub async fn build_files_put(
        &self,
        cx: &OpContext,
        name: &str,
        path: &str,
        tar: ByteStream,
        replace: bool,
    ) -> Result<()> {
        let worker = self.build_folder_reachable(cx, name).await?;
        let relative = confine(path)?;
        if replace && relative.is_empty() {
            return Err(Error::field("path", "Name a folder below the build folder to replace."));
        }
        not_ours(&relative)?;
        self.not_read_by_a_build(&worker, &relative).await?;
        self.upload_begins(cx, name, &relative, replace).await?;
        self.to_its_end(worker, relative, tar, Kind::Folder { replace }).await
    }

    /// Writes one file of the build folder.
    pub async fn build_file_put(&self, cx: &OpContext, name: &str, path: &str, content: ByteStream) -> Result<()> {
        let relative = confine_file(path)?;
        not_ours(&relative)?;
        let worker = self.build_folder_reachable(cx, name).await?;
        self.upload_begins(cx, name, &relative, true).await?;
        self.to_its_end(worker, relative, content, Kind::File).await
    }

    /// What a sender who is gone has sent is put in place or thrown away, too.
    async fn to_its_end(&self, worker: Worker, relative: String, bytes: ByteStream, kind: Kind) -> Result<()> {
        let this = self.clone();
        let upload = async move { this.receive(worker, relative, bytes, kind).await };
        match self.inner.tasks.spawn(upload).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::internal("receiving an upload", error)),
        }
    }

    async fn receive(&self, worker: Worker, relative: String, bytes: ByteStream, kind: Kind) -> Result<()> {
        let turns = self.inner.workers.uploads(worker.id);
        let _turn = turns.turn().await;
        let agent = Agent::of_build_folder(&worker);
        let (end, placing) = (StreamEnd::default(), Placing::default());
        let contents = Contents {
            bytes: watched(bytes, end.clone(), SILENCE),
            whole: {
                let (this, turns, end, placing) = (self.clone(), Arc::clone(&turns), end.clone(), placing.clone());
                let (worker, relative) = (worker.clone(), relative.clone());
                async move { end.whole().await && this.may_be_placed(&turns, &placing, &worker, &relative, kind).await }
                    .boxed()
            },
        };
        let request = kind.request(&agent, &relative);
        let reply = agent::ask(&*self.inner.engine, worker.id, &agent, &request, Some(contents)).await;
        let refused = placing.end();
        match reply {
            Ok(Reply::Done) => Ok(()),
            Ok(Reply::Refused(refusal)) if refusal.kind != RefusalKind::Cut => {
                Err(kind.refused(&worker, &relative, refusal))
            }
            Ok(Reply::Refused(refusal)) => Err(match (refused, end.broken()) {
                (Some(refused), _) => refused,
                (None, Some(why)) => broke_off(&why),
                (None, None) => kind.refused(&worker, &relative, refusal),
            }),
            Ok(_) => Err(agent::unexpected()),
            Err(error) => Err(self.end_of(&worker).await.unwrap_or(error)),
        }
    }

    /// Asked when all of an upload has come. It took a while, and so may its turn.
    async fn may_be_placed(
        &self,
        turns: &Turns,
        placing: &Placing,
        worker: &Worker,
        relative: &str,
        kind: Kind,
    ) -> bool {
        let alone = Arc::clone(&turns.placing).lock_owned().await;
        let refused = match kind {
            Kind::File => None,
            Kind::Folder { .. } => self.not_read_by_a_build(worker, relative).await.err(),
        };
        let placed = refused.is_none();
        placing.begin(alone, refused);
        placed
    }

    /// The end of a worker is why an upload into it fails, whatever the agent in it said last.
    async fn end_of(&self, worker: &Worker) -> Option<Error> {
        let ended = self.ended_meanwhile(worker).await?;
        let name = worker.name();
        let row = self.read().await.ok()?.worker(worker.id).await.ok()?;
        let gone = |row: Worker| matches!(row.status, WorkerStatus::Terminating | WorkerStatus::Terminated);
        Some(Error::conflict(if row.is_some_and(gone) {
            format!("{name} was terminated during the upload.")
        } else {
            format!("{name} ended during the upload. {}", ended.message)
        }))
    }

    /// In the audit log before anything happens, as with commands: what breaks off was tried all the same.
    pub(super) async fn upload_begins(&self, cx: &OpContext, worker: &str, path: &str, replace: bool) -> Result<()> {
        let details = json!({ "path": path, "replace": replace });
        let mut tx = self.write().await?;
        self.audit_add(&mut *tx, cx, "worker.upload", worker, Outcome::Done, details)
            .await?;
        tx.save().await?;
        Ok(())
    }

    /// The folder that a running build reads is not changed as a whole; single files are for their owner to judge.
    async fn not_read_by_a_build(&self, worker: &Worker, relative: &str) -> Result<()> {
        match self.read().await?.build_active(worker.id).await? {
            Some(build)
                if Path::new(&build.context).starts_with(relative)
                    || Path::new(relative).starts_with(&build.context) =>
            {
                Err(busy(worker, build.number))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What comes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    File,
    Folder { replace: bool },
}

impl Kind {
    fn request(self, agent: &Agent, path: &str) -> Request {
        let (folder, path) = (agent.build_folder.to_owned(), path.to_owned());
        match self {
            Self::File => Request::FileWrite {
                folder,
                path,
                mode: None,
            },
            Self::Folder { replace } => Request::FolderUnpack { folder, path, replace },
        }
    }

    fn refused(self, worker: &Worker, relative: &str, refusal: Refusal) -> Error {
        let (field, what) = match self {
            Self::File => ("path", format!("{relative} cannot be written in {}", worker.name())),
            Self::Folder { .. } => ("body", format!("The files cannot be unpacked in {}", worker.name())),
        };
        match refusal.kind {
            RefusalKind::DiskFull => agent::refused(refusal, field),
            RefusalKind::Invalid | RefusalKind::NotFound | RefusalKind::Cut | RefusalKind::Failed => {
                let words = refusal.message.trim_end_matches('.');
                Error::field(field, format!("{what}: {words}."))
            }
        }
    }
}

/// Where uploads into one worker wait for each other.
#[derive(Debug)]
pub(super) struct Turns {
    /// Each upload is a command in the worker, of which an engine cannot take any number.
    at_once: Semaphore,
    /// Held while one is put in place, which is more than one step.
    placing: Arc<tokio::sync::Mutex<()>>,
}

impl Turns {
    /// Waits for one of the places.
    pub async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        // It is never closed.
        self.at_once.acquire().await.ok()
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            at_once: Semaphore::new(AT_ONCE),
            placing: Arc::default(),
        }
    }
}

/// Whether an upload that has come may be put in place. While it is, others wait.
#[derive(Clone, Default)]
struct Placing(Arc<Mutex<Option<Placed>>>);

struct Placed {
    _alone: OwnedMutexGuard<()>,
    refused: Option<Error>,
}

impl Placing {
    fn begin(&self, alone: OwnedMutexGuard<()>, refused: Option<Error>) {
        let placed = Placed { _alone: alone, refused };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(placed);
    }

    /// Lets others go on; why it may not be.
    fn end(&self) -> Option<Error> {
        let placed = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        placed?.refused
    }
}

/// How a stream has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamEnd(Arc<Mutex<Option<String>>>);

impl StreamEnd {
    /// Why it broke off, if it did.
    pub fn broken(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asked at its end: whether that is its own.
    pub async fn whole(self) -> bool {
        self.broken().is_none()
    }

    fn broke(&self, why: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// The pieces of a stream until it breaks off or falls silent, noting how it ends.
pub(super) fn watched(bytes: ByteStream, end: StreamEnd, silence: Duration) -> BoxStream<'static, Bytes> {
    let heard = stream::unfold(bytes, move |mut bytes| async move {
        let next = tokio::time::timeout(silence, bytes.next()).await;
        let silent = |_| {
            let why = format!("nothing came for {} s", silence.as_secs());
            Some(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
        };
        Some((next.unwrap_or_else(silent)?, bytes))
    });
    let pieces = heard.scan(end, |end, piece| {
        std::future::ready(piece.map_err(|error| end.broke(error.to_string())).ok())
    });
    pieces.boxed()
}

/// Names of uploads on their way are not for others.
fn not_ours(relative: &str) -> Result<()> {
    if relative.starts_with(UPLOADS) {
        let message = format!("Names that begin with {UPLOADS} are for uploads on their way.");
        return Err(Error::field("path", message));
    }
    Ok(())
}

pub(super) fn broke_off(why: &str) -> Error {
    Error::field("body", format!("The upload broke off: {why}."))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use futures::{StreamExt as _, stream};

    use super::{StreamEnd, watched};

    #[tokio::test]
    async fn a_sender_who_falls_silent_is_given_up() {
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"a"))]);
        let end = StreamEnd::default();
        let bytes = Box::pin(begun.chain(stream::pending()));
        let pieces = watched(bytes, end.clone(), Duration::from_millis(20));
        assert_eq!(pieces.collect::<Vec<_>>().await, ["a"]);
        assert_eq!(end.broken().as_deref(), Some("nothing came for 0 s"));
        assert!(!end.whole().await);
    }
}

//! Uploads into the build folder of a running worker. Until one is whole nothing of what it replaces is touched.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use prt_types::{
    audit::Outcome,
    workers::{ContainerRole, WorkerStatus},
};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{
    BUILD_FOLDER_PRIMARY,
    reach::{confine, confine_file},
};
use crate::{
    Orchestrator,
    builds::busy,
    engine::{Engine, EngineResult, ExecDone, ExecSpec, exec_collect},
    error::{Error, Result},
    op_context::OpContext,
    store::Worker,
};

/// What an upload is called until it is whole, before its process' word.
const UPLOADS: &str = ".prt-upload-";

/// Tells this process' uploads from those that another one left when it was killed.
static PROCESS: LazyLock<String> = LazyLock::new(|| hex::encode(crate::crypto::random::<6>()));

/// Begins every script: goes to the build folder `$1`. `$2` is the upload's name. Folders that a user unpacked may be read-only, so are made
/// writable before they are removed; files may have other names elsewhere and stay as they are.
const BEGIN: &str = r#"set -eu
cd -- "$1"
drop() {
  [ -L "$1" ] || find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \; 2>/dev/null || :
  rm -rf -- "$1"
}
"#;

/// Removes what another process left; names of living uploads begin with `$3`.
const SWEEP: &str = r#"for old in ./.prt-upload-*; do
  case "$old" in "./$3"*) ;; *) drop "$old" || : ;; esac
done
"#;

/// After [`SWEEP`]: unpacks standard input in the new folder `$2`; on any failure nothing of it stays.
///
/// The worker's own tar unpacks as the worker's user: a link or a `..` in the stream can reach what that user can, no more.
const UNPACK: &str = r#"mkdir -- "$2"
tar -x -C "$2" --no-same-owner -f - || { code=$?; drop "$2"; exit "$code"; }
"#;

/// Puts the unpacked folder `$2` in the place `$3`; `$4` says whether as a whole or file by file. Renaming is all that is done, so each
/// file, or the folder, is either the old or the new one. A place on another file system is copied to first.
const SWAP: &str = r#"new=$PWD/$2 place=./$3
near=${place%/*}/$2
trap 'drop "$new"; drop "$near"' EXIT
if [ "$4" = replace ]; then
  mkdir -p -- "${place%/*}"
  if [ "$near" = "./$2" ]; then
    :
  elif [ "$(stat -c %d -- "$new")" = "$(stat -L -c %d -- "${place%/*}")" ]; then
    # Only who may write to a folder may move it to another one.
    chmod u+w -- "$new"
    mv -- "$new" "$near"
  else
    cp -pPR -- "$new" "$near"
  fi
  if [ -e "$place" ] || [ -L "$place" ]; then
    mv -- "$place" "$near.old"
    mv -- "$near" "$place" || { mv -- "$near.old" "$place"; exit 1; }
    drop "$near.old" || :
  else
    mv -- "$near" "$place"
  fi
else
  mkdir -p -- "$place"
  BUILD=$(pwd -P) TARGET=$(cd -- "$place" && pwd) NEAR="$2.near"
  cd -- "$new"
  for own in .prt-upload-*; do
    if [ -e "$own" ]; then echo "$own is a name of an upload on its way" >&2; exit 1; fi
  done
  LOOK='for f; do
    if [ -d "$TARGET/$f" ] && [ ! -L "$TARGET/$f" ]; then echo "$f is a folder" >&2; exit 1; fi
  done'
  MAKE='cd -- "$TARGET" && mkdir -p -- "$@"'
  MOVE='for d; do
    to=$TARGET/$d
    # Where a link leads out of the build folder may be another file system, to which a move is a copy.
    case "$(cd -- "$to" && pwd -P)/" in "$BUILD"/*) copy= ;; *) copy=1 ;; esac
    set --
    for f in "$d"/* "$d"/.[!.]* "$d"/..?*; do
      if [ -d "$f" ] && [ ! -L "$f" ]; then continue; fi
      if [ ! -e "$f" ] && [ ! -L "$f" ]; then continue; fi
      if [ "$copy" ]; then
        near=$to/$NEAR old=$to/${f##*/}
        mv -f -- "$f" "$near" || { rm -f -- "$near"; exit 1; }
        if [ -L "$old" ]; then rm -f -- "$old"; fi
        mv -f -- "$near" "$old" || { rm -f -- "$near"; exit 1; }
        continue
      fi
      set -- "$@" "$f"
      if [ "$#" -ge 200 ]; then mv -f -- "$@" "$to/" || exit 1; set --; fi
    done
    if [ "$#" -gt 0 ]; then mv -f -- "$@" "$to/" || exit 1; fi
  done'
  # Exported, as find takes each {} in its words for its own, also in a path.
  export BUILD TARGET NEAR
  # What can be known is found before anything is moved.
  find . ! -type d -exec sh -c "$LOOK" sh {} +
  find . -type d ! -name . -exec sh -c "$MAKE" sh {} +
  find . -type d -exec sh -c "$MOVE" sh {} +
  cd -- "$1"
fi
"#;

/// After [`SWEEP`]: writes standard input, which is for the place `$4`, to the new file `$2` and prints its size; on any failure nothing of
/// it stays.
const TAKE_FILE: &str = r#"if [ -d "./$4" ]; then echo "it is a folder" >&2; exit 1; fi
cat > "$2" || { rm -f -- "$2"; exit 1; }
wc -c < "$2"
"#;

/// Puts the file `$2` in the place `$3` by renaming it there, on another file system after it was copied. It has the rights of what it
/// replaces.
const PLACE_FILE: &str = r#"place=./$3
near=${place%/*}/$2
trap 'rm -f -- "$2" "$near"' EXIT
mkdir -p -- "${place%/*}"
if [ -d "$place" ]; then echo "it is a folder" >&2; exit 1; fi
mode=644
if [ -f "$place" ] && [ ! -L "$place" ]; then mode=$(stat -c %a -- "$place"); fi
case $mode in ????) mode=${mode#?} ;; esac
[ "$near" = "./$2" ] || mv -f -- "$2" "$near"
chmod "$mode" -- "$near"
mv -f -- "$near" "$place"
"#;

/// Throws away what has come.
const DISCARD: &str = r#"drop "$2""#;

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

    async fn folder_receive(&self, upload: &Upload<'_>, relative: &str, tar: ByteStream, replace: bool) -> Result<()> {
        let worker = upload.worker;
        let (done, end) = upload.receive(UNPACK, &[], tar).await?;
        if done.exit_code == 0 && end.is_whole_archive() {
            let _alone = upload.turns.placing.lock().await;
            // It took a while to come, and to be its turn.
            if let Err(error) = self.not_read_by_a_build(worker, relative).await {
                upload.discard().await;
                return Err(error);
            }
            let mode = if replace { "replace" } else { "merge" };
            let done = upload.run(SWAP, &[relative, mode], None).await?;
            return if done.exit_code == 0 {
                Ok(())
            } else {
                Err(not_unpacked(worker, &done.stderr))
            };
        }
        if done.exit_code == 0 {
            // tar took what there was of it for all.
            upload.discard().await;
        }
        Err(match end.broken {
            Some(broken) => broke_off(&broken),
            None if done.exit_code != 0 => not_unpacked(worker, &done.stderr),
            None => Error::field(
                "body",
                "The upload is no whole tar archive: its end is missing, or something comes after it.",
            ),
        })
    }

    /// What a sender who is gone has sent is put in place or thrown away, too.
    async fn to_its_end(&self, worker: Worker, relative: String, bytes: ByteStream, kind: Kind) -> Result<()> {
        let this = self.clone();
        let upload = async move {
            let turns = this.inner.workers.uploads(worker.id);
            let _turn = turns.at_once.acquire().await;
            let upload = Upload::new(&*this.inner.engine, &worker, &turns);
            let put = match kind {
                Kind::Folder { replace } => this.folder_receive(&upload, &relative, bytes, replace).await,
                Kind::File => file_receive(&upload, &relative, bytes).await,
            };
            this.unless_it_ended(&upload, put).await
        };
        match self.inner.tasks.spawn(upload).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::internal("receiving an upload", error)),
        }
    }

    /// The end of a worker is why an upload into it fails, whatever the command in it said last.
    async fn unless_it_ended(&self, upload: &Upload<'_>, put: Result<()>) -> Result<()> {
        if put.is_ok() || !upload.cut_off.load(Ordering::Relaxed) {
            return put;
        }
        if let Some(ended) = self.ended_meanwhile(upload.worker).await {
            let name = upload.worker.name();
            let row = self.read().await?.worker(upload.worker.id).await?;
            let gone = |row: Worker| matches!(row.status, WorkerStatus::Terminating | WorkerStatus::Terminated);
            return Err(Error::conflict(if row.is_some_and(gone) {
                format!("{name} was terminated during the upload.")
            } else {
                format!("{name} ended during the upload. {}", ended.message)
            }));
        }
        upload.discard().await;
        put
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
enum Kind {
    File,
    Folder { replace: bool },
}

/// Where uploads into one worker wait for each other.
#[derive(Debug)]
pub(super) struct Turns {
    /// Each upload is a command in the worker, of which an engine cannot take any number.
    at_once: Semaphore,
    /// Held while one is put in place, which is more than one step.
    placing: tokio::sync::Mutex<()>,
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
            placing: tokio::sync::Mutex::default(),
        }
    }
}

/// What comes into a worker's build folder under a name of its own.
struct Upload<'a> {
    engine: &'a dyn Engine,
    worker: &'a Worker,
    turns: &'a Turns,
    name: String,
    /// A command of it did not come to its own end.
    cut_off: AtomicBool,
}

impl<'a> Upload<'a> {
    fn new(engine: &'a dyn Engine, worker: &'a Worker, turns: &'a Turns) -> Self {
        let name = format!("{UPLOADS}{}-{}", *PROCESS, hex::encode(crate::crypto::random::<6>()));
        Self {
            engine,
            worker,
            turns,
            name,
            cut_off: AtomicBool::new(false),
        }
    }

    /// Runs a script with the build folder as `$1`, the upload's name as `$2`, and `args` from `$3` on.
    async fn run(
        &self,
        script: &str,
        args: &[&str],
        input: Option<BoxStream<'static, Bytes>>,
    ) -> EngineResult<ExecDone> {
        let script = format!("{BEGIN}{script}");
        let words = ["sh", "-c", &script, "prt-upload", BUILD_FOLDER_PRIMARY, &self.name];
        let mut spec = ExecSpec::new(words.into_iter().chain(args.iter().copied()));
        spec.stdin = input;
        let done = exec_collect(self.engine, self.worker.id, ContainerRole::Primary, spec, 64 * 1024).await;
        if done.as_ref().map_or(true, |done| done.exit_code > 128) {
            self.cut_off.store(true, Ordering::Relaxed);
        }
        done
    }

    /// Runs `script` after [`SWEEP`] with what comes from a client as input, and `args` from `$4` on; tells what came of the stream.
    async fn receive(&self, script: &str, args: &[&str], bytes: ByteStream) -> EngineResult<(ExecDone, StreamEnd)> {
        let end = Arc::new(Mutex::new(StreamEnd::default()));
        let living = format!("{UPLOADS}{}", *PROCESS);
        let args = [&[living.as_str()], args].concat();
        let input = watched(bytes, Arc::clone(&end), SILENCE);
        let done = self.run(&format!("{SWEEP}{script}"), &args, Some(input)).await?;
        let end = std::mem::take(&mut *end.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((done, end))
    }

    /// Where this fails, the first upload of the next process does it.
    async fn discard(&self) {
        if let Err(error) = self.run(DISCARD, &[], None).await {
            tracing::warn!(worker.name = self.worker.name(), %error, "a part of an upload stays in the build folder");
        }
    }
}

async fn file_receive(upload: &Upload<'_>, relative: &str, content: ByteStream) -> Result<()> {
    let (taken, end) = upload.receive(TAKE_FILE, &[relative], content).await?;
    let not_written = |done: &ExecDone| {
        let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        Error::field(
            "path",
            format!("{relative} cannot be written in {}: {words}", upload.worker.name()),
        )
    };
    if taken.exit_code != 0 {
        return Err(not_written(&taken));
    }
    let written = String::from_utf8_lossy(&taken.stdout).trim().parse();
    let why = match end.broken {
        Some(why) => Some(why),
        None if written == Ok(end.bytes) => None,
        None => Some("not all of it reached the worker".into()),
    };
    if let Some(why) = why {
        upload.discard().await;
        return Err(broke_off(&why));
    }
    let _alone = upload.turns.placing.lock().await;
    let placed = upload.run(PLACE_FILE, &[relative], None).await?;
    if placed.exit_code == 0 {
        Ok(())
    } else {
        Err(not_written(&placed))
    }
}

/// What of a stream has come.
#[derive(Default)]
pub(super) struct StreamEnd {
    pub broken: Option<String>,
    bytes: u64,
    /// Whether the last pieces end in two blocks of zeros, which end an archive: tar itself is content with less.
    zeros: usize,
}

impl StreamEnd {
    const MARK: usize = 1024;

    fn add(&mut self, piece: &[u8]) {
        let zeros = piece.iter().rev().take_while(|byte| **byte == 0).count();
        let before = if zeros == piece.len() { self.zeros } else { 0 };
        self.zeros = (before + zeros).min(Self::MARK);
        self.bytes += piece.len() as u64;
    }

    fn is_whole_archive(&self) -> bool {
        self.broken.is_none() && self.zeros == Self::MARK
    }
}

/// The pieces of a stream until it breaks off or falls silent, noting how it ends.
pub(super) fn watched(bytes: ByteStream, end: Arc<Mutex<StreamEnd>>, silence: Duration) -> BoxStream<'static, Bytes> {
    let heard = stream::unfold(bytes, move |mut bytes| async move {
        let next = tokio::time::timeout(silence, bytes.next()).await;
        let silent = |_| {
            let why = format!("nothing came for {} s", silence.as_secs());
            Some(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
        };
        Some((next.unwrap_or_else(silent)?, bytes))
    });
    let pieces = heard.scan(end, |end, piece| {
        let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
        std::future::ready(match piece {
            Ok(piece) => {
                end.add(&piece);
                Some(piece)
            }
            Err(error) => {
                end.broken = Some(error.to_string());
                None
            }
        })
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

fn not_unpacked(worker: &Worker, stderr: &[u8]) -> Error {
    let words = String::from_utf8_lossy(stderr).trim().to_owned();
    Error::field(
        "body",
        format!("The files cannot be unpacked in {}: {words}", worker.name()),
    )
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use bytes::Bytes;
    use futures::{StreamExt as _, stream};

    use super::{StreamEnd, watched};

    #[tokio::test]
    async fn a_sender_who_falls_silent_is_given_up() {
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"a"))]);
        let end = Arc::new(Mutex::new(StreamEnd::default()));
        let bytes = Box::pin(begun.chain(stream::pending()));
        let pieces = watched(bytes, Arc::clone(&end), Duration::from_millis(20));
        assert_eq!(pieces.collect::<Vec<_>>().await, ["a"]);
        let end = end.lock().unwrap();
        assert_eq!(end.broken.as_deref(), Some("nothing came for 0 s"));
    }

    #[test]
    fn an_archive_ends_with_two_blocks_of_zeros() {
        let whole = |pieces: &[&[u8]]| {
            let mut end = StreamEnd::default();
            for piece in pieces {
                end.add(piece);
            }
            end.is_whole_archive()
        };
        assert!(whole(&[b"x", &[0; 1000], &[0; 24]]));
        assert!(whole(&[&[0; 10240]]));
        assert!(!whole(&[]));
        assert!(!whole(&[&[0; 1023]]));
        assert!(!whole(&[&[0; 1024], b"x", &[0; 512]]));
    }
}

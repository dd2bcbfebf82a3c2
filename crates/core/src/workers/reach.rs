//! Into a running worker: its containers' logs, commands, and the build folder.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use prt_types::{
    audit::Outcome,
    workers::{ContainerRole, ExecRequest, ExecResult},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{BUILD_FOLDER_PRIMARY, provision::NOTEBOOK_PORT, sees};
use crate::{
    Orchestrator,
    authz::is_reachable,
    builds::busy,
    engine::{EngineError, EngineErrorKind, ExecSpec, exec_collect},
    error::{Error, Result},
    op_context::OpContext,
    store::Worker,
};

/// Most output of a command that is kept, each of stdout and stderr.
const EXEC_OUTPUT: usize = 1024 * 1024;
/// Most of a container's log that one call returns.
const LOG_TAIL: usize = 4 * 1024 * 1024;
/// Most files that a listing shows.
const LIST_MAX: usize = 1000;

/// What an upload is called until it is whole, before its process' word; beside what it replaces, so that a rename is enough.
const UPLOADS: &str = ".prt-upload-";

/// Tells this process' uploads from those that another one left when it was killed.
static PROCESS: LazyLock<String> = LazyLock::new(|| hex::encode(crate::crypto::random::<6>()));

/// Unpacks standard input in the new folder `$2`; on any failure nothing of it stays. `$1` is the build folder, `$3` what names of
/// living uploads begin with.
///
/// The worker's own tar unpacks as the worker's user: a link or a `..` in the stream can reach what that user can, no more.
const UNPACK: &str = r#"set -eu
cd -- "$1"
for old in ./.prt-upload-*; do
  case "$old" in "./$3"*) ;; *) rm -rf -- "$old" ;; esac
done
mkdir -- "$2"
tar -x -C "$2" --no-same-owner -f - || { code=$?; rm -rf -- "$2"; exit "$code"; }
"#;

/// Puts the unpacked folder `$2` in the place `$3`; `$1` is the build folder, `$4` says whether as a whole or file by file. Renaming is
/// all that is done, so each file, or the folder, is either the old or the new one.
const SWAP: &str = r#"set -eu
cd -- "$1"
new=$PWD/$2 place=./$3
trap 'rm -rf -- "$new"' EXIT
if [ "$4" = replace ]; then
  mkdir -p -- "$(dirname -- "$place")"
  if [ -e "$place" ] || [ -L "$place" ]; then
    mv -- "$place" "$new.old"
    mv -- "$new" "$place" || { mv -- "$new.old" "$place"; exit 1; }
    rm -rf -- "$new.old"
  else
    mv -- "$new" "$place"
  fi
else
  mkdir -p -- "$place"
  target=$(cd -- "$place" && pwd)
  cd -- "$new"
  find . -type d ! -name . -exec sh -c 'for d; do mkdir -p -- "$0/$d" || exit 1; done' "$target" {} +
  find . ! -type d -exec sh -c 'for f; do
    if [ -L "$0/$f" ]; then rm -f -- "$0/$f"; fi
    if [ -d "$0/$f" ]; then echo "$f is a folder" >&2; exit 1; fi
    mv -f -- "$f" "$0/$f" || exit 1
  done' "$target" {} +
  cd -- "$1"
fi
"#;

/// Puts standard input, `$4` bytes, in the place of the file `$3`; `$2` is its name until it is whole.
const PUT_FILE: &str = r#"set -eu
cd -- "$1"
trap 'rm -f -- "$2"' EXIT
mkdir -p -- "$(dirname -- "./$3")"
if [ -d "./$3" ]; then echo "it is a folder" >&2; exit 1; fi
cat > "$2"
[ "$(wc -c < "$2")" -eq "$4" ] || { echo "the content broke off" >&2; exit 1; }
chmod 644 -- "$2"
mv -f -- "$2" "./$3"
"#;

/// Throws an unpacked folder away.
const DISCARD: &str = r#"cd -- "$1" && rm -rf -- "$2""#;

/// A file in the build folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFile {
    /// Relative to the build folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// A tar stream from a client.
pub type TarStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

impl Orchestrator {
    /// The end of a container's own output.
    pub async fn worker_logs(
        &self,
        cx: &OpContext,
        name: &str,
        role: ContainerRole,
        tail_bytes: usize,
    ) -> Result<String> {
        let worker = self.worker_visible(&mut *self.read().await?, cx, name).await?;
        if !worker.planned.iter().any(|planned| planned.role == role) {
            return Err(Error::field(
                "container",
                format!("{name} has no {} container.", role.name()),
            ));
        }
        match self.inner.engine.logs(worker.id, role, tail_bytes.min(LOG_TAIL)).await {
            Ok(log) => Ok(String::from_utf8_lossy(&log).into_owned()),
            Err(EngineError {
                kind: EngineErrorKind::NoSuchContainer,
                ..
            }) => Ok(String::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs a command in the primary container as its user and waits for its end.
    pub async fn worker_exec(&self, cx: &OpContext, name: &str, request: ExecRequest) -> Result<ExecResult> {
        let worker = self.worker_reachable(cx, name).await?;
        let Some(program) = request.command.first().filter(|program| !program.is_empty()) else {
            return Err(Error::field("command", "Name a program to run."));
        };
        if request.command.iter().any(|word| word.contains('\0')) {
            return Err(Error::field("command", "A word cannot contain a NUL character."));
        }
        let mut tx = self.write().await?;
        // Arguments may hold what should not be kept; the program says enough.
        self.audit_add(
            &mut *tx,
            cx,
            "worker.exec",
            name,
            Outcome::Done,
            json!({ "program": program }),
        )
        .await?;
        tx.save().await?;
        let spec = ExecSpec::new(request.command.clone());
        let done = exec_collect(
            &*self.inner.engine,
            worker.id,
            ContainerRole::Primary,
            spec,
            EXEC_OUTPUT,
        )
        .await?;
        Ok(ExecResult {
            exit_code: done.exit_code,
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
            truncated: done.truncated,
        })
    }

    /// Unpacks a tar stream into a folder of the build folder; `replace` removes what was in that folder. Until the whole stream has
    /// been unpacked nothing of the old content is touched.
    pub async fn build_files_put(
        &self,
        cx: &OpContext,
        name: &str,
        path: &str,
        tar: TarStream,
        replace: bool,
    ) -> Result<()> {
        let details = json!({ "path": path, "replace": replace });
        self.files_put(cx, name, path, tar, replace, details).await
    }

    /// As [`Self::build_files_put`]; `details` go to the audit log.
    async fn files_put(
        &self,
        cx: &OpContext,
        name: &str,
        path: &str,
        tar: TarStream,
        replace: bool,
        details: serde_json::Value,
    ) -> Result<()> {
        let worker = self.build_folder_reachable(cx, name).await?;
        let relative = confine(path)?;
        if replace && relative.is_empty() {
            return Err(Error::field("path", "Name a folder below the build folder to replace."));
        }
        self.not_read_by_a_build(&worker, &relative).await?;
        // Before it begins, as with commands: what breaks off was tried all the same.
        let mut tx = self.write().await?;
        self.audit_add(&mut *tx, cx, "worker.upload", name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        let living = format!("{UPLOADS}{}", *PROCESS);
        let unpacked = format!("{living}-{}", hex::encode(crate::crypto::random::<6>()));
        let run = async |script: &str, args: &[&str], input: Option<BoxStream<'static, Bytes>>| {
            let words = ["sh", "-c", script, "prt-upload", BUILD_FOLDER_PRIMARY, &unpacked];
            let mut spec = ExecSpec::new(words.into_iter().chain(args.iter().copied()));
            spec.stdin = input;
            exec_collect(&*self.inner.engine, worker.id, ContainerRole::Primary, spec, 64 * 1024).await
        };
        let end = Arc::new(Mutex::new(StreamEnd::default()));
        let done = run(UNPACK, &[&living], Some(watched(tar, Arc::clone(&end)))).await?;
        let end = std::mem::take(&mut *end.lock().unwrap_or_else(PoisonError::into_inner));
        if done.exit_code == 0 && end.is_whole() {
            // It took a while to come.
            if let Err(error) = self.not_read_by_a_build(&worker, &relative).await {
                // The next upload removes what is left.
                _ = run(DISCARD, &[], None).await;
                return Err(error);
            }
            let mode = if replace { "replace" } else { "merge" };
            let done = run(SWAP, &[&relative, mode], None).await?;
            return if done.exit_code == 0 {
                Ok(())
            } else {
                Err(not_unpacked(name, &done.stderr))
            };
        }
        if done.exit_code == 0 {
            // tar took what there was of it for all.
            run(DISCARD, &[], None).await?;
        }
        Err(match end.broken {
            Some(broken) => Error::field("body", format!("The upload broke off: {broken}.")),
            None if done.exit_code != 0 => not_unpacked(name, &done.stderr),
            None => Error::field("body", "The upload is no whole tar archive: its end is missing."),
        })
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

    /// Writes one file of the build folder.
    pub async fn build_file_put(&self, cx: &OpContext, name: &str, path: &str, content: Bytes) -> Result<()> {
        let relative = confine_file(path)?;
        let worker = self.build_folder_reachable(cx, name).await?;
        let details = json!({ "path": relative, "replace": true });
        let mut tx = self.write().await?;
        self.audit_add(&mut *tx, cx, "worker.upload", name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        let unpacked = format!("{UPLOADS}{}-{}", *PROCESS, hex::encode(crate::crypto::random::<6>()));
        let size = content.len().to_string();
        let words = [
            "sh",
            "-c",
            PUT_FILE,
            "prt-upload",
            BUILD_FOLDER_PRIMARY,
            &unpacked,
            &relative,
            &size,
        ];
        let spec = ExecSpec::new(words).stdin(content);
        let done = exec_collect(&*self.inner.engine, worker.id, ContainerRole::Primary, spec, 64 * 1024).await?;
        if done.exit_code != 0 {
            let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            return Err(Error::field(
                "path",
                format!("{relative} cannot be written in {name}: {words}"),
            ));
        }
        Ok(())
    }

    /// Reads one file of the build folder, up to 16 MiB.
    pub async fn build_file_get(&self, cx: &OpContext, name: &str, path: &str) -> Result<Bytes> {
        const MAX: usize = 16 * 1024 * 1024;
        let worker = self.build_folder_reachable(cx, name).await?;
        let relative = confine_file(path)?;
        let file = format!("{BUILD_FOLDER_PRIMARY}/{relative}");
        let spec = ExecSpec::new(["cat", "--", &file]);
        let done = exec_collect(&*self.inner.engine, worker.id, ContainerRole::Primary, spec, MAX).await?;
        if done.exit_code != 0 {
            return Err(Error::not_found(
                "file",
                format!("{relative} in the build folder of {name}"),
            ));
        }
        if done.truncated {
            return Err(Error::field("path", format!("{relative} is larger than 16 MiB.")));
        }
        Ok(done.stdout.into())
    }

    /// What is in the build folder: at most a thousand files.
    pub async fn build_file_list(&self, cx: &OpContext, name: &str) -> Result<Vec<BuildFile>> {
        let worker = self.build_folder_reachable(cx, name).await?;
        let spec = ExecSpec::new([
            "sh",
            "-c",
            // No path that find gives has two slashes side by side, so they end a name whatever line breaks are in it.
            "cd \"$1\" && find . -path './.prt-upload-*' -prune -o -type f -exec stat -c '%s %n//' {} +",
            "prt-list",
            BUILD_FOLDER_PRIMARY,
        ]);
        let done = exec_collect(
            &*self.inner.engine,
            worker.id,
            ContainerRole::Primary,
            spec,
            EXEC_OUTPUT,
        )
        .await?;
        let text = String::from_utf8_lossy(&done.stdout);
        let mut files = listed(&text);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.truncate(LIST_MAX);
        Ok(files)
    }

    /// A connection to a worker's notebook, for whoever was let in.
    pub async fn notebook_connect(&self, worker: &Worker) -> Result<Box<dyn crate::engine::Duplex>> {
        Ok(self.inner.engine.connect(worker.id, NOTEBOOK_PORT).await?)
    }

    /// A worker that the asker may see and that answers.
    pub(crate) async fn worker_reachable(&self, cx: &OpContext, name: &str) -> Result<Worker> {
        cx.actor()?;
        self.build_folder_reachable(cx, name).await
    }

    /// The same for the build folder, which a token for builds reaches too.
    async fn build_folder_reachable(&self, cx: &OpContext, name: &str) -> Result<Worker> {
        let worker = self
            .worker_visible_to_builds(&mut *self.read().await?, cx, name)
            .await?;
        debug_assert!(cx.actor_opt().is_some_and(|actor| sees(actor, &worker)));
        if is_reachable(worker.status) {
            Ok(worker)
        } else {
            Err(Error::conflict(format!(
                "{name} is {}, not Running.",
                worker.status.name()
            )))
        }
    }
}

/// What of a tar stream has come.
#[derive(Default)]
struct StreamEnd {
    broken: Option<String>,
    /// Whether the last pieces end in two blocks of zeros, which end an archive: tar itself is content with less.
    zeros: usize,
}

impl StreamEnd {
    const MARK: usize = 1024;

    fn add(&mut self, piece: &[u8]) {
        let zeros = piece.iter().rev().take_while(|byte| **byte == 0).count();
        let before = if zeros == piece.len() { self.zeros } else { 0 };
        self.zeros = (before + zeros).min(Self::MARK);
    }

    fn is_whole(&self) -> bool {
        self.broken.is_none() && self.zeros == Self::MARK
    }
}

/// The pieces of a stream until it breaks off, noting how it ends.
fn watched(tar: TarStream, end: Arc<Mutex<StreamEnd>>) -> BoxStream<'static, Bytes> {
    let pieces = tar.scan(end, |end, piece| {
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

fn not_unpacked(worker: &str, stderr: &[u8]) -> Error {
    let words = String::from_utf8_lossy(stderr).trim().to_owned();
    Error::field("body", format!("The files cannot be unpacked in {worker}: {words}"))
}

/// Files of a listing `size ./path//`, each with a line break. A last one that was cut is left out.
fn listed(text: &str) -> Vec<BuildFile> {
    text.split_inclusive("//\n")
        .filter_map(|entry| {
            let (size, path) = entry.strip_suffix("//\n")?.split_once(' ')?;
            Some(BuildFile {
                path: path.strip_prefix("./")?.to_owned(),
                size: size.parse().ok()?,
            })
        })
        .collect()
}

/// A path below the build folder, in normal form without leading or trailing slash. Nothing leads out of the folder.
pub fn confine(path: &str) -> Result<String> {
    normal_path(path).map_err(|why| Error::field("path", format!("The path {why}.")))
}

/// The same; the error completes "The path …".
pub(crate) fn normal_path(path: &str) -> std::result::Result<String, String> {
    if path.starts_with('/') {
        return Err(format!("{path:?} is absolute; it is relative to the build folder"));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(format!("{path:?} leads out of the build folder")),
            part if part.contains('\0') => return Err(format!("{path:?} contains a NUL character")),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

fn confine_file(path: &str) -> Result<String> {
    let relative = confine(path)?;
    if relative.is_empty() {
        return Err(Error::field("path", "Name a file below the build folder."));
    }
    Ok(relative)
}

#[cfg(test)]
mod tests {
    use super::{BuildFile, StreamEnd, confine, listed};

    #[test]
    fn paths_stay_in_the_folder() {
        assert_eq!(confine("a//b/./c/").unwrap(), "a/b/c");
        assert_eq!(confine(".").unwrap(), "");
        for path in ["/etc/passwd", "..", "a/../../b", "a\0b"] {
            assert!(confine(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_listing_is_read_whatever_names_hold() {
        let file = |path: &str, size| BuildFile {
            path: path.into(),
            size,
        };
        assert_eq!(
            listed("2 ./a//\n3 ./a\nb//\n4 ./ c \n7 ./d//\n12 ./cu"),
            [file("a", 2), file("a\nb", 3), file(" c \n7 ./d", 4)]
        );
    }

    #[test]
    fn an_archive_ends_with_two_blocks_of_zeros() {
        let whole = |pieces: &[&[u8]]| {
            let mut end = StreamEnd::default();
            for piece in pieces {
                end.add(piece);
            }
            end.is_whole()
        };
        assert!(whole(&[b"x", &[0; 1000], &[0; 24]]));
        assert!(whole(&[&[0; 10240]]));
        assert!(!whole(&[]));
        assert!(!whole(&[&[0; 1023]]));
        assert!(!whole(&[&[0; 1024], b"x", &[0; 512]]));
    }
}

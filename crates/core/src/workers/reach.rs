//! Into a running worker: its containers' logs, commands, and the build folder.

use std::{io, pin::Pin};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use prt_types::{
    audit::Outcome,
    workers::{ContainerRole, ExecRequest, ExecResult},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{BUILD_FOLDER_PRIMARY, sees};
use crate::{
    Orchestrator,
    authz::is_reachable,
    engine::{EngineError, EngineErrorKind, ExecSpec, exec_collect},
    error::{Error, Result},
    op_context::OpContext,
    security_contexts::WORKER_UID,
    store::Worker,
};

/// Most output of a command that is kept, each of stdout and stderr.
const EXEC_OUTPUT: usize = 1024 * 1024;
/// Most of a container's log that one call returns.
const LOG_TAIL: usize = 4 * 1024 * 1024;
/// Most files that a listing shows.
const LIST_MAX: usize = 1000;

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

    /// Unpacks a tar stream into a folder of the build folder. `replace` removes what was in that folder.
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
        let worker = self.worker_reachable(cx, name).await?;
        let relative = confine(path)?;
        let folder = if relative.is_empty() {
            BUILD_FOLDER_PRIMARY.to_owned()
        } else {
            format!("{BUILD_FOLDER_PRIMARY}/{relative}")
        };
        if replace && relative.is_empty() {
            return Err(Error::field("path", "Name a folder below the build folder to replace."));
        }
        // Before it begins, as with commands: what breaks off was tried all the same.
        let mut tx = self.write().await?;
        self.audit_add(&mut *tx, cx, "worker.upload", name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        // The worker's own tar unpacks as the worker's user: a link or a `..` in the stream can reach what that user can, no more.
        let script = "set -e\nif [ \"$2\" = replace ]; then rm -rf -- \"$1\"; fi\nmkdir -p -- \"$1\"\nexec tar -x -C \"$1\" --no-same-owner -f -";
        let mode = if replace { "replace" } else { "merge" };
        let failed = std::sync::Arc::new(std::sync::Mutex::new(None));
        let noted = std::sync::Arc::clone(&failed);
        let input = tar
            .map(move |chunk| {
                chunk.map_err(|error| {
                    *noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error.to_string());
                })
            })
            .take_while(|chunk| std::future::ready(chunk.is_ok()))
            .filter_map(|chunk| std::future::ready(chunk.ok()))
            .boxed();
        let spec = ExecSpec::new(["sh", "-c", script, "prt-upload", &folder, mode]).stdin_stream(input);
        let done = exec_collect(&*self.inner.engine, worker.id, ContainerRole::Primary, spec, 64 * 1024).await?;
        let broken = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(broken) = broken {
            return Err(Error::field("body", format!("The upload broke off: {broken}.")));
        }
        if done.exit_code != 0 {
            let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            return Err(Error::field(
                "body",
                format!("The files cannot be unpacked in {name}: {words}"),
            ));
        }
        Ok(())
    }

    /// Writes one file of the build folder.
    pub async fn build_file_put(&self, cx: &OpContext, name: &str, path: &str, content: Bytes) -> Result<()> {
        let relative = confine_file(path)?;
        let (folder, file) = relative.rsplit_once('/').unwrap_or(("", &relative));
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(u64::from(WORKER_UID));
        header.set_gid(u64::from(WORKER_UID));
        header.set_mtime((self.now_ms() / 1000).unsigned_abs());
        let mut archive = tar::Builder::new(Vec::new());
        archive
            .append_data(&mut header, file, &*content)
            .map_err(|error| Error::internal("packing a file", error))?;
        let bytes = archive
            .into_inner()
            .map_err(|error| Error::internal("packing a file", error))?;
        let stream = futures::stream::once(async move { Ok(Bytes::from(bytes)) }).boxed();
        let details = json!({ "path": relative, "replace": true });
        self.files_put(cx, name, folder, stream, false, details).await
    }

    /// Reads one file of the build folder, up to 16 MiB.
    pub async fn build_file_get(&self, cx: &OpContext, name: &str, path: &str) -> Result<Bytes> {
        const MAX: usize = 16 * 1024 * 1024;
        let worker = self.worker_reachable(cx, name).await?;
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
        let worker = self.worker_reachable(cx, name).await?;
        let spec = ExecSpec::new([
            "sh",
            "-c",
            "cd \"$1\" && find . -type f -exec stat -c '%s %n' {} +",
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
        let mut files: Vec<BuildFile> = text
            .lines()
            .filter_map(|line| {
                let (size, path) = line.split_once(' ')?;
                Some(BuildFile {
                    path: path.strip_prefix("./")?.to_owned(),
                    size: size.parse().ok()?,
                })
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.truncate(LIST_MAX);
        Ok(files)
    }

    /// A worker that the asker may see and that answers.
    pub(crate) async fn worker_reachable(&self, cx: &OpContext, name: &str) -> Result<Worker> {
        let worker = self.worker_visible(&mut *self.read().await?, cx, name).await?;
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

/// A path below the build folder, in normal form without leading or trailing slash. Nothing leads out of the folder.
pub fn confine(path: &str) -> Result<String> {
    let refuse = |why: &str| {
        Err(Error::field(
            "path",
            format!("{path:?} {why}. Paths are relative to the build folder."),
        ))
    };
    if path.starts_with('/') {
        return refuse("is absolute");
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return refuse("leads out of the build folder"),
            part if part.contains('\0') => return refuse("contains a NUL character"),
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
    use super::confine;

    #[test]
    fn paths_stay_in_the_folder() {
        assert_eq!(confine("a//b/./c/").unwrap(), "a/b/c");
        assert_eq!(confine(".").unwrap(), "");
        for path in ["/etc/passwd", "..", "a/../../b", "a\0b"] {
            assert!(confine(path).is_err(), "{path:?}");
        }
    }
}

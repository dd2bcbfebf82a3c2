//! Into a running worker: its containers' logs and commands.

use prt_agent_protocol::tools;
use prt_types::{
    audit::Outcome,
    workers::{ContainerRole, ExecRequest, ExecResult},
};
use serde_json::json;

use super::{provision::NOTEBOOK_PORT, sees};
use crate::{
    Orchestrator, agent,
    authz::is_reachable,
    engine::{EngineError, EngineErrorKind, ExecSpec, exec_collect},
    error::{Error, Result},
    op_context::OpContext,
    store::Worker,
};

/// The agent's exit code for a command that it does not know.
const UNKNOWN_COMMAND: i64 = 2;
/// Most output of a command that is kept, each of stdout and stderr.
const EXEC_OUTPUT: usize = 1024 * 1024;
/// Most of a container's log that one call returns.
const LOG_TAIL: usize = 4 * 1024 * 1024;
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
        let mut command = request.command.clone();
        if program == tools::NAME {
            // It is in no folder of the PATH.
            agent::in_primary(&worker.rights).clone_into(&mut command[0]);
        }
        let spec = ExecSpec::new(command);
        let engine = &*self.inner.engine;
        let done = exec_collect(engine, worker.id, ContainerRole::Primary, spec, EXEC_OUTPUT).await;
        let done = match done {
            Err(error) if program == tools::NAME => return Err(agent::no_agent(error)),
            // The agent of an older console has no tools.
            Ok(done) if program == tools::NAME && done.exit_code == UNKNOWN_COMMAND => {
                return Err(agent::older_console());
            }
            other => other?,
        };
        Ok(ExecResult {
            exit_code: done.exit_code,
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
            truncated: done.truncated,
        })
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
    pub(super) async fn build_folder_reachable(&self, cx: &OpContext, name: &str) -> Result<Worker> {
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

pub(super) fn confine_file(path: &str) -> Result<String> {
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

//! Waiting for the notebook, and why it does not start, in words that say what to do.

use std::{io::Read as _, time::Duration};

use futures::StreamExt as _;
use prt_agent_protocol::{Facts, Reply, Request};
use prt_types::workers::{ContainerRole, WorkerReason};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use super::{
    plan::RUN_FOLDER,
    provision::{Failure, NOTEBOOK_PORT},
};
use crate::{
    Orchestrator,
    agent::{self, Agent},
    engine::{EngineErrorKind, ObservedContainer},
    error::Result,
    security_contexts::WORKER_UID,
    store::Worker,
};

/// Between two tries to reach the notebook.
const TRY_EVERY: Duration = Duration::from_millis(25);
/// Between two that come after [`PATIENCE`].
const TRY_LATER_EVERY: Duration = Duration::from_millis(250);
/// Between two looks whether the container runs still.
const CHECK_EVERY: Duration = Duration::from_millis(200);
/// An image with Jupyter mostly answers by then.
const PATIENCE: Duration = Duration::from_secs(5);
/// A container that shows no sign of a notebook is looked into so often, and called unsuitable after so many looks.
const LOOK_INTO_EVERY: Duration = Duration::from_secs(1);
const LOOKS: u32 = 4;

/// The users of an image, and how much of that is read.
const PASSWD: &str = "/etc/passwd";
const PASSWD_LIMIT: usize = 1024 * 1024;
/// Exit codes after signals that others send: HUP, INT, KILL, TERM.
const STOPPED: [i64; 4] = [129, 130, 137, 143];

const WHAT_TO_DO: &str =
    "Build the image on practicus-minimal, or install JupyterLab in it and let the image start it.";

impl Orchestrator {
    /// Returns when the notebook answers; fails when it is clear that none will.
    pub(super) async fn until_notebook(&self, worker: &Worker) -> Result<(), Failure> {
        let begun = Instant::now();
        let (mut next_check, mut next_look) = (begun + CHECK_EVERY, begun + PATIENCE);
        let mut looks = 0;
        while !self.notebook_answers(worker).await {
            let early = begun.elapsed() < PATIENCE;
            tokio::time::sleep(if early { TRY_EVERY } else { TRY_LATER_EVERY }).await;
            if Instant::now() < next_check {
                continue;
            }
            self.still_running(worker).await?;
            next_check = Instant::now() + CHECK_EVERY;
            if Instant::now() < next_look {
                continue;
            }
            next_look = Instant::now() + LOOK_INTO_EVERY;
            looks = if self.sign_of_a_notebook(worker).await {
                0
            } else {
                looks + 1
            };
            if looks >= LOOKS {
                return Err(Failure {
                    reason: WorkerReason::NoJupyter,
                    message: format!(
                        "The image is not suitable for a worker: the container runs, but there is no Jupyter in it and nothing answers \
                         on port {NOTEBOOK_PORT}. {WHAT_TO_DO}"
                    ),
                });
            }
        }
        Ok(())
    }

    pub(super) async fn notebook_answers(&self, worker: &Worker) -> bool {
        let asked = async {
            let mut stream = self.inner.engine.connect(worker.id, NOTEBOOK_PORT).await.ok()?;
            stream
                .write_all(b"GET /api HTTP/1.0\r\nHost: localhost\r\n\r\n")
                .await
                .ok()?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await.ok()?;
            Some(answer == *b"HTTP/")
        };
        matches!(
            tokio::time::timeout(Duration::from_secs(2), asked).await,
            Ok(Some(true))
        )
    }

    /// Only a clear "no" is one.
    async fn sign_of_a_notebook(&self, worker: &Worker) -> bool {
        self.facts(worker).await.is_none_or(|facts| facts.jupyter)
    }

    /// What the agent in the primary container finds; `None` = it cannot be asked now.
    pub(super) async fn facts(&self, worker: &Worker) -> Option<Facts> {
        self.ask_facts(worker).await.ok()
    }

    pub(super) async fn ask_facts(&self, worker: &Worker) -> Result<Facts> {
        let agent = Agent::of_primary(&worker.rights);
        let request = Request::Facts {
            folder: RUN_FOLDER.into(),
        };
        match agent::ask(&*self.inner.engine, worker.id, &agent, &request, None).await? {
            Reply::Facts(facts) => Ok(facts),
            _ => Err(agent::unexpected()),
        }
    }

    /// The primary's main process has ended: what its last words mean.
    pub(super) async fn primary_ended(
        &self,
        worker: &Worker,
        container: &ObservedContainer,
        message: String,
    ) -> Failure {
        if is_foreign(&message) {
            return Failure {
                reason: WorkerReason::WrongArchitecture,
                message: format!(
                    "{message} The image is for another kind of processor than this machine's: build it for this one's platform."
                ),
            };
        }
        // The engine's own error says why.
        let by_itself = container.error.is_none() && container.exit_code.is_none_or(|code| !STOPPED.contains(&code));
        let lacking = if by_itself { self.lacks_user(worker).await } else { None };
        let message = match lacking {
            Some(uid) => format!(
                "{}. {}",
                message.trim_end_matches('.'),
                no_user(uid, worker.security_context.name())
            ),
            None => message,
        };
        Failure {
            reason: WorkerReason::Exited,
            message,
        }
    }

    /// The user that a worker's image lacks, of a primary that ended before the worker was ready: many programs end without one.
    async fn lacks_user(&self, worker: &Worker) -> Option<u32> {
        let uid = worker.rights.run_as_user.filter(|_| worker.ready_ms.is_none())?;
        let users = self.passwd(worker).await?;
        (!has_user(&users, uid)).then_some(uid)
    }

    /// An image without that file has no users. Of what cannot be read nothing can be said.
    async fn passwd(&self, worker: &Worker) -> Option<String> {
        let engine = &self.inner.engine;
        let mut pieces = match engine.copy_out(worker.id, ContainerRole::Primary, PASSWD).await {
            Ok(pieces) => pieces,
            Err(error) if error.kind == EngineErrorKind::NoSuchFile => return Some(String::new()),
            Err(_) => return None,
        };
        let mut packed = vec![];
        while let Some(piece) = pieces.next().await {
            packed.extend_from_slice(&piece.ok()?);
            if packed.len() > PASSWD_LIMIT {
                return None;
            }
        }
        let mut archive = tar::Archive::new(packed.as_slice());
        let mut entry = archive.entries().ok()?.next()?.ok()?;
        let mut text = vec![];
        // A link comes as one, without what it leads to.
        let is_file = entry.header().entry_type().is_file();
        (is_file && entry.read_to_end(&mut text).is_ok()).then(|| String::from_utf8_lossy(&text).into_owned())
    }
}

/// Lines as in passwd(5): the third field is the number.
fn has_user(passwd: &str, uid: u32) -> bool {
    passwd
        .lines()
        .any(|line| line.split(':').nth(2).and_then(|field| field.parse().ok()) == Some(uid))
}

/// What to say of an image that lacks the user that a worker runs as.
fn no_user(uid: u32, security_context: &str) -> String {
    let what_to_do = if uid == WORKER_UID {
        "Build the image on practicus-minimal, or make a user with this number and a home in it."
    } else {
        "Make a user with this number and a home in it, or ask an admin for a size with another security context."
    };
    format!(
        "Possible cause: the security context {security_context} runs the image as user {uid}, which does not exist in it. {what_to_do}"
    )
}

/// The time is over.
pub(super) fn silent(seconds: u64) -> Failure {
    Failure {
        reason: WorkerReason::NoJupyter,
        message: format!(
            "The container runs, but no Jupyter answered on port {NOTEBOOK_PORT} within {seconds} s. The image must start it; see the \
             container's log."
        ),
    }
}

/// Whether a container's last words are that its program is for another kind of processor.
fn is_foreign(message: &str) -> bool {
    message.contains("exec format error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_known_by_their_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\n# 1000\nubuntu:x:1000:1001::/home/ubuntu:/bin/bash\nbroken:x\n";
        for (uid, has) in [(0, true), (1000, true), (1001, false), (100, false)] {
            assert_eq!(has_user(passwd, uid), has, "{uid}");
        }
        assert!(!has_user("", 0));
    }

    #[test]
    fn who_lacks_a_user_is_sent_where_there_is_one() {
        assert!(no_user(WORKER_UID, "Default").contains("practicus-minimal"));
        let other = no_user(2000, "hardened");
        assert!(other.contains("the security context hardened runs the image as user 2000"));
        assert!(
            !other.contains("practicus-minimal"),
            "it has only the one user: {other}"
        );
    }

    #[test]
    fn another_processor_is_named() {
        assert!(is_foreign("exec /bin/sh: exec format error"));
        assert!(!is_foreign("It printed nothing."));
    }
}

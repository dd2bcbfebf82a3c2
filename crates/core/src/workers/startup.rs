//! What became of a worker's startup script.

use prt_agent_protocol::main_process::STARTUP_FAILED;
use prt_types::{
    exit_code::exit_code_words,
    workers::{ContainerRole, WorkerReason},
};

use super::provision::{ENGINE_AWAY, Failure};
use crate::{Orchestrator, store::Worker};

/// The end of the container's log in which the script's last lines are looked for.
const LOG: usize = 64 * 1024;
/// Most lines of it that are told, and most characters of each.
const LINES: usize = 5;
const CHARS: usize = 200;

impl Orchestrator {
    /// How the startup script of a worker that is ready failed, for people; `None` = it did not, or there is none.
    pub(super) async fn failed_startup(&self, worker: &Worker) -> Option<String> {
        let failed = self.startup_words(worker).await?;
        Some(format!(
            "The worker is ready, but {failed} Correct the script and start another worker, or run the missing steps in this one."
        ))
    }

    /// A worker without a notebook may lack it because its startup script failed.
    pub(super) async fn with_startup(&self, worker: &Worker, script: bool, mut failure: Failure) -> Failure {
        if script
            && failure.reason == WorkerReason::NoJupyter
            && let Some(failed) = self.startup_words(worker).await
        {
            failure.reason = WorkerReason::StartupFailed;
            failure.message = format!("No notebook answers, and {failed} {}", failure.message);
        }
        failure
    }

    async fn startup_words(&self, worker: &Worker) -> Option<String> {
        let facts = loop {
            match self.ask_facts(worker).await {
                Ok(facts) => break facts,
                // Nothing is known yet.
                Err(error) if error.is_unreachable() => tokio::time::sleep(ENGINE_AWAY).await,
                Err(_) => return None,
            }
        };
        let end = facts.startup.filter(|end| end.exit_code != 0)?;
        let log = self.inner.engine.logs(worker.id, ContainerRole::Primary, LOG).await;
        let words = last_lines(&String::from_utf8_lossy(&log.unwrap_or_default()));
        Some(describe(end.exit_code, end.error.as_deref(), &words))
    }
}

fn describe(exit_code: i32, error: Option<&str>, words: &str) -> String {
    let failed = format!("its startup script failed with {}.", exit_code_words(exit_code.into()));
    let told = match (error, words) {
        (Some(error), _) => format!(" {error}"),
        (None, "") => " It printed nothing.".to_owned(),
        (None, words) => format!(" It printed last: {words}."),
    };
    format!("{failed}{told}")
}

/// The last lines before the agent's own word that the script has ended.
fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let Some(end) = lines.iter().rposition(|line| line.starts_with(STARTUP_FAILED)) else {
        return String::new();
    };
    let before = lines[..end]
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty());
    let before: Vec<String> = before.map(|line| line.chars().take(CHARS).collect()).collect();
    before[before.len().saturating_sub(LINES)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_those_of_the_script() {
        let log = "hello\n\ncat: /no/such/file: No such file\nThe startup script ended with exit code 3.\n[I] Jupyter starts\n";
        assert_eq!(last_lines(log), "hello / cat: /no/such/file: No such file");
        assert_eq!(last_lines("[I] Jupyter starts\n"), "");
        let many = "0\n1\n2\n3\n4\n5\n6\n7\n8\n";
        assert_eq!(last_lines(&format!("{many}{STARTUP_FAILED}1.\n")), "4 / 5 / 6 / 7 / 8");
    }

    #[test]
    fn the_words_name_exit_code_and_reason() {
        let text = describe(3, None, "cat: /no/such/file");
        assert!(
            text.contains("exit code 3") && text.contains("It printed last: cat: /no/such/file."),
            "{text}"
        );
        let text = describe(
            127,
            Some("The startup script needs /bin/bash, which the image does not have."),
            "x",
        );
        assert!(text.contains("needs /bin/bash") && !text.contains("printed"), "{text}");
    }
}

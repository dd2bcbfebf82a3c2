//! What became of a worker's startup script.

use prt_agent_protocol::main_process::STARTUP_FAILED;
use prt_types::{exit_code::exit_code_words, workers::ContainerRole};

use crate::{Orchestrator, store::Worker};

/// The end of the container's log in which the script's last lines are looked for.
const LOG: usize = 64 * 1024;
/// Most lines of it that are told, and most characters of each.
const LINES: usize = 5;
const CHARS: usize = 200;

impl Orchestrator {
    /// How the startup script failed, for people; `None` = it did not, or there is none.
    pub(super) async fn failed_startup(&self, worker: &Worker) -> Option<String> {
        let end = self.facts(worker).await?.startup.filter(|end| end.exit_code != 0)?;
        let log = self.inner.engine.logs(worker.id, ContainerRole::Primary, LOG).await;
        let words = last_lines(&String::from_utf8_lossy(&log.unwrap_or_default()));
        Some(describe(end.exit_code, end.error.as_deref(), &words))
    }
}

fn describe(exit_code: i32, error: Option<&str>, words: &str) -> String {
    let failed = format!(
        "The worker is ready, but its startup script failed with {}.",
        exit_code_words(exit_code.into())
    );
    let told = match (error, words) {
        (Some(error), _) => format!(" {error}"),
        (None, "") => " It printed nothing.".to_owned(),
        (None, words) => format!(" It printed last: {words}."),
    };
    format!("{failed}{told} Correct the script and start another worker, or run the missing steps in this one.")
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

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Output};

use tempfile::TempDir;

use super::agent;

struct Container(TempDir);

impl Container {
    fn new(script: &str) -> Self {
        let container = Self(tempfile::tempdir().unwrap());
        let path = container.path("startup.sh");
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        container
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, command: &[&str]) -> Output {
        let mut agent = agent();
        agent.arg("primary").arg("--script").arg(self.path("startup.sh"));
        agent.arg("--folder").arg(self.0.path()).arg("--").args(command);
        agent.output().unwrap()
    }

    fn end(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path("startup.json")).unwrap()).unwrap()
    }
}

#[test]
fn a_script_runs_before_the_command_and_its_failure_does_not_stop_it() {
    let container = Container::new("#!/bin/bash\na=(one two)\necho \"${a[1]}\"\nexit 3\n");
    let done = container.run(&["echo", "command"]);
    assert_eq!(String::from_utf8_lossy(&done.stdout), "two\ncommand\n");
    assert_eq!(
        String::from_utf8_lossy(&done.stderr),
        "The startup script ended with exit code 3.\n"
    );
    assert!(done.status.success());
    assert_eq!(container.end()["exit_code"], 3);
}

#[test]
fn a_script_that_ends_well_says_nothing() {
    let container = Container::new("true\n");
    let done = container.run(&["sh", "-c", "exit 7"]);
    assert_eq!(done.status.code(), Some(7), "the command's own exit code");
    assert!(done.stderr.is_empty(), "{done:?}");
    assert_eq!(container.end()["exit_code"], 0);
}

#[test]
fn the_environment_comes_before_script_and_command() {
    let container = Container::new("echo \"$KEY\"\n");
    let file = container.path("environment");
    let mut agent = agent();
    agent.arg("primary").arg("--environment").arg(&file);
    agent.arg("--script").arg(container.path("startup.sh"));
    agent.arg("--folder").arg(container.0.path());
    agent.args(["--", "sh", "-c", "echo \"$KEY\""]);
    let waiting = agent.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let new = container.path("new");
    fs::write(&new, "KEY=a 'b'\0").unwrap();
    fs::rename(new, &file).unwrap();
    let done = waiting.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "a 'b'\na 'b'\n");
    assert!(!file.exists(), "it is read once");
}

//! The main process of a primary container: secrets, then the startup script, then what the image starts.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
    process::Command,
    thread::sleep,
    time::Duration,
};

use prt_agent_protocol::{
    StartupEnd,
    main_process::{NOT_FOUND, STARTUP_END, STARTUP_FAILED},
};
use rustix::io::Errno;

use super::{Arguments, become_command, cannot_run};
use crate::{private::write_whole, process::exit_code};

/// Between two looks for the environment, which comes within milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Runs scripts without a first line that says otherwise.
const SHELL: &str = "/bin/sh";

pub fn run(arguments: &Arguments<'_>) -> Option<i64> {
    let environment = match arguments.option("environment") {
        Some(file) => take_environment(Path::new(file)),
        None => vec![],
    };
    if let Some(script) = arguments.option("script") {
        let folder = Path::new(arguments.option("folder")?);
        let end = run_script(script, &environment);
        if end.exit_code != 0 {
            if let Some(error) = &end.error {
                eprintln!("{error}");
            }
            // The console looks for this line; see `STARTUP_FAILED`.
            eprintln!("{STARTUP_FAILED}{}.", end.exit_code);
        }
        let json = serde_json::to_vec(&end).unwrap_or_default();
        if let Err(error) = write_whole(&folder.join(STARTUP_END), &json) {
            eprintln!("The end of the startup script cannot be recorded: {error}.");
        }
    }
    Some(become_command(arguments.command, &environment))
}

/// Waits for the file. No process of the container is to run without what is in it.
fn take_environment(file: &Path) -> Vec<(String, String)> {
    let bytes = loop {
        match fs::read(file) {
            Ok(bytes) => break bytes,
            Err(_) => sleep(LOOK_EVERY),
        }
    };
    // From here on it would only be one more copy.
    _ = fs::remove_file(file);
    variables(&bytes)
}

fn variables(bytes: &[u8]) -> Vec<(String, String)> {
    let pairs = bytes.split(|byte| *byte == 0).filter_map(|pair| {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn run_script(script: &str, environment: &[(String, String)]) -> StartupEnd {
    let variables = || environment.iter().map(|(name, value)| (name, value));
    let status = match Command::new(script).envs(variables()).status() {
        Err(error) if is(&error, Errno::NOEXEC) => Command::new(SHELL).arg(script).envs(variables()).status(),
        other => other,
    };
    match status {
        Ok(status) => StartupEnd {
            exit_code: exit_code(status),
            error: None,
        },
        Err(error) => {
            let (exit_code, words) = cannot_run(&error);
            StartupEnd {
                exit_code,
                error: Some(match interpreter(script) {
                    interpreter if exit_code == NOT_FOUND => {
                        format!("The startup script needs {interpreter}, which the image does not have.")
                    }
                    interpreter => format!("The startup script cannot be run by {interpreter}: {words}."),
                }),
            }
        }
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}

/// What the first line names.
fn interpreter(script: &str) -> String {
    let mut begin = vec![];
    let read = fs::File::open(script).and_then(|file| file.take(256).read_to_end(&mut begin));
    let text = String::from_utf8_lossy(if read.is_ok() { &begin } else { &[] });
    let line = text.lines().next().and_then(|line| line.strip_prefix("#!"));
    let program = line.and_then(|line| line.split_whitespace().next());
    program.unwrap_or(SHELL).to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn script(text: &str) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("startup.sh");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (dir, path)
    }

    fn end(text: &str) -> StartupEnd {
        let (_dir, path) = script(text);
        run_script(&path, &[("KEY".into(), "it's\n".into())])
    }

    #[test]
    fn the_first_line_says_what_runs_a_script() {
        assert_eq!(end("#!/bin/bash\na=(one two)\n[ \"${a[1]}\" = two ]\n").exit_code, 0);
        assert_eq!(
            end("[ \"$KEY\" = \"it's\n\" ] && exit 4\n").exit_code,
            4,
            "by /bin/sh without one"
        );
        assert_eq!(end("#!/bin/sh\nkill -9 $$\n").exit_code, 137);
    }

    #[test]
    fn a_missing_interpreter_is_named() {
        let end = end("#!/usr/bin/no-such-shell -e\n");
        assert_eq!(end.exit_code, 127);
        assert_eq!(
            end.error.as_deref(),
            Some("The startup script needs /usr/bin/no-such-shell, which the image does not have.")
        );
    }

    #[test]
    fn variables_are_taken_as_they_are_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("environment");
        fs::write(&file, b"A=1\0B=x=y\n'z'\0\0nonsense\0").unwrap();
        let pairs = take_environment(&file);
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("A", "1"), ("B", "x=y\n'z'")]);
        assert!(!file.exists());
    }
}

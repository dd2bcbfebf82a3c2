//! The agent as the main process of a container. What its arguments mean is in `prt_agent_protocol::main_process`.

mod builder;
mod certificates;
mod primary;

use std::{io, os::unix::process::CommandExt as _, process::Command};

use prt_agent_protocol::main_process::{BUILDER, NOT_FOUND, NOT_RUNNABLE, PRIMARY, WAIT};

/// Runs the main process of that name; `None` = there is no such one, or its arguments make no sense.
pub fn run(words: &[&str]) -> Option<i64> {
    let (name, words) = words.split_first()?;
    match *name {
        PRIMARY => primary::run(&Arguments::read(words)?),
        BUILDER => builder::run(&Arguments::read(words)?),
        WAIT => {
            let seconds = words.first()?.parse().ok()?;
            std::thread::sleep(std::time::Duration::from_secs(seconds));
            Some(0)
        }
        _ => None,
    }
}

/// `--NAME VALUE` pairs, and a command after `--`.
struct Arguments<'a> {
    options: Vec<(&'a str, &'a str)>,
    command: &'a [&'a str],
}

impl<'a> Arguments<'a> {
    fn read(words: &'a [&'a str]) -> Option<Self> {
        let end = words.iter().position(|word| *word == "--")?;
        let options = words[..end].chunks(2).map(|pair| match pair {
            [name, value] => Some((name.strip_prefix("--")?, *value)),
            _ => None,
        });
        Some(Self {
            options: options.collect::<Option<_>>()?,
            command: &words[end + 1..],
        })
    }

    fn option(&self, wanted: &str) -> Option<&'a str> {
        self.options
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| *value)
    }
}

/// Becomes a command. Returns the exit code of a failure, in the way of a shell, after saying why.
fn become_command(command: &[&str], environment: &[(String, String)]) -> i64 {
    let Some((program, arguments)) = command.split_first() else {
        eprintln!("The image has no start command.");
        return NOT_FOUND.into();
    };
    let mut process = Command::new(program);
    process
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)));
    let (code, words) = cannot_run(&process.exec());
    eprintln!("exec {program}: {words}");
    code.into()
}

/// Exit code and words for a program that cannot be run; the words are those of container runtimes.
fn cannot_run(error: &io::Error) -> (i32, String) {
    match (
        error.kind(),
        error.raw_os_error().map(rustix::io::Errno::from_raw_os_error),
    ) {
        (io::ErrorKind::NotFound, _) => (NOT_FOUND, "no such file or directory".to_owned()),
        (io::ErrorKind::PermissionDenied, _) => (NOT_RUNNABLE, "permission denied".to_owned()),
        (_, Some(rustix::io::Errno::NOEXEC)) => (NOT_RUNNABLE, "exec format error".to_owned()),
        _ => (NOT_RUNNABLE, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_pairs_and_a_command() {
        let read = Arguments::read(&["--environment", "/a", "--", "run", "--", "x"]).unwrap();
        assert_eq!(read.option("environment"), Some("/a"));
        assert_eq!(read.option("script"), None);
        assert_eq!(read.command, ["run", "--", "x"]);
        for words in [&["run"][..], &["--a", "--", "run"], &["a", "b", "--"]] {
            assert!(Arguments::read(words).is_none(), "{words:?}");
        }
        assert!(Arguments::read(&["--"]).unwrap().command.is_empty());
    }

    #[test]
    fn what_cannot_be_run_has_the_exit_codes_of_a_shell() {
        assert_eq!(become_command(&[], &[]), 127);
        assert_eq!(become_command(&["/no/such/program"], &[]), 127);
        assert_eq!(become_command(&["/etc/passwd"], &[]), 126);
    }
}

//! Commands that the Python package runs in its own worker, as the worker's user. `prt_agent_protocol::tools` says what they do.

mod pack;
mod place;
mod processes;
mod tasks;

use std::{env, fs, io, path::PathBuf};

/// Runs one; the exit code.
pub fn run(words: &[&str]) -> i64 {
    let done = match words {
        ["place", from, to] => place::place(from.as_ref(), &below_home(to)),
        ["pack", source, folder, size] => match size.parse() {
            Ok(size) => pack::pack(&below_home(source), folder.as_ref(), size),
            Err(error) => Err(io::Error::other(format!("{size}: {error}"))),
        },
        ["remove", folder] => match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
        ["run", task, program @ ..] => tasks::run(&home().join(task), program),
        ["check", task] => tasks::check(&home().join(task)),
        ["watch", task] => tasks::watch(task.as_ref()),
        ["processes"] => processes::list(),
        ["kill", ids @ ..] => processes::kill(ids),
        _ => {
            eprintln!("There is no such tool: see crates/agent-protocol.");
            return 2;
        }
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    }
}

/// Container runtimes set HOME from the image's passwd.
fn home() -> PathBuf {
    env::var_os("HOME").map_or_else(|| "/".into(), PathBuf::from)
}

/// As a shell reads `~` at the beginning of a path.
fn below_home(path: &str) -> PathBuf {
    match path.strip_prefix('~') {
        Some("") => home(),
        Some(rest) if rest.starts_with('/') => home().join(&rest[1..]),
        Some(_) | None => path.into(),
    }
}

/// Adds the path to an error.
fn at(path: &std::path::Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_meant_by_a_tilde_of_its_own() {
        assert_eq!(below_home("~"), home());
        assert_eq!(below_home("~/a/b"), home().join("a/b"));
        assert_eq!(below_home("~user/a"), PathBuf::from("~user/a"));
        assert_eq!(below_home("/a/~"), PathBuf::from("/a/~"));
    }
}

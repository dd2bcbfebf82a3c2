//! Builds in the builder. They do not depend on a listener.
//!
//! A build has a folder of its own below the spool:
//!
//! | file | what |
//! |---|---|
//! | `launch.json` | what is built |
//! | `dockerfile/` | the Dockerfile that was checked, and the ignore file beside it |
//! | `tree` | path of the context that it is built from |
//! | `runner`, `command` | processes: number and start time |
//! | `progress` | what `buildctl` writes, byte by byte |
//! | `cancel` | the build is not wanted any more |
//! | `refused` | exit code and words: it could not be started |
//! | `metadata`, `exit` | digest and exit code, at its end |

mod follow;
mod runner;
mod start;
mod turns;

use std::{
    fs,
    path::{Path, PathBuf},
};

use prt_agent_protocol::SPOOL;
use rustix::process::Signal;

use crate::{
    private::{make_folder, private_file},
    process::Process,
};

pub use follow::follow;
pub use runner::run;
pub use start::launch;

/// Contexts of builds that have not ended.
pub fn contexts_in_use() -> Vec<PathBuf> {
    let builds = fs::read_dir(SPOOL).into_iter().flatten().flatten();
    builds
        .filter(|build| !build.path().join("exit").exists())
        .filter_map(|build| fs::read_to_string(build.path().join("tree")).ok())
        .map(PathBuf::from)
        .collect()
}

/// The folder of a build.
fn folder_of(spool: &str, build: &str) -> Option<PathBuf> {
    let plain = !build.is_empty()
        && build
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (plain && build != "." && build != "..").then(|| Path::new(spool).join(build))
}

/// Ends a build. The mark is made first: a build that is only just being started finds it.
pub fn cancel(spool: &str, build: &str, signal: &str) -> i64 {
    let Some(folder) = folder_of(spool, build) else {
        return 2;
    };
    let marked = make_folder(&folder).and_then(|()| private_file(&folder.join("cancel")).map(drop));
    if let Err(error) = marked {
        eprintln!("the build cannot be canceled: {error}");
        return 1;
    }
    if folder.join("exit").exists() {
        return 0;
    }
    let command = Process::read(&folder.join("command"));
    let runner = Process::read(&folder.join("runner"));
    if signal == "term" {
        if let Some(command) = command {
            command.signal(Signal::TERM);
        }
        return 0;
    }
    // What the runner has started, also what it has not written down yet. It then says how the build ended.
    let started: Vec<Process> = runner.map(Process::session).unwrap_or_default();
    for process in command.iter().chain(&started) {
        process.signal(Signal::KILL);
    }
    if let Some(runner) = runner
        && started.is_empty()
    {
        // It waits for something else than its command, and may never go on.
        runner.signal(Signal::KILL);
        start::forget(build);
    }
    0
}

/// Removes what an ended build left.
pub fn remove(spool: &str, build: &str) -> i64 {
    if let Some(folder) = folder_of(spool, build) {
        start::forget(build);
        _ = fs::remove_dir_all(&folder);
        // A start of this build that is still on its way must not find its place free.
        _ = make_folder(&folder).and_then(|()| private_file(&folder.join("cancel")).map(drop));
    }
    0
}

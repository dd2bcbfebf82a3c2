//! The progress of a build, from any byte on, to its end.

use std::{
    fs::{self, File},
    io::{self, Read, Seek as _, SeekFrom, Write as _},
    os::fd::AsFd as _,
    path::Path,
    time::Duration,
};

use prt_agent_protocol::EXIT;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
};

use super::folder_of;
use crate::process::Process;

/// How long nothing may be heard of a build until its processes are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Prints the progress of a build that was started before.
pub fn follow(spool: &str, build: &str, offset: &str) -> i64 {
    match (folder_of(spool, build), offset.parse()) {
        (Some(folder), Ok(offset)) => from(&folder, offset),
        _ => 2,
    }
}

/// Prints from byte `offset` on; then, on standard error, how the build ended.
pub fn from(folder: &Path, offset: u64) -> i64 {
    if !folder.join("runner").exists() {
        return EXIT.not_started;
    }
    match print(folder, offset) {
        Ok(()) => ended(folder),
        // Nobody listens any more, or the folder was removed.
        Err(_) => 1,
    }
}

fn print(folder: &Path, offset: u64) -> io::Result<()> {
    let changes = Changes::of(folder);
    let mut progress = File::open(folder.join("progress"))?;
    progress.seek(SeekFrom::Start(offset))?;
    let mut out = io::stdout().lock();
    let mut part = vec![0; 64 * 1024];
    loop {
        // Asked before the rest is read: nothing is written after the end.
        let runs = runs(folder);
        loop {
            let count = progress.read(&mut part)?;
            if count == 0 {
                break;
            }
            out.write_all(&part[..count])?;
        }
        out.flush()?;
        if !runs {
            return Ok(());
        }
        changes.wait();
    }
}

/// A build runs until its exit code is there. Its command may outlive a runner that was killed, and could still push.
pub fn runs(folder: &Path) -> bool {
    if folder.join("exit").exists() {
        return false;
    }
    let alive = |name: &str| Process::read(&folder.join(name)).is_some_and(Process::runs);
    let left = || Process::read(&folder.join("runner")).is_some_and(|runner| !runner.session().is_empty());
    alive("runner") || alive("command") || left()
}

/// Says words on one line: whatever is in them, they are not taken for how a build ended.
pub fn say(words: &str) {
    eprintln!("words {}", serde_json::Value::from(words));
}

fn ended(folder: &Path) -> i64 {
    if let Ok(refused) = fs::read_to_string(folder.join("refused")) {
        let (code, words) = refused.split_once(' ').unwrap_or((refused.as_str(), ""));
        say(words);
        return code.parse().unwrap_or(EXIT.bad_context);
    }
    match fs::read_to_string(folder.join("exit")) {
        Ok(code) => {
            if let Ok(metadata) = fs::read_to_string(folder.join("metadata")) {
                eprintln!("metadata {}", metadata.replace(['\r', '\n'], ""));
            }
            eprintln!("exit {}", code.trim());
        }
        Err(_) => eprintln!("lost"),
    }
    0
}

/// Wakes when something in the folder changes. Where the kernel gives no notice, time has to do.
struct Changes(Option<rustix::fd::OwnedFd>);

impl Changes {
    fn of(folder: &Path) -> Self {
        let flags = inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC;
        let watch = inotify::WatchFlags::MODIFY | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CREATE;
        let made = inotify::init(flags).and_then(|fd| inotify::add_watch(&fd, folder, watch).map(|_| fd));
        Self(made.ok())
    }

    fn wait(&self) {
        let Some(fd) = &self.0 else {
            std::thread::sleep(Duration::from_millis(10));
            return;
        };
        let time = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(LOOK.subsec_nanos()),
        };
        let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
        if matches!(poll(&mut fds, Some(&time)), Ok(1..)) {
            let mut events = [0; 4096];
            while matches!(rustix::io::read(fd, &mut events), Ok(1..)) {}
        }
    }
}

//! Processes. With the time of its start a process number cannot be taken for that of a later process.

use std::{fs, io, os::unix::process::ExitStatusExt as _, path::Path, process::ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use crate::private::write_whole;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
    /// In the kernel's ticks.
    started: u64,
}

/// Exit code of a process that has ended, as a shell gives it: 128 and the signal's number after a signal.
pub fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// The session that a process is in.
fn session_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(3)?.parse().ok()
}

impl Process {
    /// The process of that number, if it runs.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before it may contain anything.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        // A zombie is gone; its parent may never collect it.
        if fields.next()? == "Z" {
            return None;
        }
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// As it was written down.
    pub fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Self {
            pid: pid.parse().ok()?,
            started: started.parse().ok()?,
        })
    }

    pub fn write(self, path: &Path) -> io::Result<()> {
        write_whole(path, format!("{} {}\n", self.pid, self.started).as_bytes())
    }

    /// Whether a name that begins with a number and a start time is that of a process that runs.
    pub fn of_name_runs(name: &str) -> bool {
        let mut fields = name.split('-').map(str::parse);
        match (fields.next(), fields.next()) {
            (Some(Ok(pid)), Some(Ok(started))) => Self {
                pid: u32::try_from(pid).unwrap_or_default(),
                started,
            }
            .runs(),
            _ => false,
        }
    }

    /// Begins a name with number and start time.
    pub fn name(self) -> String {
        format!("{}-{}", self.pid, self.started)
    }

    /// All others in the session that this one began, also after its end.
    pub fn session(self) -> Vec<Self> {
        // Another process of that number has a session of its own.
        if Self::of(self.pid).is_some_and(|now| now != self) {
            return vec![];
        }
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != self.pid && session_of(*pid) == Some(self.pid))
            .filter_map(Self::of)
            .filter(|process| process.started >= self.started)
            .collect()
    }

    pub fn runs(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    pub fn signal(self, signal: Signal) {
        if self.runs()
            && let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
        {
            _ = kill_process(pid, signal);
        }
    }
}

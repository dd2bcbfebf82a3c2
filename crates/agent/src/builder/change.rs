//! A change of BuildKit's configuration: it is tried beside the running BuildKit, then put in place. Whatever fails, the previous one is in
//! place again.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use prt_agent_protocol::BuildkitdChange;
use rustix::process::{Pid, Signal, kill_process};

use super::{ASK_EVERY, Changing, Service, answers, end_within};
use crate::{
    private::{make_folder, write_whole},
    process::Process,
    store::{Result, StoreError},
};

/// How often BuildKit may end at once with a new configuration.
const STARTS: usize = 3;
/// And with the previous one, which is known to work.
const STARTS_BEFORE: usize = 20;
/// A BuildKit that was only tried has ended by then.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Last lines of BuildKit's log that are told.
const WORDS: usize = 5;

/// Carries the change out.
pub fn change(text: &str, wait: Duration) -> Result<BuildkitdChange> {
    Service::of_container()
        .change(text, wait)
        .map_err(|source| StoreError::Io {
            what: "changing BuildKit's configuration".into(),
            source,
        })
}

impl Service {
    fn change(&self, text: &str, wait: Duration) -> io::Result<BuildkitdChange> {
        let Some(before) = Process::read(&self.process_file()) else {
            return Ok(BuildkitdChange::Unsupported);
        };
        let Some(_changing) = Changing::begin(self)? else {
            return Ok(BuildkitdChange::Busy);
        };
        let new = self.folder.join("new.toml");
        write_whole(&new, text.as_bytes())?;
        let tried = self.try_out(&new, wait);
        if let Err(Untried(words)) = tried {
            _ = fs::remove_file(&new);
            return Ok(BuildkitdChange::Refused { words });
        }
        let (now, old) = (self.configuration(), self.folder.join("old.toml"));
        fs::copy(&now, &old)?;
        fs::rename(&new, &now)?;
        if self.restart(before, wait, STARTS) {
            _ = fs::remove_file(&old);
            return Ok(BuildkitdChange::Applied);
        }
        fs::rename(&old, &now)?;
        let latest = Process::read(&self.process_file()).unwrap_or(before);
        if self.restart(latest, wait, STARTS_BEFORE) {
            return Ok(BuildkitdChange::RolledBack);
        }
        self.mark_down();
        Ok(BuildkitdChange::Down)
    }

    /// BuildKit itself says whether it takes it: with a folder and sockets of its own, on the same volume as the real one.
    fn try_out(&self, new: &Path, wait: Duration) -> std::result::Result<(), Untried> {
        let trial = Trial {
            folder: self.state.join(format!("prt-try.{}", std::process::id())),
            socket: self.folder.join("try.sock"),
            log: self.folder.join("try.log"),
        };
        trial.run(&self.command()?, new, wait)
    }

    /// Ends a process of BuildKit and waits until the next one answers; not after more than so many starts.
    fn restart(&self, former: Process, wait: Duration, most: usize) -> bool {
        former.signal(Signal::TERM);
        let begun = Instant::now();
        let (mut latest, mut starts) = (former, 0);
        while begun.elapsed() < wait {
            if let Some(now) = Process::read(&self.process_file()).filter(|now| *now != latest) {
                (latest, starts) = (now, starts + 1);
                if starts > most {
                    return false;
                }
            }
            if latest != former && latest.runs() && matches!(answers(&[]), Ok(true)) {
                return true;
            }
            sleep(ASK_EVERY);
        }
        false
    }
}

/// BuildKit's words, or why it was not tried.
struct Untried(String);

impl From<io::Error> for Untried {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a trial leaves, until its end.
struct Trial {
    folder: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

impl Drop for Trial {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.folder);
        _ = fs::remove_file(&self.socket);
        _ = fs::remove_file(&self.log);
    }
}

impl Trial {
    fn run(&self, command: &[String], configuration: &Path, wait: Duration) -> std::result::Result<(), Untried> {
        make_folder(&self.folder)?;
        let log = File::create(&self.log)?;
        let address = format!("unix://{}", self.socket.display());
        let Some((program, arguments)) = command.split_first() else {
            return Err(Untried("the image has no start command".into()));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .arg("--config")
            .arg(configuration)
            .arg("--root")
            .arg(&self.folder)
            .args(["--addr", &address, "--otel-socket-path"])
            .arg(self.folder.join("otel.sock"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let begun = Instant::now();
        let mut taken = false;
        while !taken && begun.elapsed() < wait && child.try_wait()?.is_none() {
            taken = matches!(answers(&["--addr", &address]), Ok(true));
            if !taken {
                sleep(ASK_EVERY);
            }
        }
        _ = kill_process(Pid::from_child(&child), Signal::TERM);
        end_within(&mut child, END_WITHIN)?;
        if taken {
            return Ok(());
        }
        Err(Untried(words(&String::from_utf8_lossy(&fs::read(&self.log)?))))
    }
}

/// What BuildKit says of itself, or else the last lines that are more than information.
fn words(log: &str) -> String {
    let of_itself = log.lines().filter(|line| line.starts_with("buildkitd: "));
    let of_itself: Vec<&str> = of_itself.collect();
    if !of_itself.is_empty() {
        return of_itself.join("\n");
    }
    let minor = |line: &&str| !line.contains("level=info") && !line.contains("level=warning");
    let lines: Vec<&str> = log.lines().filter(minor).collect();
    lines[lines.len().saturating_sub(WORDS)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_buildkits_own_if_there_are_any() {
        let log = "time=1 level=info msg=a\nbuildkitd: bad value\ntime=2 level=error msg=b\n";
        assert_eq!(words(log), "buildkitd: bad value");
        assert_eq!(words("level=info a\none\nlevel=warning b\ntwo\n"), "one\ntwo");
        assert_eq!(words("1\n2\n3\n4\n5\n6\n7\n"), "3\n4\n5\n6\n7");
        assert_eq!(words(""), "");
    }

    #[test]
    fn one_process_changes_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let service = Service {
            folder: dir.path().to_owned(),
            state: dir.path().to_owned(),
        };
        let first = Changing::begin(&service).unwrap().unwrap();
        assert!(Changing::by_somebody(&service));
        assert!(Changing::begin(&service).unwrap().is_none());
        drop(first);
        assert!(!Changing::by_somebody(&service));
        assert!(Changing::begin(&service).unwrap().is_some());
    }

    #[test]
    fn a_container_with_another_main_process_cannot_be_configured() {
        let dir = tempfile::tempdir().unwrap();
        let service = Service {
            folder: dir.path().to_owned(),
            state: dir.path().to_owned(),
        };
        let changed = service.change("", Duration::ZERO).unwrap();
        assert_eq!(changed, BuildkitdChange::Unsupported);
    }
}

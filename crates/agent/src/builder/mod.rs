//! BuildKit in a builder: its configuration, whether it answers, and what it finds.
//!
//! The main process (`main_process/builder.rs`) runs BuildKit; what is here runs beside it, as requests. They share a folder:
//!
//! | file | what |
//! |---|---|
//! | `buildkitd.toml` | the configuration in use |
//! | `command` | BuildKit's command, as JSON |
//! | `process` | the running BuildKit: number and start time |
//! | `changing` | locked by the process that changes the configuration |
//! | `down` | BuildKit does not start any more |

mod change;
pub mod host;
mod lookup;

use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

pub use change::change;
pub use lookup::missing;

use crate::{
    private::{private_file, write_whole},
    store::{Result, StoreError},
};

const FOLDER: &str = "/tmp/prt-buildkitd";
const BUILDCTL: &str = "buildctl";
/// Between two questions to BuildKit.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// Between two looks whether a program has ended.
const CHILD_EVERY: Duration = Duration::from_millis(2);
/// A program that asks BuildKit has ended by then.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A change takes less, whatever fails.
const LONGEST_CHANGE: Duration = Duration::from_mins(2);
/// Tries to get a lock that others look at.
const LOOKS: u32 = 5;

/// BuildKit of a builder.
pub struct Service {
    folder: PathBuf,
    /// Where BuildKit writes to.
    state: PathBuf,
}

impl Service {
    /// That of this container.
    pub fn of_container() -> Self {
        let state = if rustix::process::getuid().is_root() {
            PathBuf::from("/var/lib/buildkit")
        } else {
            PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".local/share/buildkit")
        };
        Self {
            folder: FOLDER.into(),
            state,
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The configuration in use.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("buildkitd.toml")
    }

    pub fn process_file(&self) -> PathBuf {
        self.folder.join("process")
    }

    pub fn record_command(&self, command: &[&str]) -> io::Result<()> {
        write_whole(&self.folder.join("command"), &serde_json::to_vec(command)?)
    }

    fn command(&self) -> io::Result<Vec<String>> {
        Ok(serde_json::from_slice(&fs::read(self.folder.join("command"))?)?)
    }

    pub fn is_down(&self) -> bool {
        self.folder.join("down").exists()
    }

    fn mark_down(&self) {
        _ = private_file(&self.folder.join("down"));
    }
}

/// The right to change the configuration: a lock, which ends with the process that holds it.
pub struct Changing {
    _lock: File,
}

impl Changing {
    fn begin(service: &Service) -> io::Result<Option<Self>> {
        let lock = private_file(&service.folder.join("changing"))?;
        // Who only looks holds it for a moment.
        for _ in 0..LOOKS {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(Self { _lock: lock })),
                Err(TryLockError::WouldBlock) => sleep(ASK_EVERY),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether a process changes the configuration now.
    pub fn by_somebody(service: &Service) -> bool {
        File::open(service.folder.join("changing"))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// The configuration in use, once nobody is changing it; `None` = the main process is not the agent.
pub fn configuration() -> Result<Option<String>> {
    let service = Service::of_container();
    let begun = Instant::now();
    while Changing::by_somebody(&service) && begun.elapsed() < LONGEST_CHANGE {
        sleep(ASK_EVERY);
    }
    match fs::read_to_string(service.configuration()) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io {
            what: "reading BuildKit's configuration".into(),
            source,
        }),
    }
}

/// Waits until BuildKit answers.
pub fn ready(wait: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        match answers(&[]) {
            Ok(true) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NotFound(format!("there is no program {BUILDCTL} in it")));
            }
            Ok(false) | Err(_) if begun.elapsed() < wait => sleep(ASK_EVERY),
            Ok(false) | Err(_) => {
                return Err(StoreError::Io {
                    what: "asking BuildKit".into(),
                    source: io::ErrorKind::TimedOut.into(),
                });
            }
        }
    }
}

/// Asks BuildKit for its workers, which it has once it can build.
fn answers(options: &[&str]) -> io::Result<bool> {
    let mut command = Command::new(BUILDCTL);
    command.args(options).args(["debug", "workers"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(end_within(&mut command.spawn()?, ANSWER_WITHIN)?.success())
}

/// Waits for the end of a process, and kills it when the time is over.
fn end_within(child: &mut Child, limit: Duration) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        sleep(CHILD_EVERY);
    }
    child.kill()?;
    child.wait()
}

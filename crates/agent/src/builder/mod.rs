//! BuildKit in a builder: its configuration, whether it answers, and what it finds.
//!
//! The main process (`main_process/builder.rs`) runs BuildKit; what is here runs beside it, as requests. They share a folder:
//!
//! | file | what |
//! |---|---|
//! | `buildkitd.toml` | the configuration in use |
//! | `command` | BuildKit's command, as JSON |
//! | `process` | the running BuildKit: number and start time |
//! | `changing` | the process that changes the configuration |
//! | `down` | BuildKit does not start any more |

mod change;
pub mod host;
mod lookup;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

pub use change::change;
pub use lookup::missing;

use crate::{
    private::{private_file, write_whole},
    process::Process,
    store::{Result, StoreError},
};

const FOLDER: &str = "/tmp/prt-buildkitd";
const BUILDCTL: &str = "buildctl";
/// Between two questions to BuildKit.
const ASK_EVERY: Duration = Duration::from_millis(20);

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

/// The right to change the configuration. It ends with the process that has it.
pub struct Changing {
    file: PathBuf,
}

impl Changing {
    fn begin(service: &Service) -> io::Result<Option<Self>> {
        let file = service.folder.join("changing");
        // Two that begin in the same moment: the link is made by one of them only.
        let own = service.folder.join(format!("changing.{}", std::process::id()));
        let Some(process) = Process::of(std::process::id()) else {
            return Ok(None);
        };
        process.write(&own)?;
        let mut taken = fs::hard_link(&own, &file);
        if taken.is_err() && !Self::by_somebody(service) {
            _ = fs::remove_file(&file);
            taken = fs::hard_link(&own, &file);
        }
        _ = fs::remove_file(&own);
        match taken {
            Ok(()) => Ok(Some(Self { file })),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a process changes the configuration now.
    pub fn by_somebody(service: &Service) -> bool {
        Process::read(&service.folder.join("changing")).is_some_and(Process::runs)
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.file);
    }
}

/// The configuration in use, once nobody is changing it; `None` = the main process is not the agent.
pub fn configuration() -> Result<Option<String>> {
    let service = Service::of_container();
    while Changing::by_somebody(&service) {
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
    Ok(command.status()?.success())
}

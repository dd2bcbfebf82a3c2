//! Runs the command of a build to its end, in a session of its own: nothing that happens to who started it reaches it.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prt_agent_protocol::{ContextSource, EXIT, Launch, SECRETS};
use serde_json::json;

use super::{
    start::{Refused, forget},
    turns::Turns,
};
use crate::{
    private::write_whole,
    process::{Process, exit_code},
    store::{Staged, Store, folder},
};

/// The exit code of a build that was canceled before it began.
const CANCELED: i32 = 130;

/// One running build.
pub struct Runner<'a> {
    pub launch: &'a Launch,
    pub folder: &'a Path,
    /// Folder in memory with the credentials.
    pub login: &'a Path,
    /// Folder that the command runs in.
    pub tree: &'a Path,
}

pub fn run(folder: &str, login: &str) -> i64 {
    // A process that is not the first of its group may begin a session; a failure only means that it did already.
    _ = rustix::process::setsid();
    let folder = Path::new(folder);
    let Some(mut launch) = fs::read(folder.join("launch.json"))
        .ok()
        .and_then(|json| serde_json::from_slice::<Launch>(&json).ok())
    else {
        return 1;
    };
    launch.command.extend(secrets(Path::new(login)));
    let Some(own) = Process::of(std::process::id()) else {
        return 1;
    };
    if own.write(&folder.join("runner")).is_err() {
        return 1;
    }
    let code = match build(&launch, folder, Path::new(login)) {
        Ok(code) => code,
        Err(Refused(code, words)) => {
            place_at_last(folder, "refused", &format!("{code} {words}"));
            1
        }
    };
    forget(&launch.build);
    place_at_last(folder, "exit", &format!("{code}\n"));
    0
}

/// While the disk is full this is tried again: without it the build would look lost, or its end would have no reason.
fn place_at_last(folder: &Path, name: &str, text: &str) {
    while write_whole(&folder.join(name), text.as_bytes()).is_err() && folder.exists() {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// The arguments for the secret mounts.
fn secrets(login: &Path) -> Vec<String> {
    let files = fs::read_dir(login.join(SECRETS)).into_iter().flatten().flatten();
    files
        .flat_map(|file| {
            let id = file.file_name().to_string_lossy().into_owned();
            let path = file.path().to_string_lossy().into_owned();
            ["--secret".to_owned(), format!("id={id},src={path}")]
        })
        .collect()
}

fn build(launch: &Launch, folder: &Path, login: &Path) -> Result<i32, Refused> {
    if folder.join("cancel").exists() {
        return Ok(CANCELED);
    }
    let Staged { tree, ignore } = stage(launch, folder)?;
    ignore_file(launch, folder, ignore)
        .map_err(|error| Refused::disk("The context cannot be placed in the builder", &error))?;
    warn_of_setuid(launch, folder, &tree).map_err(|error| Refused::disk("The progress cannot be written", &error))?;
    let runner = Runner {
        launch,
        folder,
        login,
        tree: &tree,
    };
    let code = match Turns::of(&runner) {
        Some(turns) => turns.build(),
        None => runner.plain(),
    };
    code.map_err(|error| Refused::disk("The build cannot be run in the builder", &error))
}

/// The context as a folder that nobody changes. It is written down while nothing can be removed.
fn stage(launch: &Launch, folder: &Path) -> Result<Staged, Refused> {
    let store = Store::open(&launch.store)?;
    let in_use = |tree: &Path| write_whole(&folder.join("tree"), tree.as_os_str().as_encoded_bytes());
    let (path, staged) = match &launch.source {
        ContextSource::Folder { folder: base, path } => {
            let source = folder::Folder {
                base,
                path,
                dockerfile: &launch.dockerfile,
            };
            let staged = match store.of_folder(&source, &in_use) {
                Err(error) if error.is_full() => {
                    store.make_room()?;
                    store.of_folder(&source, &in_use)
                }
                other => other,
            };
            return Ok(staged?);
        }
        ContextSource::Stored { id, path } => (path, store.stored(id, &in_use)?),
    };
    // Nobody changes it, so its path can be judged as text; a link in it could lead elsewhere.
    let within = match staged.tree.join(path).canonicalize() {
        Ok(within) if within.starts_with(&staged.tree) && within.is_dir() => within,
        Ok(_) => return Err(Refused(EXIT.outside, format!("{path} is not a folder in the context."))),
        Err(_) => {
            let words = format!("There is no folder {path} in the context.");
            return Err(Refused(EXIT.no_context, words));
        }
    };
    let dir = folder::open(&staged.tree.to_string_lossy(), path)?;
    Ok(Staged {
        ignore: folder::ignore_text(&dir, &launch.dockerfile)?.map(|(_, text)| text),
        tree: within,
    })
}

/// The user's own ignore file beside the Dockerfile, where BuildKit looks for it first.
fn ignore_file(launch: &Launch, folder: &Path, text: Option<String>) -> io::Result<()> {
    let Some(text) = text else { return Ok(()) };
    let name = launch.dockerfile.rsplit('/').next().unwrap_or_default();
    fs::write(folder.join("dockerfile").join(format!("{name}.dockerignore")), text)
}

/// BuildKit drops these bits without a word. The warning has the form of its own.
fn warn_of_setuid(launch: &Launch, folder: &Path, tree: &Path) -> io::Result<()> {
    let files = Store::open(&launch.store).map_or_else(|_| vec![], |store| store.setuid_files(tree));
    let Some(first) = files.first() else { return Ok(()) };
    let more = match files.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let text = format!(
        "BuildKit drops the setuid and setgid bits of files in a context: {first}{more}. Set them in the Dockerfile with RUN chmod."
    );
    let at = super::turns::now();
    let step = json!({"digest": "prt-context", "name": "[context] check modes", "started": at, "completed": at});
    let warning = json!({"vertex": "prt-context", "level": 1, "short": STANDARD.encode(text)});
    let warning = json!({"vertexes": [step], "warnings": [warning]});
    let mut progress = File::options().append(true).open(folder.join("progress"))?;
    writeln!(progress, "{warning}")
}

impl Runner<'_> {
    /// The command without its standard streams.
    pub fn command(&self, words: &[String], login: &Path) -> Command {
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(self.tree)
            .env("DOCKER_CONFIG", login)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    pub fn canceled(&self) -> bool {
        self.folder.join("cancel").exists()
    }

    pub fn progress(&self) -> io::Result<File> {
        File::options().append(true).open(self.folder.join("progress"))
    }

    /// Starts a command and writes down its process.
    pub fn attend(&self, mut command: Command) -> io::Result<Running> {
        let running = Running(command.spawn()?);
        if let Some(process) = Process::of(running.0.id()) {
            process.write(&self.folder.join("command"))?;
            // The mark may have been made before there was a process to tell.
            if self.canceled() {
                process.signal(rustix::process::Signal::TERM);
            }
        }
        Ok(running)
    }

    /// A build with one login for each registry.
    fn plain(&self) -> io::Result<i32> {
        let mut command = self.command(&self.launch.command, self.login);
        command.stderr(self.progress()?);
        let code = self.attend(command)?.code()?;
        if code == 0 {
            super::turns::remember_bases(self);
        }
        Ok(code)
    }
}

/// A command that runs. When nobody waits for its end any more it is killed: a build whose end is recorded must not run any more.
pub struct Running(Child);

impl Running {
    /// What it prints.
    pub fn output(&mut self) -> io::Result<ChildStderr> {
        self.0.stderr.take().ok_or_else(|| io::Error::other("no output"))
    }

    /// Its exit code, as a shell tells it.
    pub fn code(mut self) -> io::Result<i32> {
        Ok(exit_code(self.0.wait()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

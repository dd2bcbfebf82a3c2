//! Runs the command of a build to its end, in a session of its own: nothing that happens to who started it reaches it.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prt_agent_protocol::{ContextSource, EXIT, Launch, SECRETS};
use serde_json::json;

use super::{
    place,
    process::Process,
    start::{Refused, forget, open_source},
    turns::Turns,
};
use crate::store::{Store, folder};

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
            _ = place(&folder.join("refused"), format!("{code} {words}").as_bytes());
            1
        }
    };
    forget(&launch.build);
    // While the disk is full this is tried again: without it the build would look lost.
    while place(&folder.join("exit"), format!("{code}\n").as_bytes()).is_err() && folder.exists() {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    0
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
    let tree = stage(launch)?;
    place(&folder.join("tree"), tree.as_os_str().as_encoded_bytes())
        .and_then(|()| ignore_file(launch, folder))
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

/// The context as a folder that nobody changes.
fn stage(launch: &Launch) -> Result<PathBuf, Refused> {
    let store = Store::open(&launch.store)?;
    match &launch.source {
        ContextSource::Folder { folder: base, path } => Ok(store.of_folder(&folder::Folder {
            base,
            path,
            dockerfile: &launch.dockerfile,
        })?),
        ContextSource::Stored { id, path } => {
            let tree = store.tree(id)?;
            let within = tree.join(path);
            // Nobody changes it, so its path can be judged as text; a link in it could lead elsewhere.
            match within.canonicalize() {
                Ok(within) if within.starts_with(&tree) && within.is_dir() => Ok(within),
                Ok(_) => Err(Refused(EXIT.outside, format!("{path} is no folder in the context."))),
                Err(_) => Err(Refused(
                    EXIT.no_context,
                    format!("There is no folder {path} in the context."),
                )),
            }
        }
    }
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
    let warning = json!({"warnings": [{"vertex": "", "level": 1, "short": STANDARD.encode(text)}]});
    let mut progress = File::options().append(true).open(folder.join("progress"))?;
    writeln!(progress, "{warning}")
}

/// The user's own ignore file beside the Dockerfile, where BuildKit looks for it first.
fn ignore_file(launch: &Launch, folder: &Path) -> io::Result<()> {
    let Ok(source) = open_source(launch) else { return Ok(()) };
    if let Ok(Some((_, text))) = folder::ignore_text(&source, &launch.dockerfile) {
        let name = launch.dockerfile.rsplit('/').next().unwrap_or_default();
        fs::write(folder.join("dockerfile").join(format!("{name}.dockerignore")), text)?;
    }
    Ok(())
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

    /// Starts a command, writes down its process, and waits for its end.
    pub fn attend(&self, mut command: Command) -> io::Result<(std::process::Child, Option<Process>)> {
        let child = command.spawn()?;
        let process = Process::of(child.id());
        if let Some(process) = process {
            process.write(&self.folder.join("command"))?;
            // The mark may have been made before there was a process to tell.
            if self.canceled() {
                process.signal(rustix::process::Signal::TERM);
            }
        }
        Ok((child, process))
    }

    /// A build with one login for each registry.
    fn plain(&self) -> io::Result<i32> {
        let mut command = self.command(&self.launch.command, self.login);
        command.stderr(self.progress()?);
        let (mut child, _) = self.attend(command)?;
        let code = code(child.wait()?);
        if code == 0 {
            super::turns::remember_bases(self);
        }
        Ok(code)
    }
}

/// As a shell tells it.
pub fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

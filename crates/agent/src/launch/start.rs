//! The start of a build: the Dockerfile is read, and when the word comes, the runner is started.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cap_std::fs::Dir;
use prt_agent_protocol::{ContextSource, EXIT, LARGEST_REQUEST, LONGEST_DOCKERFILE, Launch, LaunchInput, frame};

use super::{folder_of, follow};
use crate::{
    private::{make_folder, private_file, write_whole},
    request::is_full,
    store::{Store, StoreError, folder},
};

/// Where credentials lie while a build runs.
const MEMORY: &str = "/dev/shm";
const LOGIN: &str = "prt-login.";
/// How long a start may be on its way.
const MARKED: std::time::Duration = std::time::Duration::from_hours(1);

/// Why a build is not started: exit code and words.
pub struct Refused(pub i64, pub String);

impl Refused {
    pub fn disk(what: &str, error: &io::Error) -> Self {
        Self(EXIT.disk, format!("{what}: {error}."))
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Outside(_) => EXIT.outside,
            StoreError::NotFound(_) => EXIT.no_context,
            StoreError::Io { source, .. } if is_full(source) => EXIT.disk,
            StoreError::Invalid(_) | StoreError::Cut | StoreError::Io { .. } => EXIT.bad_context,
        };
        Self(code, error.to_string())
    }
}

/// Reads a [`Launch`] from standard input and starts it when its input has come.
pub fn launch() -> i64 {
    match start() {
        Ok(Some(folder)) => follow::from(&folder, 0),
        Ok(None) => 0,
        Err(Refused(code, words)) => {
            follow::say(&words);
            code
        }
    }
}

fn start() -> Result<Option<PathBuf>, Refused> {
    let mut input = io::stdin().lock();
    let broken = |error: &dyn std::error::Error| Refused(1, error.to_string());
    let Some(request) = frame::read(&mut input, LARGEST_REQUEST).map_err(|error| broken(&error))? else {
        return Ok(None);
    };
    let launch: Launch = serde_json::from_slice(&request).map_err(|error| broken(&error))?;
    if launch.read {
        print_dockerfile(&launch)?;
    }
    // Without input the build is not wanted: until it comes nothing here may touch another build.
    let Some(wanted) = frame::read(&mut input, LARGEST_REQUEST).map_err(|error| broken(&error))? else {
        return Ok(None);
    };
    let wanted: LaunchInput = serde_json::from_slice(&wanted).map_err(|error| broken(&error))?;
    let program = launch.command.first().map_or("", String::as_str);
    if !has_program(program) {
        return Err(Refused(EXIT.no_command, format!("The builder image has no {program}.")));
    }
    let Some(folder) = folder_of(&launch.spool, &launch.build) else {
        return Err(Refused(2, format!("{:?} is no id of a build.", launch.build)));
    };
    make_folder(Path::new(&launch.spool)).map_err(|error| Refused::disk(&launch.spool, &error))?;
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Refused(EXIT.exists, String::new()));
        }
        Err(error) => return Err(Refused::disk(&launch.spool, &error)),
    }
    forget_others(&launch.spool, &folder);
    match prepare(&launch, &wanted, &folder) {
        Ok(()) => Ok(Some(folder)),
        Err(refused) => {
            _ = fs::remove_dir_all(&folder);
            forget(&launch.build);
            Err(refused)
        }
    }
}

/// Puts everything in place and starts the runner in a session of its own.
fn prepare(launch: &Launch, wanted: &LaunchInput, folder: &Path) -> Result<(), Refused> {
    let login = logins(launch, wanted).map_err(|error| Refused::disk(MEMORY, &error))?;
    let name = launch.dockerfile.rsplit('/').next().unwrap_or_default();
    let written = make_folder(&folder.join("dockerfile"))
        .and_then(|()| fs::write(folder.join("dockerfile").join(name), &wanted.dockerfile))
        .and_then(|()| private_file(&folder.join("progress")).map(drop))
        .and_then(|()| write_whole(&folder.join("launch.json"), &serde_json::to_vec(launch)?));
    written.map_err(|error| Refused::disk("The Dockerfile cannot be placed in the builder", &error))?;
    let runner = Command::new("/proc/self/exe")
        .arg("run")
        .args([folder, login.as_path()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut runner = runner.map_err(|error| Refused::disk("The build cannot be started in the builder", &error))?;
    while !folder.join("runner").exists() {
        if let Ok(Some(status)) = runner.try_wait() {
            return Err(Refused(EXIT.disk, format!("The build's runner ended: {status}.")));
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(())
}

/// Writes credentials and secrets into memory. They lie in a folder that cannot be listed, in one of a name that nobody can guess.
fn logins(launch: &Launch, wanted: &LaunchInput) -> io::Result<PathBuf> {
    let outer = outer_folder(&launch.build);
    let mut random = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let login = outer.join(hex::encode(random));
    fs::DirBuilder::new().mode(0o700).create(&outer)?;
    fs::DirBuilder::new().mode(0o700).create(&login)?;
    for file in &wanted.files {
        let path = login.join(&file.name);
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        private_file(&path)?.write_all(file.content.expose().as_bytes())?;
    }
    fs::set_permissions(&outer, std::os::unix::fs::PermissionsExt::from_mode(0o300))?;
    Ok(login)
}

fn outer_folder(build: &str) -> PathBuf {
    Path::new(MEMORY).join(format!("{LOGIN}{build}"))
}

/// Removes the credentials of a build. Their folder cannot be listed, not even for that.
pub fn forget(build: &str) {
    let outer = outer_folder(build);
    _ = fs::set_permissions(&outer, std::os::unix::fs::PermissionsExt::from_mode(0o700));
    _ = fs::remove_dir_all(&outer);
}

/// What earlier builds left; there is one build at a time in a builder.
fn forget_others(spool: &str, own: &Path) {
    for other in fs::read_dir(spool).into_iter().flatten().flatten() {
        let name = other.file_name().to_string_lossy().into_owned();
        if other.path() == own || name.starts_with('.') || !other.path().is_dir() {
            continue;
        }
        // The mark of a canceled build keeps a start away that is still on its way.
        let marked = other.path().join("cancel").exists() && !other.path().join("runner").exists();
        if follow::runs(&other.path()) || (marked && is_young(&other)) {
            continue;
        }
        _ = fs::remove_dir_all(other.path());
        forget(&name);
    }
    // Credentials of builds whose folder is gone.
    for login in fs::read_dir(MEMORY).into_iter().flatten().flatten() {
        let name = login.file_name().to_string_lossy().into_owned();
        if let Some(build) = name.strip_prefix(LOGIN)
            && !Path::new(spool).join(build).exists()
            && !is_young(&login)
        {
            forget(build);
        }
    }
}

fn is_young(entry: &fs::DirEntry) -> bool {
    let changed = entry.metadata().and_then(|meta| meta.modified());
    changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < MARKED))
}

fn has_program(name: &str) -> bool {
    if name.contains('/') {
        return Path::new(name).exists();
    }
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).exists()))
}

/// Opens the context to read single files of it.
pub fn open_source(launch: &Launch) -> Result<Dir, StoreError> {
    match &launch.source {
        ContextSource::Folder { folder: base, path } => folder::open(base, path),
        ContextSource::Stored { id, path } => {
            let tree = Store::open(&launch.store)?.tree(id)?;
            folder::open(&tree.to_string_lossy(), path)
        }
    }
}

/// Prints the Dockerfile and a NUL after it. A NUL of its own would look like the end; as 0xFF it is seen as what it is: not text.
fn print_dockerfile(launch: &Launch) -> Result<(), Refused> {
    let dir = open_source(launch)?;
    let file = folder::open_beneath(&dir, &launch.dockerfile).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Refused(EXIT.no_dockerfile, String::new()),
        _ => match folder::beneath("~/build", &launch.dockerfile, error) {
            StoreError::Outside(words) => Refused(EXIT.outside, words),
            other => Refused(EXIT.bad_context, format!("The Dockerfile cannot be read. {other}.")),
        },
    })?;
    let mut text = vec![];
    file.take(LONGEST_DOCKERFILE as u64 + 1)
        .read_to_end(&mut text)
        .map_err(|error| Refused(EXIT.no_dockerfile, error.to_string()))?;
    for byte in &mut text {
        if *byte == 0 {
            *byte = 0xff;
        }
    }
    text.push(0);
    let mut out = io::stdout().lock();
    // Who does not listen does not send input either.
    _ = out.write_all(&text).and_then(|()| out.flush());
    Ok(())
}

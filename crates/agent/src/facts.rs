//! What the container is.

use std::{fs, io::Read as _, path::Path};

use prt_agent_protocol::{
    Facts, StartupEnd,
    main_process::{PRIMARY, STARTUP_END},
};

use crate::builder::host::path_of;

const PASSWD: &str = "/etc/passwd";
const PASSWD_LIMIT: u64 = 1024 * 1024;
/// Most bytes of a command line that are looked at.
const COMMAND_LIMIT: u64 = 64 * 1024;
const JUPYTER: &str = "jupyter";
const PROGRAMS: [&str; 5] = [
    JUPYTER,
    "jupyter-lab",
    "jupyter-server",
    "jupyter-notebook",
    "jupyterhub-singleuser",
];

/// Everything.
pub fn facts(folder: &str) -> Facts {
    let uid = rustix::process::getuid().as_raw();
    let user = user(uid);
    let startup = startup(Path::new(folder));
    Facts {
        uid,
        gid: rustix::process::getgid().as_raw(),
        home: user.as_ref().map(|user| user.home.clone()),
        user: user.map(|user| user.name),
        architecture: architecture().into(),
        shell: Path::new("/bin/sh").exists(),
        jupyter: PROGRAMS.iter().any(|program| path_of(program).is_some()) || runs(Path::new("/proc")),
        startup,
        memory_files: memory_files(Path::new(folder)),
    }
}

/// A user of the image.
pub struct User {
    pub name: String,
    pub home: String,
}

/// The user of that number. Lines are as in passwd(5).
pub fn user(uid: u32) -> Option<User> {
    let mut text = String::new();
    let file = fs::File::open(PASSWD).ok()?;
    file.take(PASSWD_LIMIT).read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| User {
            name: fields[0].to_owned(),
            home: fields.get(5).copied().unwrap_or_default().to_owned(),
        })
    })
}

/// As image platforms name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Whether a process is Jupyter, or a startup script, which may install or start it.
fn runs(proc: &Path) -> bool {
    let own = std::process::id().to_string();
    let processes = fs::read_dir(proc).into_iter().flatten().flatten();
    processes
        .filter(|process| {
            process
                .file_name()
                .to_str()
                .is_some_and(|name| name.parse::<u32>().is_ok() && name != own)
        })
        .any(|process| {
            let mut command = vec![];
            let file = fs::File::open(process.path().join("cmdline"));
            _ = file.and_then(|file| file.take(COMMAND_LIMIT).read_to_end(&mut command));
            let command = String::from_utf8_lossy(&command);
            let mut words = command.split('\0');
            let script = words.nth(1) == Some(PRIMARY) && words.any(|word| word == "--script");
            script || command.contains(JUPYTER)
        })
}

fn startup(folder: &Path) -> Option<StartupEnd> {
    serde_json::from_slice(&fs::read(folder.join(STARTUP_END)).ok()?).ok()
}

fn memory_files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.metadata().is_ok_and(|file| file.is_file() && file.len() > 0))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_a_process_of_jupyter_or_a_startup_script() {
        let proc = tempfile::tempdir().unwrap();
        let process = proc.path().join("7");
        fs::create_dir(&process).unwrap();
        let runs_with = |command: &str| {
            fs::write(process.join("cmdline"), command).unwrap();
            runs(proc.path())
        };
        assert!(!runs_with("sleep\x00600\0"));
        assert!(runs_with("python3\0/opt/bin/jupyter-lab\0"));
        assert!(runs_with(
            "/.prt/agent\0primary\0--script\0/etc/prt/startup.sh\0--\0sleep\0"
        ));
        fs::rename(&process, proc.path().join(std::process::id().to_string())).unwrap();
        assert!(!runs(proc.path()), "this process is none");
    }

    #[test]
    fn root_is_a_user_and_some_numbers_are_not() {
        assert_eq!(user(0).unwrap().name, "root");
        assert!(user(4_000_000_000).is_none());
    }

    #[test]
    fn only_files_with_content_are_there() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), "x").unwrap();
        fs::write(dir.path().join("empty"), "").unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        fs::write(dir.path().join(STARTUP_END), r#"{"exit_code":3,"error":null}"#).unwrap();
        let facts = facts(dir.path().to_str().unwrap());
        assert_eq!(facts.memory_files, [STARTUP_END, "token"]);
        assert_eq!(facts.startup.unwrap().exit_code, 3);
    }
}

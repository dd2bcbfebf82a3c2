//! What rootless BuildKit needs of the host, looked at from inside a container with the restricted builder's rights.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use prt_agent_protocol::HostFinding;
use rustix::mount::{MountFlags, mount};

/// Most bytes of what a program says.
const WORDS: usize = 300;
/// Exit code of [`overlay`] for a mount or a write that is refused.
const REFUSED: i64 = 32;

/// Everything, in the order in which one thing depends on another.
pub fn check(state: &str) -> Vec<HostFinding> {
    let own = env::current_exe().unwrap_or_default();
    let own = own.to_str().unwrap_or_default();
    vec![
        program("buildkitd", &["buildkitd", "--version"]),
        in_path("buildctl"),
        in_path("rootlesskit"),
        in_path("newuidmap"),
        ids("subuid", "/etc/subuid"),
        ids("subgid", "/etc/subgid"),
        status("seccomp", "Seccomp:"),
        status("no_new_privs", "NoNewPrivs:"),
        value("max_user_namespaces", "/proc/sys/user/max_user_namespaces"),
        value(
            "unprivileged_userns_clone",
            "/proc/sys/kernel/unprivileged_userns_clone",
        ),
        value(
            "apparmor_restrict",
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        ),
        program("enter", &["rootlesskit", own, "wait", "0"]),
        program(
            "proc",
            &["rootlesskit", "unshare", "-p", "-f", "--mount-proc", own, "wait", "0"],
        ),
        program("overlay", &["rootlesskit", own, "overlay", state]),
        fuse(),
        found("kernel", rustix::system::uname().release().to_string_lossy()),
        found(
            "cgroup",
            if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
                "v2"
            } else {
                "v1"
            },
        ),
    ]
}

/// Mounts an overlay in the folder and writes to it. Runs in a user namespace of its own, with which the mount goes.
pub fn overlay(state: &str) -> i64 {
    let folder = Path::new(state).join(format!("prt-probe.{}", std::process::id()));
    let tried = mount_overlay(&folder);
    _ = fs::remove_dir_all(&folder);
    match tried {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("overlay: {error}");
            REFUSED
        }
    }
}

fn mount_overlay(folder: &Path) -> io::Result<()> {
    let of = |name: &str| folder.join(name);
    for name in ["lower", "upper", "work", "merged"] {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(of(name))?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        of("lower").display(),
        of("upper").display(),
        of("work").display()
    );
    let options = std::ffi::CString::new(options)?;
    mount(
        "overlay",
        of("merged"),
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )?;
    let written = fs::write(of("merged/x"), "");
    // Else the folder cannot be removed.
    _ = rustix::mount::unmount(of("merged"), rustix::mount::UnmountFlags::DETACH);
    written
}

fn finding(name: &str, ok: bool, words: &str) -> HostFinding {
    let line = words.replace(['\n', '\t'], " ");
    HostFinding {
        name: name.into(),
        ok,
        words: line.trim().chars().take(WORDS).collect(),
    }
}

fn found(name: &str, words: impl AsRef<str>) -> HostFinding {
    finding(name, true, words.as_ref())
}

/// A program that runs and ends well.
fn program(name: &str, words: &[&str]) -> HostFinding {
    let Some((program, arguments)) = words.split_first() else {
        return finding(name, false, "");
    };
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(done) => {
            let words = [done.stdout, done.stderr].concat();
            finding(name, done.status.success(), &String::from_utf8_lossy(&words))
        }
        Err(error) => finding(name, false, &format!("{program}: {error}")),
    }
}

/// Where a program is in the PATH.
pub fn path_of(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file())
}

fn in_path(program: &str) -> HostFinding {
    match path_of(program) {
        Some(path) => finding(program, true, &path.to_string_lossy()),
        None => finding(program, false, ""),
    }
}

/// The container's user, by number or name, in a file of ranges.
fn ids(name: &str, file: &str) -> HostFinding {
    let uid = rustix::process::getuid().as_raw();
    let user = crate::facts::user(uid).map(|user| user.name);
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return finding(name, false, &error.to_string()),
    };
    let line = text.lines().find(|line| {
        let owner = line.split(':').next().unwrap_or_default();
        owner.parse() == Ok(uid) || user.as_deref() == Some(owner)
    });
    finding(name, line.is_some(), line.unwrap_or_default())
}

fn status(name: &str, field: &str) -> HostFinding {
    match fs::read_to_string("/proc/self/status") {
        Ok(text) => found(
            name,
            text.lines()
                .find_map(|line| line.strip_prefix(field))
                .unwrap_or_default(),
        ),
        Err(error) => finding(name, false, &error.to_string()),
    }
}

/// A value of the kernel; not found where the kernel has no such thing.
fn value(name: &str, file: &str) -> HostFinding {
    match fs::read_to_string(file) {
        Ok(text) => found(name, text),
        Err(error) => finding(name, false, &error.to_string()),
    }
}

fn fuse() -> HostFinding {
    let device = fs::metadata("/dev/fuse").is_ok_and(|file| file.file_type().is_char_device());
    match path_of("fuse-overlayfs") {
        Some(path) if device => found("fuse", path.to_string_lossy()),
        Some(_) | None => finding("fuse", false, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_tell_how_they_end_in_one_line() {
        assert_eq!(
            program("a", &["sh", "-c", "echo one; echo two >&2"]),
            found("a", "one two")
        );
        assert!(!program("a", &["sh", "-c", "exit 3"]).ok);
        let none = program("a", &["no-such-program"]);
        assert!(!none.ok && none.words.starts_with("no-such-program: "), "{none:?}");
    }

    #[test]
    fn values_of_the_kernel() {
        assert_eq!(status("seccomp", "Seccomp:").words.len(), 1);
        assert!(!value("none", "/proc/sys/no/such/value").ok);
        assert!(in_path("sh").words.ends_with("/sh"));
        assert!(!in_path("no-such-program").ok);
    }
}

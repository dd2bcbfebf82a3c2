//! A second wall around folders that belong to users. Paths are resolved beneath a folder by `openat2`; here the kernel's Landlock also
//! refuses a thread everything outside the folders that it was given: credentials of a build, other processes, the agent's own files.
//!
//! Kernels and system call filters without Landlock leave the first wall only.

use std::{panic::resume_unwind, path::Path, thread};

use landlock::{
    ABI, Access as _, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
};

/// The rights of this version are asked for as far as the kernel knows them.
const VERSION: ABI = ABI::V5;

/// Does the work in a thread that reaches nothing but these folders. A folder that is not there is the work's to notice.
pub fn to<T: Send>(folders: &[&str], work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let confined = scope.spawn(|| {
            if let Err(error) = restrict(folders) {
                // Not a reason to fail: the paths are checked all the same.
                eprintln!("Landlock is not available: {error}.");
            }
            work()
        });
        confined.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn restrict(folders: &[&str]) -> Result<(), RulesetError> {
    let all = AccessFs::from_all(VERSION);
    let mut rules = Ruleset::default().handle_access(all)?.create()?;
    for folder in folders {
        if let Ok(folder) = PathFd::new(Path::new(folder)) {
            rules = rules.add_rule(PathBeneath::new(folder, all))?;
        }
    }
    rules.restrict_self()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use landlock::{CompatLevel, Compatible as _};

    use super::*;

    /// Whether this kernel has it.
    fn available() -> bool {
        let required = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        required.handle_access(AccessFs::from_all(ABI::V1)).is_ok()
    }

    #[test]
    fn only_the_folders_are_reached() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for folder in ["own", "other"] {
            fs::create_dir(path(folder)).unwrap();
            fs::write(path(folder).join("file"), folder).unwrap();
        }
        symlink(path("other/file"), path("own/link")).unwrap();
        let own = path("own");
        let reached = to(&[own.to_str().unwrap()], || {
            let read = |name: &str| fs::read_to_string(path(name)).ok();
            let written = fs::write(own.join("new"), "new").is_ok();
            (
                read("own/file"),
                written,
                read("own/link"),
                fs::read("/proc/self/environ").is_ok(),
            )
        });
        assert_eq!((reached.0.as_deref(), reached.1), (Some("own"), true));
        let outside = (reached.2.is_some(), reached.3);
        assert_eq!(outside, (!available(), !available()));
        // Only that thread is confined.
        assert_eq!(fs::read_to_string(path("other/file")).unwrap(), "other");
    }

    #[test]
    fn a_panic_comes_through() {
        let panic = std::panic::catch_unwind(|| to(&[], || panic!("as the test wants it")));
        assert!(panic.is_err());
    }
}

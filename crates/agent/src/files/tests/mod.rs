mod attack;
mod protocol;
mod unpack;

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{list, read, stream, write};
use crate::store::StoreError;

/// A build folder with a folder beside it that nobody may reach.
struct Folders {
    _dir: tempfile::TempDir,
    build: PathBuf,
    outside: PathBuf,
}

impl Folders {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (build, outside) = (dir.path().join("build"), dir.path().join("outside"));
        fs::create_dir(&build).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "SECRET").unwrap();
        Self {
            _dir: dir,
            build,
            outside,
        }
    }

    fn build(&self) -> &str {
        self.build.to_str().unwrap()
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.build.join(path)).unwrap()
    }

    fn names(&self, path: &str) -> Vec<String> {
        names(&self.build.join(path))
    }

    /// Whether what is outside is as it was.
    fn assert_untouched(&self) {
        assert_eq!(names(&self.outside), ["secret"]);
        assert_eq!(fs::read_to_string(self.outside.join("secret")).unwrap(), "SECRET");
    }
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn link(target: impl AsRef<Path>, at: impl AsRef<Path>) {
    std::os::unix::fs::symlink(target, at).unwrap();
}

fn mode(path: impl AsRef<Path>) -> u32 {
    use std::os::unix::fs::MetadataExt as _;

    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: impl AsRef<Path>, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn nothing_is_read_or_written_through_a_link_that_leads_out() {
    let folders = Folders::new();
    link("../outside", folders.build.join("near"));
    link(&folders.outside, folders.build.join("far"));
    link("near", folders.build.join("twice"));
    link("/proc/self", folders.build.join("proc"));
    link("/proc/self/environ", folders.build.join("environ"));
    link(folders.outside.join("secret"), folders.build.join("file"));
    for path in [
        "near/secret",
        "far/secret",
        "twice/secret",
        "proc/environ",
        "environ",
        "file",
    ] {
        let error = read(folders.build(), path, 1000).unwrap_err();
        assert!(matches!(error, StoreError::Outside(_)), "{path}: {error}");
    }
    for path in ["near/secret", "far/new", "twice/new", "near/deep/new"] {
        let error = write(folders.build(), path, None, &b"x"[..]).unwrap_err();
        assert!(matches!(error, StoreError::Outside(_)), "{path}: {error}");
        let error = stream(folders.build(), path, &b"x"[..]).unwrap_err();
        assert!(matches!(error, StoreError::Outside(_)), "{path}: {error}");
    }
    for path in ["../outside/secret", "/etc/passwd", "near/../x", "", "."] {
        assert!(read(folders.build(), path, 1000).is_err(), "{path}");
        assert!(write(folders.build(), path, None, &b"x"[..]).is_err(), "{path}");
    }
    assert_eq!(list(folders.build()).unwrap(), []);

    // A link in the place of a file is replaced.
    write(folders.build(), "file", None, &b"own"[..]).unwrap();
    stream(folders.build(), "environ", &b"log"[..]).unwrap();
    assert_eq!(
        (folders.text("file").as_str(), folders.text("environ").as_str()),
        ("own", "log")
    );
    folders.assert_untouched();

    // One that stays in the folder is no harm.
    fs::create_dir(folders.build.join("src")).unwrap();
    link("src", folders.build.join("current"));
    write(folders.build(), "current/a", None, &b"a"[..]).unwrap();
    assert_eq!(read(folders.build(), "current/a", 1000).unwrap(), b"a");
    assert_eq!(folders.names("src"), ["a"]);
}

#[test]
fn a_file_keeps_its_mode_and_its_folders_are_made() {
    let folders = Folders::new();
    let file = folders.build.join("deep/er/run.sh");
    write(folders.build(), "deep/er/run.sh", None, &b"one"[..]).unwrap();
    assert_eq!(mode(&file), 0o644);
    set_mode(&file, 0o755);
    write(folders.build(), "deep/er/run.sh", None, &b""[..]).unwrap();
    assert_eq!((mode(&file), folders.text("deep/er/run.sh").as_str()), (0o755, ""));
    write(folders.build(), "deep/er/run.sh", Some(0o4711), &b"x"[..]).unwrap();
    assert_eq!(mode(&file), 0o4711);
    // Set-user-ID is for what was there, not for what comes.
    write(folders.build(), "deep/er/run.sh", None, &b"x"[..]).unwrap();
    assert_eq!(mode(&file), 0o711);
    let error = write(folders.build(), "deep", None, &b"x"[..]).unwrap_err();
    assert_eq!(error.to_string(), "it is a folder");
    let error = write(folders.build(), "deep/er/run.sh/x", None, &b"x"[..]).unwrap_err();
    assert_eq!(error.to_string(), "a part of deep/er/run.sh/x is not a folder");
    assert_eq!(folders.names(""), ["deep"]);
}

#[test]
fn only_regular_files_up_to_the_limit_are_read() {
    let folders = Folders::new();
    fs::write(folders.build.join("long"), vec![b'x'; 3 * 1024 * 1024]).unwrap();
    fs::create_dir(folders.build.join("folder")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folders.build.join("fifo"), 0o600.into()).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folders.build.join("socket")).unwrap();
    for (path, words) in [
        ("fifo", "fifo is no regular file."),
        ("socket", "socket is no regular file."),
        ("folder", "folder is no regular file."),
        ("long", "long is larger than 2 MiB."),
        ("none", "There is no none."),
        ("long/x", "There is no long/x."),
    ] {
        let error = read(folders.build(), path, 2 * 1024 * 1024).unwrap_err();
        assert_eq!(error.to_string(), words);
    }
    assert_eq!(
        read(folders.build(), "long", 3 * 1024 * 1024).unwrap().len(),
        3 * 1024 * 1024
    );
}

#[test]
fn a_listing_is_sorted_and_of_regular_files() {
    let folders = Folders::new();
    for path in ["b/x", "b-c", "b.c", "a\nb", " 7 ."] {
        write(folders.build(), path, None, path.as_bytes()).unwrap();
    }
    link("b/x", folders.build.join("link"));
    fs::create_dir(folders.build.join(".prt-upload-1")).unwrap();
    fs::write(folders.build.join(".prt-upload-1/x"), "x").unwrap();
    let listed = |folders: &Folders| -> Vec<(String, u64)> {
        let files = list(folders.build()).unwrap();
        files.into_iter().map(|file| (file.path, file.size)).collect()
    };
    let expected = [(" 7 .", 4), ("a\nb", 3), ("b-c", 3), ("b.c", 3), ("b/x", 3)];
    assert_eq!(listed(&folders), expected.map(|(path, size)| (path.to_owned(), size)));
    fs::create_dir(folders.build.join("c")).unwrap();
    for number in 0..1100 {
        fs::write(folders.build.join(format!("c/{number:04}")), "").unwrap();
    }
    let listed = listed(&folders);
    assert_eq!(listed.len(), 1000);
    assert_eq!(listed[999].0, "c/0994");
}

#[test]
fn a_streamed_file_is_a_new_one() {
    let folders = Folders::new();
    fs::write(folders.outside.join("secret"), "SECRET").unwrap();
    fs::hard_link(folders.outside.join("secret"), folders.build.join("build.log")).unwrap();
    stream(folders.build(), "build.log", &b"one"[..]).unwrap();
    stream(folders.build(), "build.log", &b"two"[..]).unwrap();
    assert_eq!(folders.text("build.log"), "two");
    assert_eq!(mode(folders.build.join("build.log")), 0o644);
    folders.assert_untouched();
    fs::create_dir(folders.build.join("folder")).unwrap();
    let error = stream(folders.build(), "folder", &b"x"[..]).unwrap_err();
    assert_eq!(error.to_string(), "folder is a folder");
}

//! Certificates in the trust store of a privileged builder. BuildKit reads the store once, so this comes before it starts.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::mount::{MountFlags, mount_bind, mount_remount};

/// Trust stores of distributions, the most common first.
const STORES: [&str; 4] = [
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/ssl/cert.pem",
];
const UPDATE: &str = "update-ca-certificates";

/// Installs the certificates of `bundle`. The error is for people.
pub fn install(bundle: &Path) -> Result<(), String> {
    protect(bundle);
    let tool = match Command::new(UPDATE).stdin(Stdio::null()).output() {
        Ok(done) if done.status.success() => true,
        Ok(done) => {
            let words = [done.stdout, done.stderr].concat();
            return Err(format!("{UPDATE} failed: {}", String::from_utf8_lossy(&words).trim()));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(format!("{UPDATE} cannot be run: {error}")),
    };
    install_below(Path::new("/"), bundle, tool)
}

/// The same below another root. `tool`: the image's own tool has done it already.
fn install_below(root: &Path, bundle: &Path, tool: bool) -> Result<(), String> {
    let text = fs::read(bundle).map_err(|error| format!("{} cannot be read: {error}", bundle.display()))?;
    let known = STORES.iter().map(|store| root.join(store));
    let first = root.join(STORES[0]);
    let store = if tool {
        first
    } else {
        let store = known.into_iter().find(|store| store.is_file()).unwrap_or(first);
        append(&store, &text)?;
        store
    };
    let there = fs::read(&store).map_err(|error| format!("the trust store cannot be read: {error}"))?;
    let last = last_line(&text);
    if there.split(|byte| *byte == b'\n').any(|line| line == last) {
        Ok(())
    } else {
        Err(format!("they are not in {} afterwards", store.display()))
    }
}

/// Nothing in a build changes it by accident: even root writes to it only after a remount. Its file has no write permission either, so a
/// kernel that refuses the mount is no failure.
fn protect(bundle: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounted = mounts
        .lines()
        .any(|line| line.split(' ').nth(4).map(Path::new) == Some(bundle));
    if mounted || mount_bind(bundle, bundle).is_ok() {
        _ = mount_remount(bundle, MountFlags::BIND | MountFlags::RDONLY, "");
    }
}

/// Always from the image's own store, so that a second start does not add them twice.
fn append(store: &Path, bundle: &[u8]) -> Result<(), String> {
    let unwritable = |error: io::Error| format!("the trust store cannot be written: {error}");
    if let Some(folder) = store.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut original = store.as_os_str().to_owned();
    original.push(".prt-image");
    let original = PathBuf::from(original);
    if !original.exists() {
        match fs::copy(store, &original) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => drop(File::create(&original).map_err(unwritable)?),
            other => drop(other.map_err(unwritable)?),
        }
    }
    let content = fs::read(&original).map_err(unwritable)?;
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(store)
        .map_err(unwritable)?;
    file.write_all(&content)
        .and_then(|()| file.write_all(bundle))
        .map_err(unwritable)
}

/// The last line of the last certificate's content.
fn last_line(bundle: &[u8]) -> &[u8] {
    let mut lines = bundle.rsplit(|byte| *byte == b'\n');
    lines
        .find(|line| !line.is_empty() && !line.starts_with(b"-----"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n";

    fn root() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let bundle = dir.path().join("bundle.crt");
        fs::write(&bundle, BUNDLE).unwrap();
        (dir, bundle)
    }

    /// As on an image that has no tool.
    #[test]
    fn a_store_without_a_tool_is_appended_to_once() {
        for store in ["etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt"] {
            let (root, bundle) = root();
            let path = root.path().join(store);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "PUBLIC\n").unwrap();
            for _ in 0..2 {
                install_below(root.path(), &bundle, false).unwrap();
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("PUBLIC\n{BUNDLE}"));
        }
    }

    #[test]
    fn a_store_is_made_where_there_is_none() {
        let (root, bundle) = root();
        install_below(root.path(), &bundle, false).unwrap();
        assert_eq!(fs::read_to_string(root.path().join(STORES[0])).unwrap(), BUNDLE);
    }

    #[test]
    fn a_tool_that_did_nothing_is_noticed() {
        let (root, bundle) = root();
        let store = root.path().join(STORES[0]);
        fs::create_dir_all(store.parent().unwrap()).unwrap();
        fs::write(&store, "PUBLIC\n").unwrap();
        assert!(
            install_below(root.path(), &bundle, true)
                .unwrap_err()
                .contains("not in")
        );
    }
}

//! What a builder does not have: files, folders, host names.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::fs::{Access, access};

use super::end_within;

/// Looks names up as the image's own library does, whichever that is.
const TOOL: &str = "getent";
/// The tool's exit code for a name without an address.
const NOT_FOUND: i32 = 2;
/// No answer in time, or no tool, says nothing.
const WITHIN: Duration = Duration::from_secs(5);

/// Those of the names that are not there.
pub fn missing(files: Vec<String>, hosts: Vec<String>) -> Vec<String> {
    // Not opened: a named pipe would be waited for. A slash at the end asks for a folder, also for the kernel.
    let mut missing: Vec<String> = files
        .into_iter()
        .filter(|file| access(file.as_str(), Access::READ_OK).is_err())
        .collect();
    let begun = Instant::now();
    let asked = hosts.into_iter().filter_map(|host| {
        let mut tool = Command::new(TOOL);
        tool.args(["hosts", &host]);
        tool.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Some((tool.spawn().ok()?, host))
    });
    // All are asked before the first answer is waited for.
    let asked: Vec<(Child, String)> = asked.collect();
    missing.extend(
        asked
            .into_iter()
            .filter_map(|(tool, host)| is_unknown(tool, begun).then_some(host)),
    );
    missing
}

fn is_unknown(mut tool: Child, begun: Instant) -> bool {
    let left = WITHIN.saturating_sub(begun.elapsed());
    end_within(&mut tool, left).is_ok_and(|status| status.code() == Some(NOT_FOUND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_folders_and_hosts() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let path = |name: &str| format!("{}/{name}", dir.path().display());
        let files = vec![path("file"), path("none"), path(""), path("file/")];
        let hosts = vec!["localhost".to_owned(), "no-such-host.invalid".to_owned()];
        assert_eq!(
            missing(files, hosts),
            [path("none"), path("file/"), "no-such-host.invalid".to_owned()]
        );
    }
}

//! The build service in the builder: the main process that keeps it running, and commands that change its configuration.

use crate::engine::ExecSpec;

/// Folder in the builder for what belongs to that; in it the configuration that the service runs with.
const FOLDER: &str = "/tmp/prt-buildkitd";
/// How long the service may take to answer.
const PATIENCE_S: &str = "20";

/// Not all of the configuration came.
pub const EXIT_CUT: i64 = 80;
/// BuildKit does not take it; its words are on standard error.
pub const EXIT_REFUSED: i64 = 81;
/// The service did not come up; the former configuration is back.
pub const EXIT_BACK: i64 = 82;
/// Nor did it with the former one.
pub const EXIT_DOWN: i64 = 83;
/// Another change is under way.
pub const EXIT_CHANGING: i64 = 84;
/// The builder has another main process.
pub const EXIT_UNKNOWN: i64 = 85;

const COMMON: &str = include_str!("scripts/common.sh");
const SUPERVISE: &str = include_str!("scripts/supervise.sh");
const CONFIGURE: &str = include_str!("scripts/configure.sh");
const CONFIGURED: &str = include_str!("scripts/configured.sh");
const MISSING: &str = include_str!("scripts/missing.sh");

/// Entrypoint of a builder whose image starts the service with `service`. `first` is the configuration to begin with.
pub fn supervised(first: &str, service: &[String]) -> Vec<String> {
    let script = format!("{COMMON}{SUPERVISE}");
    ["/bin/sh", "-c", &script, "prt-builder", FOLDER, first]
        .into_iter()
        .map(str::to_owned)
        .chain(service.iter().cloned())
        .collect()
}

/// Tries a configuration and puts it in place; on failure the former one is in place again.
pub fn configure(text: &str) -> ExecSpec {
    let script = format!("{COMMON}{CONFIGURE}");
    let size = text.len().to_string();
    ExecSpec::new(["sh", "-c", &script, "prt-configure", FOLDER, &size, PATIENCE_S]).stdin(text.to_owned())
}

/// Waits for the end of a change and prints the configuration that is in place.
pub fn configured() -> ExecSpec {
    ExecSpec::new(["sh", "-c", &format!("{COMMON}{CONFIGURED}"), "prt-configured", FOLDER])
}

/// Prints those files, folders (with a slash at their end) and host names that the builder does not have, each with a NUL behind it.
pub fn missing<'a>(names: impl IntoIterator<Item = &'a str>) -> ExecSpec {
    ExecSpec::new(["sh", "-c", MISSING, "prt-missing"].into_iter().chain(names))
}

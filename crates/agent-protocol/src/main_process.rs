//! The agent as a container's main process.
//!
//! `prt-agent primary [--environment FILE] [--script FILE --folder FOLDER] -- COMMAND...` waits for FILE with environment variables
//! (`NAME=value`, each with a NUL behind it) and removes it, runs the startup script by its first line (`#!`; without one by /bin/sh),
//! writes how that ended to [`STARTUP_END`] in FOLDER, and becomes COMMAND. The script and COMMAND have the variables.
//!
//! `prt-agent builder --configuration FILE [--trust BUNDLE] -- COMMAND...` installs the certificates of BUNDLE into the container's trust
//! store, runs COMMAND, which is buildkitd, with `--config`, restarts it while its configuration is being changed, and ends with it
//! otherwise.
//!
//! `prt-agent wait SECONDS` does nothing for that time.

/// The main process of a primary container with secrets or a startup script.
pub const PRIMARY: &str = "primary";
/// The main process of a builder.
pub const BUILDER: &str = "builder";
/// The main process of a container in which only requests are answered.
pub const WAIT: &str = "wait";

/// A file in memory: how the startup script ended, as JSON of [`crate::StartupEnd`].
pub const STARTUP_END: &str = "startup.json";

/// The line in the container's log after which the startup script has ended; its exit code follows.
pub const STARTUP_FAILED: &str = "The startup script ended with exit code ";

/// Exit code of a program that is not there.
pub const NOT_FOUND: i32 = 127;
/// Exit code of a program that cannot be run.
pub const NOT_RUNNABLE: i32 = 126;

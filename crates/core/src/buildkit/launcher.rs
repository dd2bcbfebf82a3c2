//! Commands for the builder: start a build that goes on without us, read its progress again, cancel it, tidy up.
//!
//! In the builder a build has a folder of its own below [`SPOOL`]. `buildctl` writes its progress to a file there and nothing else: no
//! connection of ours is in its way, so a console that is slow, killed or gone changes nothing. The progress is read from that
//! file, by the command that started the build as well as by any later one, and is the same bytes each time.
//!
//! Passwords go in by standard input, into memory, for as long as `buildctl` runs. Arguments and environment of these commands can be
//! seen by whoever can see the engine, so they carry none.

use prt_types::builds::RegistryCredential;

use super::{command::BuildCommand, session};
use crate::engine::ExecSpec;

/// Folder in the builder with a folder for each build.
pub const SPOOL: &str = "/tmp/prt-builds";

/// The builder image has no `buildctl`.
pub const EXIT_NO_BUILDCTL: i64 = 90;
/// The build was started or canceled before.
pub const EXIT_EXISTS: i64 = 91;
/// There is no such build in the builder.
pub const EXIT_NOT_STARTED: i64 = 92;
/// The context leads out of the build folder.
pub const EXIT_OUTSIDE: i64 = 93;
/// The builder's disk or memory cannot be written.
pub const EXIT_DISK: i64 = 94;

const COMMON: &str = include_str!("scripts/common.sh");
const READ: &str = include_str!("scripts/read.sh");
const LAUNCH: &str = include_str!("scripts/launch.sh");
const TURNS: &str = include_str!("scripts/turns.sh");
const RUNNER: &str = include_str!("scripts/runner.sh");
const FOLLOW: &str = include_str!("scripts/follow.sh");
const CANCEL: &str = include_str!("scripts/cancel.sh");
const REMOVE: &str = include_str!("scripts/remove.sh");

/// The context is not there.
pub const REFUSED_CONTEXT: i64 = 3;
/// Context or Dockerfile lead out of the build folder.
pub const REFUSED_OUTSIDE: i64 = 4;
/// The Dockerfile is not there.
pub const REFUSED_DOCKERFILE: i64 = 5;

/// A Dockerfile beyond this is refused; `read.sh` prints one byte more at most.
pub const LONGEST_DOCKERFILE: usize = 512 * 1024;

/// A build to start.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// The build's id.
    pub build: &'a str,
    /// The worker's build folder in the builder.
    pub folder: &'a str,
    /// The context, relative to it; empty = itself.
    pub context: &'a str,
    /// The Dockerfile, relative to the context.
    pub dockerfile: &'a str,
    /// Its text.
    pub dockerfile_text: &'a str,
    /// `name:tag`.
    pub reference: &'a str,
    /// Values for `ARG`.
    pub build_args: &'a std::collections::BTreeMap<String, String>,
    /// Push the result.
    pub push: bool,
    /// Over plain HTTP or unverified TLS.
    pub insecure_registry: bool,
    /// Leave the cache unused.
    pub no_cache: bool,
    /// Further arguments for `buildctl build`.
    pub options: &'a [String],
    /// Logins.
    pub credentials: &'a [RegistryCredential],
}

/// The command that starts a build and prints its progress.
pub fn launch(launch: &Launch<'_>) -> ExecSpec {
    launch_below(SPOOL, launch)
}

/// The same in two halves, because a command in a container costs as much as a short build: prints the Dockerfile as it is and a NUL,
/// and starts the build once it gets [`input`]. When its input ends without that, it ends and has changed nothing.
pub fn read_and_launch(launch: &Launch<'_>) -> ExecSpec {
    read_and_launch_below(SPOOL, launch)
}

fn launch_below(spool: &str, launch: &Launch<'_>) -> ExecSpec {
    let script = format!("{COMMON}{LAUNCH}");
    ExecSpec::new(argv(spool, launch, &script)).stdin(input(launch))
}

fn read_and_launch_below(spool: &str, launch: &Launch<'_>) -> ExecSpec {
    let script = format!("{COMMON}{READ}{LAUNCH}");
    ExecSpec::new(argv(spool, launch, &script))
}

fn argv(spool: &str, launch: &Launch<'_>, script: &str) -> Vec<String> {
    let own = format!("{spool}/{}", launch.build);
    let context = join(launch.folder, launch.context);
    let name = launch.dockerfile.rsplit('/').next().unwrap_or(launch.dockerfile);
    let command = BuildCommand {
        reference: launch.reference,
        // Where the script stands by then.
        context: ".",
        dockerfile_folder: &format!("{own}/dockerfile"),
        dockerfile_name: name,
        build_args: launch.build_args,
        push: launch.push,
        insecure_registry: launch.insecure_registry,
        no_cache: launch.no_cache,
        options: launch.options,
        metadata_file: &format!("{own}/metadata"),
    };
    // Our own copy of the log lies at the top of the build folder; `COPY . .` must not change with each build because of it.
    let ignored = if launch.context.is_empty() { "/build.log" } else { "" };
    let ignore_file = format!("./{}.dockerignore", launch.dockerfile);
    let runner = format!("{COMMON}{TURNS}{RUNNER}");
    [
        "sh",
        "-c",
        script,
        "prt-launch",
        spool,
        launch.build,
        launch.folder,
        &context,
        name,
    ]
    .into_iter()
    .chain([ignore_file.as_str(), ignored, &runner])
    .map(str::to_owned)
    .chain(command.argv())
    .collect()
}

/// The command that prints the progress of a started build from byte `offset` on.
pub fn follow(build: &str, offset: u64) -> ExecSpec {
    follow_below(SPOOL, build, offset)
}

fn follow_below(spool: &str, build: &str, offset: u64) -> ExecSpec {
    ExecSpec::new([
        "sh",
        "-c",
        &format!("{COMMON}{FOLLOW}"),
        "prt-follow",
        spool,
        build,
        &(offset + 1).to_string(),
    ])
}

/// The command that ends a build, also one that is only just being started. `kill` does not wait for BuildKit's own end.
pub fn cancel(build: &str, kill: bool) -> ExecSpec {
    cancel_below(SPOOL, build, kill)
}

fn cancel_below(spool: &str, build: &str, kill: bool) -> ExecSpec {
    ExecSpec::new([
        "sh",
        "-c",
        CANCEL,
        "prt-cancel",
        spool,
        build,
        if kill { "KILL" } else { "TERM" },
    ])
}

/// The command that removes what an ended build left.
pub fn remove(build: &str) -> ExecSpec {
    ExecSpec::new(["sh", "-c", REMOVE, "prt-remove", SPOOL, build])
}

/// What a started or followed build says on standard error after its progress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailer {
    /// Exit code of `buildctl`.
    pub exit_code: Option<i64>,
    /// Digest of the result.
    pub digest: Option<String>,
    /// Whether the build vanished without an exit code.
    pub lost: bool,
    /// Anything else, for people.
    pub words: String,
}

impl Trailer {
    /// Reads standard error.
    pub fn parse(stderr: &[u8]) -> Self {
        let mut trailer = Self::default();
        for line in String::from_utf8_lossy(stderr).lines() {
            if let Some(json) = line.strip_prefix("metadata ") {
                let metadata: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
                trailer.digest = metadata["containerimage.digest"].as_str().map(str::to_owned);
            } else if let Some(code) = line.strip_prefix("exit ") {
                trailer.exit_code = code.trim().parse().ok();
            } else if line == "lost" {
                trailer.lost = true;
            } else if !line.trim().is_empty() {
                trailer.words.push_str(line);
                trailer.words.push('\n');
            }
        }
        trailer
    }
}

/// `folder` or a path below it.
pub fn join(folder: &str, path: &str) -> String {
    if path.is_empty() {
        folder.to_owned()
    } else {
        format!("{folder}/{path}")
    }
}

/// What a launch reads: the Dockerfile, and the logins as `session` has them.
pub fn input(launch: &Launch<'_>) -> Vec<u8> {
    let logins = session::files(launch.credentials, launch.reference, launch.push);
    let logins = logins.iter().map(|(name, content)| (name.as_str(), content.expose()));
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in std::iter::once(("Dockerfile", launch.dockerfile_text)).chain(logins) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        // Writing to memory does not fail.
        _ = tar.append_data(&mut header, name, content.as_bytes());
    }
    tar.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests;

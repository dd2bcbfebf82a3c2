//! Commands for the builder: start a build that goes on without us, read its progress again, cancel it, tidy up.
//!
//! The agent in the builder does the work (`prt_agent_protocol::Launch` says how): it makes the context a folder that nobody changes, runs
//! `buildctl` in a session of its own with its progress in a file, and prints that file to its followers. No connection of ours is in the
//! way: a console that is slow, killed or gone changes nothing, and the progress is the same bytes each time.
//!
//! Passwords go in by standard input, into memory, for as long as `buildctl` runs. Arguments and environment of these commands can be
//! seen by everyone who can see the engine, so they carry none.

use bytes::Bytes;
use prt_agent_protocol::{AGENT, EXIT, LaunchInput, MemoryFile, SECRETS, frame};
use prt_types::{Secret, builds::RegistryCredential};
use serde::{Deserialize, Serialize};

pub use prt_agent_protocol::{ContextSource, LONGEST_DOCKERFILE, SPOOL};

use super::{command::BuildCommand, session};
use crate::engine::ExecSpec;

/// The builder image has no `buildctl`.
pub const EXIT_NO_BUILDCTL: i64 = EXIT.no_command;
/// The build was started or canceled before.
pub const EXIT_EXISTS: i64 = EXIT.exists;
/// There is no such build in the builder.
pub const EXIT_NOT_STARTED: i64 = EXIT.not_started;
/// The context cannot be used.
pub const EXIT_BAD_CONTEXT: i64 = EXIT.bad_context;
/// The builder's disk or memory cannot be written.
pub const EXIT_DISK: i64 = EXIT.disk;
/// The context is not there.
pub const REFUSED_CONTEXT: i64 = EXIT.no_context;
/// Context or Dockerfile lead out of the build folder.
pub const REFUSED_OUTSIDE: i64 = EXIT.outside;
/// The Dockerfile is not there.
pub const REFUSED_DOCKERFILE: i64 = EXIT.no_dockerfile;

/// A build to start.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// The build's id.
    pub build: &'a str,
    /// Folder of the contexts in the builder.
    pub store: &'a str,
    /// What is built.
    pub source: ContextSource,
    /// The Dockerfile, relative to the context.
    pub dockerfile: &'a str,
    /// Its text.
    pub dockerfile_text: &'a str,
    /// `name:tag`.
    pub reference: &'a str,
    /// Further names of the result.
    pub additional_tags: &'a [String],
    /// Docker's media types instead of OCI's, or the other way round.
    pub oci_mediatypes: Option<bool>,
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
    /// Secret mounts.
    pub secrets: &'a [SecretFile],
}

/// A file for `RUN --mount=type=secret`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFile {
    /// What the Dockerfile calls it: letters, digits, `.`, `_` and `-` only.
    pub id: String,
    /// What is in it.
    pub value: Secret,
}

/// The command that starts a build and prints its progress.
pub fn launch(launch: &Launch<'_>) -> ExecSpec {
    let frames = [request(launch, false), input(launch)].concat();
    command(["launch"]).stdin(frames)
}

/// The same in two halves, because a command in a container costs as much as a short build: gets [`request`], prints the Dockerfile as it is
/// and a NUL, and starts the build once it gets [`input`]. When its input ends without that, it ends and has changed nothing.
pub fn read_and_launch() -> ExecSpec {
    command(["launch"])
}

/// The first frame of a start. `read` = the Dockerfile is printed.
pub fn request(launch: &Launch<'_>, read: bool) -> Bytes {
    let own = format!("{SPOOL}/{}", launch.build);
    let name = launch.dockerfile.rsplit('/').next().unwrap_or(launch.dockerfile);
    let command = BuildCommand {
        reference: launch.reference,
        additional_tags: launch.additional_tags,
        oci_mediatypes: launch.oci_mediatypes,
        // Where the agent runs it.
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
    frame_of(&prt_agent_protocol::Launch {
        spool: SPOOL.into(),
        build: launch.build.into(),
        store: launch.store.into(),
        source: launch.source.clone(),
        dockerfile: launch.dockerfile.into(),
        command: command.argv(),
        read,
    })
}

/// The second: the Dockerfile that was checked, the logins as `session` has them, and the secret mounts where the agent looks for them.
pub fn input(launch: &Launch<'_>) -> Bytes {
    let further = launch.additional_tags.iter().map(String::as_str);
    let references: Vec<&str> = std::iter::once(launch.reference).chain(further).collect();
    let mut files = session::files(launch.credentials, &references, launch.push);
    let secrets = launch.secrets.iter();
    files.extend(secrets.map(|secret| (format!("{SECRETS}/{}", secret.id), secret.value.clone())));
    let files = files.into_iter().map(|(name, content)| MemoryFile { name, content });
    frame_of(&LaunchInput {
        dockerfile: launch.dockerfile_text.into(),
        files: files.collect(),
    })
}

fn frame_of(message: &impl serde::Serialize) -> Bytes {
    // These types have no part that JSON cannot say.
    frame::encode(&serde_json::to_vec(message).unwrap_or_default()).into()
}

fn command<const N: usize>(words: [&str; N]) -> ExecSpec {
    ExecSpec::new(std::iter::once(AGENT).chain(words))
}

/// The command that prints the progress of a started build from byte `offset` on.
pub fn follow(build: &str, offset: u64) -> ExecSpec {
    command(["follow", SPOOL, build, &offset.to_string()])
}

/// The command that ends a build, also one that is only just being started. `kill` does not wait for BuildKit's own end.
pub fn cancel(build: &str, kill: bool) -> ExecSpec {
    command(["cancel", SPOOL, build, if kill { "kill" } else { "term" }])
}

/// The command that removes what an ended build left.
pub fn remove(build: &str) -> ExecSpec {
    command(["remove", SPOOL, build])
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
            } else if let Some(words) = line.strip_prefix("words ") {
                // In one line, so that no name of a file in them is taken for one of the others.
                trailer.words = serde_json::from_str(words).unwrap_or_default();
            }
        }
        trailer
    }
}

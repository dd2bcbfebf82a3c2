//! Why a build failed, in one word and in plain words, read from what BuildKit said.

use prt_types::{
    build_events::{Step, StepState},
    builds::{BuildReason, CredentialUse, RegistryCredential},
    exit_code::exit_code_words,
};

use crate::{
    images::{ImageRef, host_of},
    registry::scope,
};

/// What is known of a failed build.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// The text after the progress: place in the Dockerfile and error.
    pub error_text: &'a str,
    /// The step that failed.
    pub step: Option<&'a Step>,
    /// Its last lines.
    pub last_lines: &'a [String],
    /// Exit code of `buildctl`.
    pub exit_code: i64,
    /// The logins that it had.
    pub logins: &'a [RegistryCredential],
}

impl Evidence<'_> {
    /// Whose login an image was asked for with.
    fn user(&self, reference: &str, wanted: CredentialUse) -> Option<&str> {
        let image = ImageRef::resolve(reference, "", "").ok()?;
        scope::pick(self.logins, &image.name(), wanted).map(|login| login.username.as_str())
    }
}

/// Reason and message of a failure.
pub(super) type Failure = (BuildReason, String);

/// The step that a failed build failed at.
pub(super) fn failed_step<'a>(mut steps: impl Iterator<Item = &'a Step>) -> Option<&'a Step> {
    steps.find(|step| step.state == StepState::Failed)
}

/// Reads the evidence.
pub(super) fn classify(evidence: &Evidence<'_>) -> Failure {
    let error = error_of(evidence);
    let lower = error.to_lowercase();
    let place = place(evidence.error_text).map_or(String::new(), |(file, line)| format!(" ({file}, line {line})"));
    let step = evidence.step.map_or("A step", |step| step.name.as_str());
    let printed = |text: &str| {
        evidence
            .last_lines
            .iter()
            .any(|line| line.to_lowercase().contains(text))
    };

    if lower.contains("no space left on device") || printed("no space left on device") {
        return (
            BuildReason::DiskFull,
            format!(
                "The builder's disk is full: {step}{place}. Make the image smaller, or start a new builder worker: its cache is empty."
            ),
        );
    }
    if lower.contains("exit code: 137") || lower.contains("cannot allocate memory") {
        return (
            BuildReason::OutOfMemory,
            format!(
                "{step}{place} was killed: it most likely needed more memory than the builder has. Use a larger worker size, or give \
                 the builder more of it (builder_capacity)."
            ),
        );
    }
    if let Some(reference) = after(&error, "failed to push ") {
        let reference = reference.trim_end_matches(':');
        return push(reference, &error, &lower, evidence.user(reference, CredentialUse::Push));
    }
    if let Some(reference) =
        after(&error, "failed to resolve source metadata for ").or_else(|| after(&error, "failed to resolve "))
    {
        let reference = reference.trim_end_matches(':');
        return pull(
            reference,
            &error,
            &lower,
            &place,
            evidence.user(reference, CredentialUse::Pull),
        );
    }
    if lower.contains("buildkitd.sock")
        || lower.contains("failed to list workers")
        || lower.contains("error reading from server")
    {
        return (
            BuildReason::BuilderLost,
            format!(
                "The build service in the builder does not answer any more: {error}. Start a new builder worker if it stays so."
            ),
        );
    }
    if let Some(code) = after(&error, "did not complete successfully: exit code: ") {
        let code = code.trim_end_matches(':');
        let words = code
            .parse()
            .map_or_else(|_| format!("exit code {code}"), exit_code_words);
        return (
            BuildReason::StepFailed,
            format!("{step}{place} ended with {words}. The last lines of the step in the log say why."),
        );
    }
    if let Some(path) = missing_file(&error) {
        return (
            BuildReason::StepFailed,
            format!(
                "{step}{place}: there is no {path} in the context. Put it into the build folder, and look whether .dockerignore leaves it out."
            ),
        );
    }
    if evidence.step.is_none()
        && (place_known(evidence.error_text) || DOCKERFILE.iter().any(|words| lower.contains(words)))
    {
        return (
            BuildReason::DockerfileInvalid,
            format!("The Dockerfile cannot be used{place}: {}.", sentence(&error)),
        );
    }
    if let Some(Unreachable { why, .. }) = Unreachable::read(&lower) {
        return (
            BuildReason::RegistryUnreachable,
            format!("{step}{place}: {why}. {}.", sentence(&error)),
        );
    }
    if denied(&lower) && lower.contains("/v2/") {
        return (
            BuildReason::PullDenied,
            format!("A registry refused a download{place}: {}.", sentence(&error)),
        );
    }
    if evidence.step.is_some() {
        return (
            BuildReason::StepFailed,
            format!("{step}{place} failed: {}.", sentence(&error)),
        );
    }
    (
        BuildReason::BuildKitError,
        format!(
            "BuildKit failed with {}: {}.",
            exit_code_words(evidence.exit_code),
            sentence(&error)
        ),
    )
}

/// Words that only a Dockerfile's own mistakes cause.
const DOCKERFILE: [&str; 7] = [
    "dockerfile parse error",
    "file with no instructions",
    "unknown instruction",
    "failed to read dockerfile",
    "dockerfile cannot be empty",
    "failed to parse stage",
    "should not be blank",
];

/// The error in one line, without BuildKit's preamble.
fn error_of(evidence: &Evidence<'_>) -> String {
    let text = evidence.error_text;
    let from_text = match text.rfind("error: ") {
        Some(at) if at == 0 || text[..at].ends_with('\n') => &text[at + "error: ".len()..],
        _ => text,
    };
    let error = match (from_text.trim(), evidence.step.and_then(|step| step.error.as_deref())) {
        ("", Some(error)) => error,
        ("", None) => "it said nothing",
        (text, _) => text,
    };
    let error = error.strip_prefix("failed to solve: ").unwrap_or(error);
    error.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `Dockerfile:3` above the excerpt.
fn place(text: &str) -> Option<(&str, u32)> {
    let mut lines = text.lines();
    let place = lines.find(|line| !line.trim().is_empty())?;
    let (file, line) = place.rsplit_once(':')?;
    lines.next()?.starts_with("-----").then_some(())?;
    Some((file, line.trim().parse().ok()?))
}

fn place_known(text: &str) -> bool {
    place(text).is_some()
}

/// The word after some words.
fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text[text.find(words)? + words.len()..].split_whitespace().next()
}

/// The path of `failed to calculate checksum of ref …: "/nope.txt": not found`.
fn missing_file(error: &str) -> Option<&str> {
    let (before, _) = error.split_once("\": not found")?;
    error.contains("failed to calculate checksum").then_some(())?;
    Some(before.rsplit_once('"')?.1.trim_start_matches('/'))
}

fn denied(lower: &str) -> bool {
    const WORDS: [&str; 9] = [
        "401 unauthorized",
        "403 forbidden",
        "access denied",
        "denied:",
        "authorization failed",
        "insufficient_scope",
        "no basic auth credentials",
        "authentication required",
        "failed to authorize",
    ];
    WORDS.iter().any(|words| lower.contains(words))
}

/// Why a registry is not reached.
pub(crate) struct Unreachable {
    /// In plain words.
    pub why: &'static str,
    /// Something answers there, but whoever calls has not been told how to speak to it.
    answers: bool,
}

impl Unreachable {
    /// From what was said of it, in lower case.
    pub fn read(lower: &str) -> Option<Self> {
        const WORDS: [(&str, &str, bool); 13] = [
            ("connection refused", "nothing answers there", false),
            ("no such host", "there is no such host name", false),
            ("server misbehaving", "its name cannot be looked up", false),
            ("i/o timeout", "it does not answer in time", false),
            ("handshake timeout", "it does not answer in time", false),
            ("client.timeout exceeded", "it does not answer in time", false),
            ("deadline exceeded", "it does not answer in time", false),
            ("no route to host", "there is no way to it", false),
            ("network is unreachable", "there is no way to it", false),
            ("connection reset", "it broke the connection", false),
            ("x509:", "its certificate is not trusted", true),
            (
                "server gave http response to https client",
                "it speaks plain HTTP",
                true,
            ),
            ("tls: ", "no encrypted connection comes about", true),
        ];
        let (_, why, answers) = WORDS.into_iter().find(|(words, ..)| lower.contains(words))?;
        Some(Self { why, answers })
    }

    /// What to do about it; `settings` is how to tell the caller of the registry.
    pub fn advice(&self, settings: &'static str) -> &'static str {
        if self.answers {
            settings
        } else {
            "Is the name right, and does the registry run?"
        }
    }
}

fn push(reference: &str, error: &str, lower: &str, user: Option<&str>) -> Failure {
    let host = host_of(reference);
    if let Some(unreachable) = Unreachable::read(lower) {
        let advice = unreachable.advice(
            "Set insecure_registry if that is meant, or ask an admin to add the registry to the console's configuration.",
        );
        return (
            BuildReason::RegistryUnreachable,
            format!(
                "The registry {host} cannot be reached for the push: {}. {advice}",
                unreachable.why
            ),
        );
    }
    if denied(lower) {
        return (
            BuildReason::PushDenied,
            format!(
                "The registry {host} refused the push of {reference}{}. Give a login for {host} that may push there (registry_credentials).",
                by(user)
            ),
        );
    }
    (
        BuildReason::BuildKitError,
        format!("The push of {reference} failed: {}.", sentence(error)),
    )
}

fn pull(reference: &str, error: &str, lower: &str, place: &str, user: Option<&str>) -> Failure {
    let host = host_of(reference);
    if let Some(unreachable) = Unreachable::read(lower) {
        let advice = unreachable.advice(
            "Name the registry in the worker's build configuration, or ask an admin to add it to the console's.",
        );
        let message = format!(
            "The registry {host} cannot be reached to pull {reference}{place}: {}. {advice}",
            unreachable.why
        );
        return (BuildReason::RegistryUnreachable, message);
    }
    if denied(lower) {
        let message = format!(
            "The registry {host} refused to let {reference} be pulled{}{place}. Give a login for {host}{} (registry_credentials).",
            by(user),
            if user.is_some() { " that may pull it" } else { "" }
        );
        return (BuildReason::PullDenied, message);
    }
    if lower.contains("not found") {
        let login = user.map_or("this login".into(), |user| format!("the login of {user}"));
        let message =
            format!("There is no image {reference}{place}, or it is not for {login}. Look at its name and tag.");
        return (BuildReason::PullDenied, message);
    }
    (
        BuildReason::BuildKitError,
        format!("The pull of {reference} failed{place}: {}.", sentence(error)),
    )
}

fn by(user: Option<&str>) -> String {
    user.map_or(String::new(), |user| format!(" by {user}"))
}

/// Without the full stop, and not longer than a page can show.
fn sentence(text: &str) -> String {
    const LONGEST: usize = 600;
    let text = text.trim_end_matches('.');
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildkit::{mask::Masker, rawjson::Decoder};

    fn of(fixture: &str) -> Failure {
        let path = format!("{}/src/buildkit/fixtures/{fixture}.rawjson", env!("CARGO_MANIFEST_DIR"));
        let mut decoder = Decoder::new(0, Masker::default());
        let mut events = vec![];
        decoder.push(&std::fs::read(path).unwrap(), &mut events);
        decoder.finish(&mut events);
        let error_text = decoder.error_text();
        classify(&Evidence {
            error_text: &error_text,
            step: failed_step(decoder.steps()),
            last_lines: &[],
            exit_code: 1,
            logins: &[],
        })
    }

    #[test]
    fn recorded_failures_have_their_reason_and_words() {
        use BuildReason as R;
        for (fixture, reason, words) in [
            (
                "step_failed",
                R::StepFailed,
                "RUN echo before; ls /nope; exit 3 (Dockerfile, line 2) ended with exit code 3.",
            ),
            (
                "two",
                R::StepFailed,
                "exit 4 (Dockerfile, line 2) ended with exit code 4.",
            ),
            (
                "copy_missing",
                R::StepFailed,
                "COPY nope.txt / (Dockerfile, line 2): there is no nope.txt in the context.",
            ),
            ("oom", R::OutOfMemory, "(Dockerfile, line 2) was killed"),
            (
                "parse_error",
                R::DockerfileInvalid,
                "cannot be used (Dockerfile, line 2): dockerfile parse error on line 2: unknown instruction: FOO",
            ),
            ("empty", R::DockerfileInvalid, "file with no instructions."),
            ("blank", R::DockerfileInvalid, "base name (${X}) should not be blank."),
            (
                "pull_denied",
                R::PullDenied,
                "The registry registry.prt.localhost:5443 refused to let registry.prt.localhost:5443/practicusai/",
            ),
            (
                "pull_missing",
                R::PullDenied,
                "There is no image registry.prt.localhost:5443/nope/nope:1 (Dockerfile, line 1)",
            ),
            (
                "unreachable",
                R::RegistryUnreachable,
                "registry.prt.localhost:5999 cannot be reached to pull registry.prt.localhost:5999/nope/nope:1",
            ),
            (
                "nohost",
                R::RegistryUnreachable,
                "nosuch.prt.invalid cannot be reached to pull nosuch.prt.invalid/nope/nope:1 (Dockerfile, line 1): there is no such host name.",
            ),
            (
                "push_denied_scratch",
                R::PushDenied,
                "The registry registry.prt.localhost:5443 refused the push of registry.prt.localhost:5443/demo/rec3:1.",
            ),
            (
                "push_unreach",
                R::RegistryUnreachable,
                "The registry registry.prt.localhost:5999 cannot be reached for the push: nothing answers there.",
            ),
        ] {
            let (found, message) = of(fixture);
            assert_eq!(found, reason, "{fixture}: {message}");
            assert!(message.contains(words), "{fixture}: {message}");
        }
    }

    fn from(error_text: &str, last_lines: &[&str]) -> Failure {
        let last_lines: Vec<String> = last_lines.iter().map(|line| (*line).to_owned()).collect();
        classify(&Evidence {
            error_text,
            step: None,
            last_lines: &last_lines,
            exit_code: 1,
            logins: &[],
        })
    }

    #[test]
    fn what_could_not_be_recorded_is_told_as_well() {
        use BuildReason as R;
        let exit = "error: failed to solve: process \"/bin/sh -c dd\" did not complete successfully: exit code: 1";
        assert_eq!(
            from(exit, &["dd: error writing 'x': No space left on device"]).0,
            R::DiskFull
        );
        assert_eq!(
            from("error: failed to solve: write /x: no space left on device", &[]).0,
            R::DiskFull
        );
        assert_eq!(
            from(
                "error: listing workers for Build: failed to list workers: Unavailable: connection error",
                &[]
            )
            .0,
            R::BuilderLost
        );
        let untrusted = "error: failed to solve: r.io/x:1: failed to resolve source metadata for r.io/x:1: failed to do request: Head \
                         \"https://r.io/v2/x/manifests/1\": tls: failed to verify certificate: x509: certificate signed by unknown authority";
        let (reason, message) = from(untrusted, &[]);
        assert_eq!(reason, R::RegistryUnreachable);
        assert_eq!(
            message,
            "The registry r.io cannot be reached to pull r.io/x:1: its certificate is not trusted. Name the registry in the worker's \
             build configuration, or ask an admin to add it to the console's."
        );
        let (reason, message) = from("error: something new", &[]);
        assert_eq!(
            (reason, message.as_str()),
            (R::BuildKitError, "BuildKit failed with exit code 1: something new.")
        );
        assert_eq!(from("", &[]).1, "BuildKit failed with exit code 1: it said nothing.");
        let logins = [("r.io:5000", "whole"), ("r.io:5000/team", "ada")].map(|(host, username)| RegistryCredential {
            host: host.into(),
            username: username.into(),
            password: "p".into(),
            only: None,
        });
        let denied = |image: &str| {
            let text = format!(
                "error: failed to solve: {image}: failed to resolve source metadata for {image}: 403 Forbidden"
            );
            classify(&Evidence {
                error_text: &text,
                step: None,
                last_lines: &[],
                exit_code: 1,
                logins: &logins,
            })
        };
        let digest = format!("r.io:5000/team/x@sha256:{}", "ab".repeat(32));
        for (image, user) in [
            ("r.io:5000/team/x:1", "ada"),
            (digest.as_str(), "ada"),
            ("r.io:5000/y:1", "whole"),
        ] {
            let wanted = format!("The registry r.io:5000 refused to let {image} be pulled by {user}.");
            let (reason, message) = denied(image);
            assert!(reason == R::PullDenied && message.starts_with(&wanted), "{message}");
        }
        let hub = "error: failed to solve: a/b:1: failed to resolve source metadata for docker.io/a/b:1: pull access denied, repository \
                   does not exist or may require authorization: server message: insufficient_scope: authorization failed";
        assert_eq!(from(hub, &[]).0, R::PullDenied);
        let tls = "error: failed to solve: failed to push h:5000/a:1: failed to do request: Head \"https://h:5000/v2/\": tls: failed to \
                   verify certificate: x509: certificate signed by unknown authority";
        assert!(
            from(tls, &[])
                .1
                .contains("its certificate is not trusted. Set insecure_registry")
        );
    }
}

//! Why a build failed, in one word and in plain words.
//!
//! | file | what |
//! |---|---|
//! | `text.rs` | the grammar of BuildKit's errors |
//! | `dockerfile.rs` | the line of a step, where BuildKit does not tell it |
//! | `evidence.rs` | the builder's memory and disk |
//! | `missing.rs` | a file that a step copies and that is not there |
//!
//! What a step prints decides nothing: its exit code, the builder's state and what BuildKit and registries answer do.

mod dockerfile;
mod evidence;
mod missing;
mod text;

use prt_types::{
    build_events::{Step, StepState},
    builds::{BuildReason, CredentialUse, RegistryCredential},
    exit_code::exit_code_words,
};

use self::{
    dockerfile::Dockerfile,
    text::{Process, Told},
};
use crate::{
    failures::{Asked, Direction, Fault, RegistryFailure},
    images::ImageRef,
    registry::scope,
};

pub(super) use self::evidence::Builder;

/// What is known of a failed build.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// The text after the progress: place in the Dockerfile and error.
    pub error_text: &'a str,
    /// The step that failed.
    pub step: Option<&'a Step>,
    /// Its last lines, for people.
    pub last_lines: &'a [String],
    /// What BuildKit warned of.
    pub warnings: &'a [(u32, String)],
    /// Exit code of `buildctl`.
    pub exit_code: i64,
    /// The credentials that it had.
    pub logins: &'a [RegistryCredential],
    /// Path and text of the Dockerfile.
    pub dockerfile: (&'a str, &'a str),
    /// The builder's state at the end.
    pub builder: Builder,
}

/// Reason and message of a failure.
pub(super) type Failure = (BuildReason, String);

/// The step that a failed build failed at.
pub(super) fn failed_step<'a>(mut steps: impl Iterator<Item = &'a Step>) -> Option<&'a Step> {
    steps.find(|step| step.state == StepState::Failed)
}

/// Reads the evidence.
pub(super) fn classify(evidence: &Evidence<'_>) -> Failure {
    Case::of(evidence).failure()
}

/// The evidence, taken apart.
struct Case<'a> {
    evidence: &'a Evidence<'a>,
    told: Told<'a>,
    /// The failed step's own error, or the build's.
    cause: &'a str,
    file: Dockerfile,
}

impl<'a> Case<'a> {
    fn of(evidence: &'a Evidence<'a>) -> Self {
        let told = Told::read(evidence.error_text);
        let of_step = evidence.step.and_then(|step| step.error.as_deref()).map(text::cause);
        Self {
            evidence,
            cause: of_step.unwrap_or(told.error),
            told,
            file: Dockerfile::read(evidence.dockerfile.1),
        }
    }

    fn failure(&self) -> Failure {
        if let Some(ended) = text::process(self.cause) {
            return self.process(ended);
        }
        if let Some(failure) = self.push() {
            return failure;
        }
        if let Some(right) = text::forbidden_right(self.cause) {
            return self.right(right);
        }
        if let Some(failure) = self.missing() {
            return failure;
        }
        if self.evidence.step.is_none() && text::lost(&self.told) {
            return (
                BuildReason::BuilderLost,
                format!(
                    "BuildKit in the builder does not answer any more: {}. Start a new builder worker if this happens again.",
                    sentence(self.told.error)
                ),
            );
        }
        if self.evidence.step.is_none()
            && let Some(failure) = self.frontend()
        {
            return failure;
        }
        if let Some(failure) = self.download().or_else(|| self.given()).or_else(|| self.pull()) {
            return failure;
        }
        match self.evidence.step {
            Some(step) => (
                BuildReason::StepFailed,
                format!("{}{} failed: {}.", step.name, self.place(), sentence(self.cause)),
            ),
            None => (
                BuildReason::BuildKitError,
                format!(
                    "BuildKit failed with {}: {}.",
                    exit_code_words(self.evidence.exit_code),
                    sentence(if self.told.error.is_empty() {
                        "it said nothing"
                    } else {
                        self.told.error
                    })
                ),
            ),
        }
    }

    fn step(&self) -> &'a str {
        self.evidence.step.map_or("A step", |step| step.name.as_str())
    }

    /// ` (Dockerfile, line 3)`, or nothing where no line is to blame.
    fn place(&self) -> String {
        let of_step = || Some(self.file.of_step(&self.evidence.step?.name)?.line);
        match self.told.place {
            Some((file, line)) => format!(" ({file}, line {line})"),
            None => of_step().map_or(String::new(), |line| self.line(line)),
        }
    }

    fn line(&self, line: u32) -> String {
        let path = self.evidence.dockerfile.0;
        format!(" ({}, line {line})", path.rsplit('/').next().unwrap_or(path))
    }

    /// A command of the Dockerfile did not end well.
    fn process(&self, ended: Process<'_>) -> Failure {
        let (step, place) = (self.step(), self.place());
        let builder = self.evidence.builder;
        let foreign = self.foreign_base();
        match ended {
            Process::OutOfMemory => self.out_of_memory(),
            Process::Code(137) if builder.ran_out_of_memory => self.out_of_memory(),
            _ if builder.disk_full => (
                BuildReason::DiskFull,
                format!("The builder's disk is full: {step}{place} could not write. {FREE_DISK}"),
            ),
            Process::Code(_) | Process::NotStarted(_) if foreign.is_some() => {
                let (image, is, wanted, line) = foreign.unwrap_or_default();
                (
                    BuildReason::WrongArchitecture,
                    format!(
                        "The base image {image}{} is for {is}, and the build is for {wanted}: {step}{place} cannot run. Use an image or a \
                         tag that is built for {wanted}.",
                        line.map_or(String::new(), |line| self.line(line))
                    ),
                )
            }
            Process::Code(137) => (
                BuildReason::StepFailed,
                format!(
                    "{step}{place} was killed (exit code 137, SIGKILL), but not for lack of memory. Look for what kills processes in \
                     the step."
                ),
            ),
            Process::Code(code) => (
                BuildReason::StepFailed,
                format!(
                    "{step}{place} ended with {}.{}{}",
                    exit_code_words(code),
                    self.printed_last(),
                    if builder.ran_out_of_memory {
                        " During the build, a process in the builder was killed because memory ran out: perhaps a larger worker size \
                         helps."
                    } else {
                        match code {
                            126 => " A file that is not executable is often the cause: COPY --chmod=755 makes it so.",
                            127 => " A command that is not in the image is often the cause.",
                            _ => " The end of the step in the log says more.",
                        }
                    }
                ),
            ),
            Process::NotStarted(why) => (
                BuildReason::StepFailed,
                format!("{step}{place} could not be started: {}.", sentence(why)),
            ),
        }
    }

    fn out_of_memory(&self) -> Failure {
        (
            BuildReason::OutOfMemory,
            format!(
                "{}{} was killed because the builder ran out of memory. Use a larger worker size, or give the builder a larger share of \
                 it (builder_capacity).",
                self.step(),
                self.place()
            ),
        )
    }

    /// The last line is for people only.
    fn printed_last(&self) -> String {
        const LONGEST: usize = 200;
        let last = self
            .evidence
            .last_lines
            .iter()
            .rev()
            .find(|line| !line.trim().is_empty());
        last.map_or(String::new(), |line| {
            let line: String = line.trim().chars().take(LONGEST).collect();
            format!(" It printed last: {}.", line.trim_end_matches('.'))
        })
    }

    /// An image that BuildKit says is for another platform: what it is, what it is for, what the build is for, and the line.
    fn foreign_base(&self) -> Option<(String, String, String, Option<u32>)> {
        let warning = self.evidence.warnings.iter().find_map(|(_, warning)| {
            let rest = warning.strip_prefix("InvalidBaseImagePlatform: Base image ")?;
            let (image, rest) = rest.split_once(" was pulled with platform \"")?;
            let (is, rest) = rest.split_once("\", expected \"")?;
            let (wanted, rest) = rest.split_once('"')?;
            Some((
                image.to_owned(),
                is.to_owned(),
                wanted.to_owned(),
                line_of_warning(rest),
            ))
        })?;
        // Of several bases only the step's own matters.
        let line = self.told.place.map(|(_, line)| line).or(warning.3)?;
        let own = self.file.base_of(line).is_none_or(|(image, _)| image == warning.0);
        own.then_some(warning)
    }

    fn push(&self) -> Option<Failure> {
        let rest = self.cause.strip_prefix("failed to push ")?;
        let (reference, cause) = rest.split_once(": ")?;
        let user = self.user(reference, CredentialUse::Push);
        let Some(failure) = RegistryFailure::read(cause) else {
            return Some((
                BuildReason::BuildKitError,
                format!("The push of {reference} failed: {}.", sentence(cause)),
            ));
        };
        let asked = Asked {
            direction: Direction::Push,
            reference,
            user,
            place: "",
            credential: CREDENTIALS,
            trust: "Set insecure_registry if that is meant, or ask an admin to add the registry to the console's configuration.",
            disk: "The builder's disk",
        };
        Some((failure.fault.build_reason(Direction::Push), asked.words(&failure)))
    }

    fn right(&self, right: &str) -> Failure {
        let (option, what) = match right {
            "network.host" => ("--network=host", "the network of its host"),
            "security.insecure" => ("--security=insecure", "more rights than it has itself"),
            _ => ("--device", "a device"),
        };
        let found = self.file.with_option("RUN", option);
        let place = found.map_or_else(|| self.place(), |one| self.line(one.line));
        (
            BuildReason::NotAllowed,
            format!(
                "RUN {option}{place} is not allowed: the builder gives no step {what}. Remove {option} from the instruction."
            ),
        )
    }

    /// The Dockerfile, or what was asked of it, makes no sense.
    fn frontend(&self) -> Option<Failure> {
        const BEGIN: [&str; 11] = [
            "dockerfile parse error ",
            "file with no instructions",
            "failed to read dockerfile",
            "the Dockerfile cannot be empty",
            "dockerfile contains no stages",
            "failed to parse stage name ",
            "failed to parse platform ",
            "failed to parse check options",
            "base name (",
            "circular dependency detected",
            "unterminated heredoc",
        ];
        let error = self.told.error;
        if let Some(rest) = error.strip_prefix("target stage \"") {
            let (name, _) = rest.split_once("\" could not be found")?;
            let (_, instead) = text::suggestion(error);
            let instead = instead.map_or(String::new(), |word| format!(" (did you mean {word}?)"));
            return Some((
                BuildReason::DockerfileInvalid,
                format!("The Dockerfile has no stage {name}{instead}. Name one that it has as the target."),
            ));
        }
        if let Some(rules) = error.strip_prefix("lint violation found for rules: ") {
            return Some(self.checks(rules));
        }
        let known = BEGIN.iter().any(|begin| error.starts_with(begin));
        (known || self.told.place.is_some()).then(|| {
            (
                BuildReason::DockerfileInvalid,
                format!("The Dockerfile cannot be used{}: {}.", self.place(), sentence(error)),
            )
        })
    }

    /// `# check=error=true` makes warnings errors; the warnings say where.
    fn checks(&self, rules: &str) -> Failure {
        let found = rules.split(", ").map(|rule| {
            let begin = format!("{rule}: ");
            let warnings = &mut self.evidence.warnings.iter();
            let warning = warnings.find_map(|(_, text)| text.strip_prefix(&begin));
            match warning.and_then(line_of_warning) {
                Some(line) => format!("{rule} (line {line})"),
                None => rule.to_owned(),
            }
        });
        let found = found.collect::<Vec<_>>().join(", ");
        (
            BuildReason::DockerfileInvalid,
            format!(
                "The Dockerfile fails its own checks: {found}. It sets # check=error=true; correct what the log warns of, or skip these \
                 rules there."
            ),
        )
    }

    /// `ADD` from an address.
    fn download(&self) -> Option<Failure> {
        let step = self.evidence.step?;
        let (_, text) = step.name.split_once("] ")?;
        let text = text.strip_prefix("ADD ")?;
        let address = text
            .split(' ')
            .find(|word| word.contains("://") || word.starts_with("git@"))?;
        let place = self.place();
        let failed = |why: String| Some((BuildReason::StepFailed, why));
        if let Some(status) = self.cause.strip_prefix("invalid response status ") {
            return failed(format!(
                "ADD{place} cannot download {address}: the server answers with HTTP status {status}. Check the address."
            ));
        }
        if let Some(rest) = self.cause.strip_prefix("digest mismatch ") {
            let found = rest.split([' ', ':']).position(|word| word == "sha256").and_then(|_| {
                let at = rest.find("sha256:")?;
                rest.get(at..at + "sha256:".len() + 64)
            });
            let found = found.map_or(String::new(), |found| format!(": it has {found}"));
            return failed(format!(
                "ADD{place} downloaded {address}, but the content does not have the given checksum{found}. Correct --checksum, or find \
                 out why the content has changed."
            ));
        }
        if let Some(RegistryFailure {
            fault: Fault::Unreachable(unreachable),
            ..
        }) = RegistryFailure::read(self.cause)
        {
            return failed(format!(
                "ADD{place} cannot download {address}: {}. Check the address, and whether the builder can reach it.",
                unreachable.why
            ));
        }
        failed(format!(
            "ADD{place} cannot download {address}: {}.",
            sentence(self.cause)
        ))
    }

    /// Secrets and SSH keys that a step requires.
    fn given(&self) -> Option<Failure> {
        let (step, place) = (&self.evidence.step?.name, self.place());
        if let Some(name) = self
            .cause
            .strip_prefix("secret ")
            .and_then(|rest| rest.strip_suffix(": not found"))
        {
            return Some((
                BuildReason::StepFailed,
                format!(
                    "{step}{place} requires the secret {name}, and the build has none of that name. Give it to the build."
                ),
            ));
        }
        self.cause.starts_with("no SSH key ").then(|| {
            (
                BuildReason::StepFailed,
                format!("{step}{place} requires an SSH key, and builds have none. Use a secret instead."),
            )
        })
    }

    fn pull(&self) -> Option<Failure> {
        let (error, instead) = text::suggestion(self.cause);
        let (told, told_instead) = text::suggestion(self.told.error);
        let instead = instead.or(told_instead);
        let (reference, line) = self.image(told)?;
        // Of the build's error only what follows the reference is the cause.
        let wrapped = format!("failed to resolve source metadata for {reference}: ");
        let error = error.split_once(&wrapped).map_or(error, |(_, cause)| cause);
        let failure = RegistryFailure::read(error)?;
        let place = match line {
            Some(line) => self.line(line),
            None => self.place(),
        };
        // The word that BuildKit took for an image.
        let word = told.split_once(": ").map_or("", |(word, _)| word);
        if let Some(stage) = instead.filter(|stage| self.file.has_stage(stage)) {
            return Some((
                BuildReason::DockerfileInvalid,
                format!(
                    "The Dockerfile has no stage {word}{place} (did you mean {stage}?). BuildKit looked for an image of that name \
                     instead, and there is none that it can pull."
                ),
            ));
        }
        let asked = Asked {
            direction: Direction::Pull,
            reference: &reference,
            user: self.user(&reference, CredentialUse::Pull),
            place: &place,
            credential: CREDENTIALS,
            trust: "Name the registry in the worker's build configuration, or ask an admin to add it to the console's configuration.",
            disk: "The builder's disk",
        };
        let mut message = asked.words(&failure);
        if let Some(instead) = instead {
            message = format!("{message} Did you mean {instead}?");
        }
        if self.step().starts_with(SYNTAX) {
            message.push_str(
                " BuildKit fetches it because of the line # syntax=; without that line it uses its own frontend, which needs no \
                 registry.",
            );
        }
        Some((failure.fault.build_reason(Direction::Pull), message))
    }

    /// The image that was not pulled, and its line if that is known better than by BuildKit.
    fn image(&self, told: &str) -> Option<(String, Option<u32>)> {
        let named = || {
            let (_, rest) = told.split_once("failed to resolve source metadata for ")?;
            Some(rest.split_once(": ")?.0.to_owned())
        };
        let of_step = || {
            let name = self.step();
            if let Some(reference) = name.strip_prefix(SYNTAX) {
                return Some(reference.to_owned());
            }
            let (head, text) = name.strip_prefix('[')?.split_once("] ")?;
            let text = match head {
                "internal" => text.strip_prefix("load metadata for ")?,
                "pull" => text,
                _ => text.strip_prefix("FROM ")?,
            };
            let reference = text.split(' ').next()?;
            // The digest is BuildKit's finding where there is a tag as well.
            let tagged = reference
                .split_once('@')
                .filter(|(name, _)| name.rsplit('/').next().is_some_and(|last| last.contains(':')));
            Some(tagged.map_or(reference, |(name, _)| name).to_owned())
        };
        if let Some(reference) = of_step().or_else(named) {
            let line = self
                .told
                .place
                .is_none()
                .then(|| self.file.line_of_image(&reference))
                .flatten();
            return Some((reference, line));
        }
        // A base's content is fetched when the first step needs it.
        let (_, line) = self.told.place?;
        let (image, line) = self.file.base_of(line)?;
        Some((image.to_owned(), Some(line)))
    }

    /// Whose credential an image was asked for with.
    fn user(&self, reference: &str, wanted: CredentialUse) -> Option<&'a str> {
        let image = ImageRef::resolve(reference, "", "").ok()?;
        scope::pick(self.evidence.logins, &image.name(), wanted).map(|login| login.username.as_str())
    }
}

const CREDENTIALS: &str = "registry_credentials";
const FREE_DISK: &str = "Make the image smaller, or start a new builder worker: its cache is empty.";
/// What the name of the step begins with that fetches another frontend.
const SYNTAX: &str = "resolve image config for docker-image://";

/// `… (line 3)` or `… (Dockerfile:3)`, as BuildKit and the log end a warning; more may follow.
fn line_of_warning(text: &str) -> Option<u32> {
    let (_, rest) = text.rsplit_once("(line ")?;
    rest.split_once(')')?.0.parse().ok()
}

/// In one line, without the full stop, and not longer than a page can show.
fn sentence(text: &str) -> String {
    const LONGEST: usize = 600;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.trim_end_matches('.');
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;

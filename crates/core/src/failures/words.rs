//! Reason, sentence and advice for what a registry did not do.

use prt_types::{builds::BuildReason, workers::WorkerReason};

use super::registry::{Fault, RegistryFailure};
use crate::{engine::EngineErrorKind, images::host_of};

/// What was wanted of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Pull,
    Push,
}

/// A request to a registry that failed, with what the reader can do about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub direction: Direction,
    /// The image.
    pub reference: &'a str,
    /// Whose credential it was asked for with.
    pub user: Option<&'a str>,
    /// Where in the Dockerfile, ready to follow a word; may be empty.
    pub place: &'a str,
    /// Where a credential can be given, e.g. `registry_credentials`.
    pub credential: &'a str,
    /// How to tell the caller of a registry that it does not trust.
    pub trust: &'static str,
    /// Whose disk what is pulled goes to.
    pub disk: &'a str,
}

impl Fault {
    /// The reason of a build.
    pub(crate) fn build_reason(self, direction: Direction) -> BuildReason {
        match (self, direction) {
            (Self::Denied | Self::Missing | Self::Refused, Direction::Push) => BuildReason::PushDenied,
            (Self::Denied | Self::Refused, Direction::Pull) => BuildReason::PullDenied,
            (Self::Missing, Direction::Pull) => BuildReason::NoSuchImage,
            (Self::RateLimited, _) => BuildReason::RateLimited,
            (Self::Unavailable | Self::Unreachable(_), _) => BuildReason::RegistryUnreachable,
            (Self::WrongArchitecture, _) => BuildReason::WrongArchitecture,
            (Self::Corrupt, _) => BuildReason::CorruptImage,
            (Self::DiskFull, _) => BuildReason::DiskFull,
        }
    }

    /// The reason of a worker.
    pub(crate) fn worker_reason(self) -> WorkerReason {
        match self {
            Self::Denied | Self::Refused => WorkerReason::PullDenied,
            Self::Missing => WorkerReason::NoSuchImage,
            Self::RateLimited => WorkerReason::RateLimited,
            Self::Unavailable | Self::Unreachable(_) => WorkerReason::RegistryUnreachable,
            Self::WrongArchitecture => WorkerReason::WrongArchitecture,
            Self::Corrupt => WorkerReason::CorruptImage,
            Self::DiskFull => WorkerReason::DiskFull,
        }
    }

    /// The kind of an engine's error.
    pub fn engine_kind(self) -> EngineErrorKind {
        match self {
            Self::Denied | Self::Refused | Self::RateLimited => EngineErrorKind::PullDenied,
            Self::Missing => EngineErrorKind::NoSuchImage,
            Self::Unavailable | Self::Unreachable(_) | Self::Corrupt => EngineErrorKind::RegistryUnreachable,
            Self::WrongArchitecture => EngineErrorKind::WrongArchitecture,
            Self::DiskFull => EngineErrorKind::DiskFull,
        }
    }
}

impl Asked<'_> {
    /// What happened, why, and what to do.
    pub(crate) fn words(&self, failure: &RegistryFailure) -> String {
        let Self { reference, place, .. } = *self;
        let registry = self.registry(failure);
        let said = failure
            .answer
            .words()
            .map_or(String::new(), |words| format!(": {words}"));
        let by = self.user.map_or(String::new(), |user| format!(" by {user}"));
        match (failure.fault, self.direction) {
            (Fault::Denied | Fault::Refused, Direction::Pull) => format!(
                "{registry} refused to let {reference} be pulled{by}{place}{said}. {}",
                self.another_credential(failure, "pull it")
            ),
            (Fault::Denied, Direction::Push) => format!(
                "{registry} refused the push of {reference}{by}{said}. {}",
                self.another_credential(failure, "push there")
            ),
            (Fault::Refused, Direction::Push) => format!(
                "{registry} refused the push of {reference}{by}{said}. Push another tag, or ask the registry's administrator."
            ),
            (Fault::Missing, Direction::Pull) => format!(
                "{registry} has no image {reference}{place}{said}. Check its name and tag; {}.",
                match self.user {
                    Some(user) => format!("perhaps it is hidden from {user}"),
                    None => format!("a private image also needs a credential ({})", self.credential),
                }
            ),
            (Fault::Missing, Direction::Push) => format!(
                "{registry} does not have the repository that {reference} is pushed to{said}. Create it in the registry, check the name, \
                 or use a credential that may create it ({}).",
                self.credential
            ),
            (Fault::RateLimited, _) => format!(
                "{registry} limits the number of requests, and the limit is reached{by}{place}{said}. Try again later, or use a \
                 credential with a higher limit ({}).",
                self.credential
            ),
            (Fault::Unavailable, _) => format!(
                "{registry} cannot {} {reference} now{place}{said}. Try again later, or ask the registry's administrator.",
                match self.direction {
                    Direction::Pull => "serve",
                    Direction::Push => "take",
                }
            ),
            (Fault::Unreachable(unreachable), direction) => format!(
                "{registry} cannot be reached {}{place}: {}. {}",
                match direction {
                    Direction::Pull => format!("to pull {reference}"),
                    Direction::Push => format!("for the push of {reference}"),
                },
                unreachable.why,
                unreachable.advice(self.trust)
            ),
            (Fault::WrongArchitecture, _) => format!(
                "The image {reference}{place} is for another processor architecture or operating system. Use an image or a tag that is \
                 built for this machine."
            ),
            (Fault::Corrupt, _) => format!(
                "What {} sent of {reference}{place} is damaged or incomplete: it is not what the image's manifest says. Push the image again, or ask \
                 the registry's administrator.",
                lower_first(&registry)
            ),
            (Fault::DiskFull, _) => format!(
                "{} is full: there is no room for {reference}{place}. Free space there, or use a smaller image.",
                self.disk
            ),
        }
    }

    /// Who was asked, to begin a sentence with.
    fn registry(&self, failure: &RegistryFailure) -> String {
        let host = host_of(self.reference);
        match &failure.asked {
            Some(mirror) if failure.as_mirror => format!("The mirror {mirror} of the registry {host}"),
            _ => format!("The registry {host}"),
        }
    }

    /// Advice for a refusal. Words of the registry's own come before ours.
    fn another_credential(&self, failure: &RegistryFailure, may: &str) -> String {
        const USUAL: [&str; 4] = [
            "requested access to the resource is denied",
            "authentication required",
            "access to the requested resource is not authorized",
            "access denied",
        ];
        let host = host_of(self.reference);
        let usual = |message: &String| USUAL.contains(&message.as_str());
        let own_words = failure.answer.message.as_ref().is_some_and(|message| !usual(message));
        let what = match (self.user, own_words) {
            (None, false) => format!("Give a credential for {host}"),
            (Some(_), false) => format!("Give a credential for {host} that may {may}"),
            (_, true) => format!("Do what the registry says, or give a credential for {host} that may {may}"),
        };
        format!("{what} ({}).", self.credential)
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

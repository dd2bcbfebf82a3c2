//! The words that enums are stored as: their names on the wire, written out here so that a renamed variant cannot change them.

use prt_core::store::NotebookLoginKind;
use prt_types::{
    access::{Door, Role, TokenScope},
    audit::Outcome,
    build_config::BuildConfigState,
    builds::{BuildReason, BuildStatus},
    container_images::{PullPolicy, ServiceType},
    workers::{WorkerReason, WorkerStatus},
};

pub(crate) trait Word: Copy + 'static {
    #[cfg(test)]
    const ALL: &'static [Self];
    fn word(self) -> &'static str;
    fn from_word(word: &str) -> Option<Self>;
}

/// Without a `_` arm over the variants: a new one does not compile until it has a word.
macro_rules! words {
    ($kind:ty: $($variant:ident = $word:literal),+) => {
        impl Word for $kind {
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words!(Role: Admin = "admin", User = "user");
words!(Door: Console = "console", Api = "api", Cli = "cli", Sdk = "sdk", System = "system");
words!(TokenScope: Full = "full", Build = "build", BuildAndStart = "build_and_start");
words!(Outcome: Done = "done", Refused = "refused");
words!(ServiceType: CloudWorker = "cloud_worker", Workspace = "workspace");
words!(PullPolicy: Always = "Always", IfNotPresent = "IfNotPresent", Never = "Never");
words!(WorkerStatus:
    Provisioning = "Provisioning", Running = "Running", Terminating = "Terminating", Terminated = "Terminated", Failed = "Failed");
words!(WorkerReason:
    PullDenied = "PullDenied", NoSuchImage = "NoSuchImage", RateLimited = "RateLimited",
    RegistryUnreachable = "RegistryUnreachable", WrongArchitecture = "WrongArchitecture", CorruptImage = "CorruptImage",
    DiskFull = "DiskFull", OutOfMemory = "OutOfMemory", Exited = "Exited", NoJupyter = "NoJupyter",
    StartupFailed = "StartupFailed", BuilderFailed = "BuilderFailed", Lost = "Lost", EngineError = "EngineError");
words!(BuildConfigState: Active = "active", Waiting = "waiting", Applying = "applying", Failed = "failed");
words!(NotebookLoginKind: Link = "link", Browser = "browser");
words!(BuildStatus: Pending = "Pending", Running = "Running", Canceling = "Canceling", Succeeded = "Succeeded", Failed = "Failed", Canceled = "Canceled");
words!(BuildReason:
    StepFailed = "StepFailed", DockerfileInvalid = "DockerfileInvalid", PullDenied = "PullDenied", NoSuchImage = "NoSuchImage",
    PushDenied = "PushDenied", RateLimited = "RateLimited", WrongArchitecture = "WrongArchitecture",
    CorruptImage = "CorruptImage", NotAllowed = "NotAllowed",
    OutOfMemory = "OutOfMemory", DiskFull = "DiskFull", RegistryUnreachable = "RegistryUnreachable", BuilderLost = "BuilderLost",
    Timeout = "Timeout", BuildKitError = "BuildKitError");

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::Serialize;

    use super::*;

    fn check<T: Word + Serialize + PartialEq + Debug>() {
        for value in T::ALL {
            assert_eq!(
                serde_json::to_value(value).unwrap(),
                value.word(),
                "the word on the wire"
            );
            assert_eq!(T::from_word(value.word()), Some(*value));
        }
        assert_eq!(T::from_word("no such word"), None);
    }

    #[test]
    fn words_are_those_on_the_wire() {
        check::<Role>();
        check::<Door>();
        check::<Outcome>();
        check::<ServiceType>();
        check::<PullPolicy>();
        check::<WorkerStatus>();
        check::<WorkerReason>();
        check::<BuildConfigState>();
        check::<BuildStatus>();
        check::<BuildReason>();
    }

    /// `workers_live`, `builds_active` and `worker_build_configs_changing` are partial indices: their conditions, in SQL, must mean what the types say.
    #[test]
    fn conditions_of_partial_indices_hold() {
        for status in WorkerStatus::ALL {
            assert_eq!(status.is_live(), status.word() != "Terminated");
        }
        for state in BuildConfigState::ALL {
            assert_eq!(state.is_changing(), ["waiting", "applying"].contains(&state.word()));
        }
        for status in BuildStatus::ALL {
            assert_eq!(
                !status.is_final(),
                ["Pending", "Running", "Canceling"].contains(&status.word())
            );
        }
    }
}

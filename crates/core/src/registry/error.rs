//! What can be wrong with a registry, in plain words. Hosts and user names are said, passwords never.

use std::error::Error as _;

use super::address::Refused;

/// Why a registry could not be used or looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The name or the password is not right.
    #[error("The registry {host} refused the login of {username}: user name or password is not right.")]
    LoginRefused {
        /// The registry.
        host: String,
        /// The user name.
        username: String,
    },
    /// There is none.
    #[error("The registry {host} wants a login; give one for {host} in registry_credentials.")]
    LoginNeeded {
        /// The registry.
        host: String,
    },
    /// The credential is right, but may not push.
    #[error(
        "The registry {host} does not let {} push to {repository}{}.{}",
        somebody(.username.as_ref()),
        after_colon(.said.as_ref()),
        another_credential(.said.as_ref())
    )]
    PushDenied {
        /// The registry.
        host: String,
        /// The repository in it.
        repository: String,
        /// The user name.
        username: Option<String>,
        /// Its own code and message.
        said: Option<String>,
    },
    /// There is nothing to push to, and the registry makes nothing by itself.
    #[error(
        "The registry {host} has no repository {repository} for {}{}. Create it in the registry, check the name, or use another \
         credential.",
        somebody(.username.as_ref()),
        after_colon(.said.as_ref())
    )]
    NoRepository {
        /// The registry.
        host: String,
        /// The repository that is not in it.
        repository: String,
        /// The user name.
        username: Option<String>,
        /// Its own code and message.
        said: Option<String>,
    },
    /// It answers that it cannot answer now, or not in time.
    #[error("The registry {host} gave no answer to that: {reason}.")]
    Busy {
        /// The registry or its token service.
        host: String,
        /// Its own words, or how long it was waited for.
        reason: String,
    },
    /// No connection.
    #[error("The registry {host} does not answer: {reason}.")]
    Unreachable {
        /// The registry.
        host: String,
        /// The cause.
        reason: String,
    },
    /// Its certificate is not trusted, or it does not speak TLS.
    #[error(
        "There is no trusted connection to the registry {host}: {reason}. If it uses plain HTTP or a certificate of its own, \
         set insecure_registry, or ask an admin to add it to the registries in the console's configuration."
    )]
    Untrusted {
        /// The registry.
        host: String,
        /// The cause.
        reason: String,
    },
    /// The console may not connect there.
    #[error(
        "The console does not connect to {host}: {address} is no public address. An admin can allow it by adding {host} to the \
         registries in the console's configuration."
    )]
    NotAllowed {
        /// The registry or its token service.
        host: String,
        /// Where its name leads.
        address: String,
    },
    /// It answers, but not as a registry.
    #[error("{host} does not answer as a registry does: {reason}.")]
    Unexpected {
        /// The registry.
        host: String,
        /// What it did.
        reason: String,
    },
}

/// An error of the connection, by its cause.
pub(super) fn broken(host: &str, error: &reqwest::Error) -> RegistryError {
    let host = host.to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return RegistryError::NotAllowed {
                host,
                address: refused.address.to_string(),
            };
        }
        cause = error.source();
    }
    if error.is_timeout() {
        return RegistryError::Busy {
            host,
            reason: "it takes too long".into(),
        };
    }
    let reason = deepest(error);
    if !error.is_connect() {
        // It was reached, and the connection broke: the next one may not.
        return RegistryError::Busy { host, reason };
    }
    let lower = reason.to_ascii_lowercase();
    if lower.contains("certificate") || lower.contains("unknownissuer") {
        return RegistryError::Untrusted {
            host,
            reason: "its certificate is not trusted".into(),
        };
    }
    if lower.contains("corrupt message") || lower.contains("invalidcontenttype") {
        return RegistryError::Untrusted {
            host,
            reason: "it does not speak TLS".into(),
        };
    }
    RegistryError::Unreachable { host, reason }
}

fn somebody(username: Option<&String>) -> &str {
    username.map_or("anybody without a credential", String::as_str)
}

/// Words of the registry's own come before our advice.
fn another_credential(said: Option<&String>) -> &'static str {
    match said {
        Some(_) => " Do what the registry says, or use a credential that may push there.",
        None => " Use a credential that may push there.",
    }
}

fn after_colon(said: Option<&String>) -> String {
    said.map_or(String::new(), |said| format!(": {said}"))
}

/// The words of the innermost cause, without the numbers of the operating system.
pub(super) fn deepest(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

//! Checks before a build what would otherwise fail at its end: logins and the right to push.

use futures::future::{self, BoxFuture, FutureExt as _};
use prt_types::builds::RegistryCredential;

use super::validate::Inputs;
use crate::{
    error::{Fields, Result},
    registry::{RegistryClient, RegistryError, scope::place},
};

type Checked = std::result::Result<(), RegistryError>;

/// What a check is about decides where its error is shown.
enum Check<'a> {
    /// The push, with the login for it if there is one.
    Push { has_login: bool },
    /// A login for pulls.
    Login { host: &'a str },
}

/// Asks all registries at the same time. Returns what could not be checked, in words for the log.
#[tracing::instrument(name = "registry probe", skip_all)]
pub(super) async fn probe(registry: &RegistryClient, inputs: &Inputs) -> Result<Vec<String>> {
    let pushes = inputs.pushes();
    // The check of a push is one of its login too.
    let others: Vec<RegistryCredential> = inputs
        .credentials
        .iter()
        .filter(|other| !inputs.push_image || !pushes.iter().any(|push| push.login == Some(*other)))
        .map(of_its_registry)
        .collect();
    let mut checks: Vec<BoxFuture<'_, (Check<'_>, Checked)>> = vec![];
    for push in pushes.iter().filter(|_| inputs.push_image) {
        let has_login = push.login.is_some();
        let check = registry.check_push(push.host, push.repository, push.login, inputs.insecure_registry);
        checks.push(check.map(move |checked| (Check::Push { has_login }, checked)).boxed());
    }
    for (at, login) in others.iter().enumerate() {
        if others[..at].contains(login) {
            continue;
        }
        let insecure = inputs.insecure_registry && pushes.iter().any(|push| push.host == login.host);
        let check = registry.check_login(login, insecure);
        checks.push(
            check
                .map(move |checked| (Check::Login { host: &login.host }, checked))
                .boxed(),
        );
    }
    let mut wrong = Fields::new();
    let mut notes = vec![];
    for (check, checked) in future::join_all(checks).await {
        let Err(error) = checked else { continue };
        match (&error, check) {
            (RegistryError::LoginRefused { .. } | RegistryError::LoginNeeded { .. }, _)
            | (RegistryError::PushDenied { .. }, Check::Push { has_login: true }) => {
                wrong.add("registry_credentials", error.to_string());
            }
            (
                RegistryError::PushDenied { .. }
                | RegistryError::NoRepository { .. }
                | RegistryError::Unreachable { .. }
                | RegistryError::Untrusted { .. },
                Check::Push { .. },
            ) => wrong.add("name", error.to_string()),
            // The builder may well reach what the console does not, and later; the build will tell.
            (_, Check::Push { .. }) => notes.push(format!("The right to push was not checked. {error}")),
            (_, Check::Login { host }) => notes.push(format!("The credential for {host} was not checked. {error}")),
        }
    }
    wrong.check()?;
    Ok(notes)
}

/// Whether a login is known is the same question for all that it is used for.
fn of_its_registry(login: &RegistryCredential) -> RegistryCredential {
    RegistryCredential {
        host: place(&login.host).0.to_owned(),
        only: None,
        ..login.clone()
    }
}

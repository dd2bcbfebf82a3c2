//! Which of several logins is for which image.
//!
//! A login is for a registry or for the repositories below a path of it, and for pulls, for the push, or for both. For an image the
//! login with the longest path counts, as in `containers-auth.json`; of two with the same path the one that says what it is for.

use prt_types::builds::{CredentialUse, RegistryCredential};

/// Registry and path of a login's `host`; the path is empty for the whole registry.
pub(crate) fn place(host: &str) -> (&str, &str) {
    host.split_once('/').unwrap_or((host, ""))
}

/// The registry as BuildKit's references name it: Docker Hub has several names.
pub(crate) fn canonical(host: &str) -> &str {
    match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

/// The login for an image's repository, `host/team-a/app`.
pub(crate) fn pick<'a>(
    logins: &'a [RegistryCredential],
    repository: &str,
    wanted: CredentialUse,
) -> Option<&'a RegistryCredential> {
    logins
        .iter()
        .filter(|login| login.only.is_none_or(|only| only == wanted) && covers(&login.host, repository))
        .max_by_key(|login| (place(&login.host).1.len(), login.only.is_some()))
}

/// Whether a place includes a repository: whole components of its path, never a part of one.
fn covers(login: &str, repository: &str) -> bool {
    let ((host, path), (its_host, rest)) = (place(login), place(repository));
    canonical(host) == canonical(its_host)
        && (path.is_empty()
            || rest
                .strip_prefix(path)
                .is_some_and(|more| more.is_empty() || more.starts_with('/')))
}

/// Whether one login is not enough to talk to a registry with. BuildKit's session takes one a registry for everything.
pub(crate) fn is_split(logins: &[RegistryCredential], host: &str) -> bool {
    logins.iter().any(|login| {
        let (its_host, path) = place(&login.host);
        canonical(its_host) == canonical(host) && (login.only.is_some() || !path.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn login(host: &str, only: Option<CredentialUse>) -> RegistryCredential {
        RegistryCredential {
            host: host.into(),
            username: format!("{host} {}", only.map_or("both", CredentialUse::name)),
            password: "p".into(),
            only,
        }
    }

    const PULL: CredentialUse = CredentialUse::Pull;
    const PUSH: CredentialUse = CredentialUse::Push;

    #[test]
    fn the_longest_path_counts_then_the_use() {
        let logins = [
            login("r.io:5000", None),
            login("r.io:5000", Some(PUSH)),
            login("r.io:5000/team", Some(PULL)),
            login("r.io:5000/team/app", None),
            login("r.io", None),
        ];
        let user = |repository: &str, wanted| pick(&logins, repository, wanted).map_or("", |login| &login.username);
        assert_eq!(user("r.io:5000/base", PULL), "r.io:5000 both");
        assert_eq!(user("r.io:5000/base", PUSH), "r.io:5000 push");
        assert_eq!(user("r.io:5000/team/x", PULL), "r.io:5000/team pull");
        assert_eq!(user("r.io:5000/team", PULL), "r.io:5000/team pull");
        assert_eq!(user("r.io:5000/team/x", PUSH), "r.io:5000 push");
        assert_eq!(user("r.io:5000/team/app/y", PUSH), "r.io:5000/team/app both");
        assert_eq!(
            user("r.io:5000/teammates/x", PULL),
            "r.io:5000 both",
            "whole components"
        );
        assert_eq!(user("r.io/team/x", PULL), "r.io both");
        assert_eq!(user("other.io/team/x", PULL), "");
        let hub = [login("index.docker.io", None)];
        assert!(pick(&hub, "docker.io/library/alpine", PULL).is_some());
        assert!(is_split(&logins, "r.io:5000") && !is_split(&logins, "r.io") && !is_split(&logins, "other.io"));
    }

    proptest! {
        #[test]
        fn what_is_picked_covers_the_image_and_nothing_covers_it_better(
            places in prop::collection::vec(("(r|s)(/[ab]){0,3}", prop::option::of(prop::bool::ANY)), 0..8),
            repository in "(r|s)(/[ab]){1,4}",
            push in prop::bool::ANY,
        ) {
            let wanted = if push { PUSH } else { PULL };
            let logins: Vec<_> = places.iter().map(|(host, only)| login(host, only.map(|p| if p { PUSH } else { PULL }))).collect();
            let fits = |login: &&RegistryCredential| {
                login.only.is_none_or(|only| only == wanted) && format!("{repository}/").starts_with(&format!("{}/", login.host))
            };
            match pick(&logins, &repository, wanted) {
                None => prop_assert!(!logins.iter().any(|login| fits(&login))),
                Some(picked) => {
                    prop_assert!(fits(&picked));
                    prop_assert!(logins.iter().filter(fits).all(|login| login.host.len() <= picked.host.len()));
                }
            }
        }
    }
}

//! The logins of a build as files for its runner.
//!
//! BuildKit's session takes its logins from a docker configuration: one a registry, for pulls and the push alike. Where a build has
//! several for one registry, each base image is pulled by itself first, with the login that is for it, and the build goes on with
//! what was pulled; the agent does that (`turns.rs`). It finds here
//!
//! | file | what |
//! |---|---|
//! | `config.json` | the docker configuration of the build itself; at a registry with several logins the one for the push |
//! | `0/config.json` | the same without any login for those registries |
//! | `N/config.json` | for pulls with the Nth login |
//! | `pulls` | lines of: beginning of a reference, N, user; the first that fits counts. Separated by tabs |
//! | `split` | registries with several logins, a line each |

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prt_types::{
    Secret,
    builds::{CredentialUse, RegistryCredential},
};

use crate::registry::scope::{canonical, is_split, pick, place};

/// Names and contents. `references` are the result's, `push` whether it is pushed.
pub(super) fn files(logins: &[RegistryCredential], references: &[&str], push: bool) -> Vec<(String, Secret)> {
    let own = own_logins(logins, references, push);
    let public: Vec<&RegistryCredential> = own
        .iter()
        .copied()
        .filter(|login| !is_split(logins, place(&login.host).0))
        .collect();
    let mut pullers: Vec<(usize, &RegistryCredential)> = logins
        .iter()
        .enumerate()
        .filter(|(_, login)| login.only != Some(CredentialUse::Push))
        .map(|(at, login)| (at + 1, login))
        .collect();
    // As `pick` has it.
    pullers.sort_by_key(|(_, login)| std::cmp::Reverse((place(&login.host).1.len(), login.only.is_some())));

    let mut files = vec![
        ("config.json".to_owned(), docker_config(own.iter().copied())),
        ("0/config.json".to_owned(), docker_config(public.iter().copied())),
        ("pulls".to_owned(), Secret::new(pulls(&pullers))),
        ("split".to_owned(), Secret::new(split(logins))),
    ];
    for (number, login) in pullers {
        let others = public.iter().copied().filter(|other| !same_registry(other, login));
        files.push((
            format!("{number}/config.json"),
            docker_config(others.chain(std::iter::once(login))),
        ));
    }
    files
}

/// The logins that the build itself needs: at a registry with several that of the result; bases come from there by themselves.
fn own_logins<'a>(logins: &'a [RegistryCredential], references: &[&str], push: bool) -> Vec<&'a RegistryCredential> {
    let mut own: Vec<&RegistryCredential> = logins
        .iter()
        .filter(|login| !is_split(logins, place(&login.host).0))
        .collect();
    let wanted = if push { CredentialUse::Push } else { CredentialUse::Pull };
    for reference in references {
        let repository = reference
            .rsplit_once(':')
            .map_or(*reference, |(repository, _)| repository);
        let known = own
            .iter()
            .any(|login| canonical(place(&login.host).0) == canonical(place(repository).0));
        if !known && is_split(logins, place(repository).0) {
            own.extend(pick(logins, repository, wanted));
        }
    }
    own
}

fn pulls(pullers: &[(usize, &RegistryCredential)]) -> String {
    let mut lines = String::new();
    for (number, login) in pullers {
        let (host, path) = place(&login.host);
        let (host, user) = (canonical(host), &login.username);
        // A repository's name ends where its tag or digest begins, or another component of it.
        let ends: &[&str] = if path.is_empty() { &["/"] } else { &["/", ":", "@"] };
        let path = if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        };
        for end in ends {
            // Writing to a string does not fail.
            _ = writeln!(lines, "{host}{path}{end}\t{number}\t{user}");
        }
    }
    lines
}

fn split(logins: &[RegistryCredential]) -> String {
    let mut hosts: Vec<&str> = logins
        .iter()
        .map(|login| place(&login.host).0)
        .filter(|host| is_split(logins, host))
        .map(canonical)
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts.into_iter().flat_map(|host| [host, "\n"]).collect()
}

fn same_registry(a: &RegistryCredential, b: &RegistryCredential) -> bool {
    canonical(place(&a.host).0) == canonical(place(&b.host).0)
}

/// Logins as docker's tools read them.
fn docker_config<'a>(logins: impl Iterator<Item = &'a RegistryCredential>) -> Secret {
    let auths: serde_json::Map<String, serde_json::Value> = logins
        .map(|login| {
            // Docker Hub's login has had this name since before it had another.
            let host = match canonical(place(&login.host).0) {
                "docker.io" => "https://index.docker.io/v1/",
                host => host,
            };
            let auth = STANDARD.encode(format!("{}:{}", login.username, login.password.expose()));
            (host.to_owned(), serde_json::json!({ "auth": auth }))
        })
        .collect();
    Secret::new(serde_json::json!({ "auths": auths }).to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn login(host: &str, username: &str, only: Option<CredentialUse>) -> RegistryCredential {
        RegistryCredential {
            host: host.into(),
            username: username.into(),
            password: "secret".into(),
            only,
        }
    }

    fn read(logins: &[RegistryCredential], reference: &str, push: bool) -> BTreeMap<String, String> {
        let files = files(logins, &[reference], push);
        files
            .into_iter()
            .map(|(name, text)| (name, text.expose().to_owned()))
            .collect()
    }

    /// `host user`, sorted.
    fn users(config: &str) -> Vec<String> {
        let config: serde_json::Value = serde_json::from_str(config).unwrap();
        let auths = config["auths"].as_object().unwrap();
        auths
            .iter()
            .map(|(host, auth)| {
                let auth = STANDARD.decode(auth["auth"].as_str().unwrap()).unwrap();
                format!("{host} {}", String::from_utf8(auth).unwrap().split(':').next().unwrap())
            })
            .collect()
    }

    #[test]
    fn one_login_a_registry_is_a_docker_configuration() {
        let logins = [login("docker.io", "hub", None), login("r.io:5000", "robot", None)];
        let files = read(&logins, "r.io:5000/team/app:1", true);
        let both = ["https://index.docker.io/v1/ hub", "r.io:5000 robot"];
        for name in ["config.json", "0/config.json", "1/config.json", "2/config.json"] {
            assert_eq!(users(&files[name]), both, "{name}");
        }
        assert_eq!(files["split"], "");
        assert_eq!(files["pulls"], "docker.io/\t1\thub\nr.io:5000/\t2\trobot\n");
    }

    #[test]
    fn several_for_one_registry_are_kept_apart() {
        let logins = [
            login("r.io/base", "a", Some(CredentialUse::Pull)),
            login("r.io/tools/x", "b\"\\", None),
            login("r.io", "c", Some(CredentialUse::Push)),
            login("s.io", "d", None),
        ];
        let files = read(&logins, "r.io/team/app:1", true);
        assert_eq!(users(&files["config.json"]), ["r.io c", "s.io d"]);
        assert_eq!(users(&files["0/config.json"]), ["s.io d"]);
        assert_eq!(users(&files["1/config.json"]), ["r.io a", "s.io d"]);
        assert_eq!(users(&files["2/config.json"]), ["r.io b\"\\", "s.io d"]);
        assert!(!files.contains_key("3/config.json"), "that one is for the push");
        assert_eq!(users(&files["4/config.json"]), ["s.io d"]);
        assert_eq!(files["split"], "r.io\n");
        assert_eq!(
            files["pulls"],
            "r.io/tools/x/\t2\tb\"\\\nr.io/tools/x:\t2\tb\"\\\nr.io/tools/x@\t2\tb\"\\\n\
             r.io/base/\t1\ta\nr.io/base:\t1\ta\nr.io/base@\t1\ta\ns.io/\t4\td\n"
        );
        let both = super::files(&logins, &["s.io/x:1", "r.io/team/app:1", "r.io/team/other:1"], true);
        assert_eq!(
            users(both[0].1.expose()),
            ["r.io c", "s.io d"],
            "further names have their logins, too"
        );
        let unpushed = read(&logins, "r.io/team/app:1", false);
        assert_eq!(users(&unpushed["config.json"]), ["s.io d"]);
    }
}

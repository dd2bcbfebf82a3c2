//! What can be said about a build request without asking anybody.

use std::collections::BTreeMap;

use oci_spec::distribution::Reference;
use prt_types::builds::{BuildOptions, BuildRequest, CredentialUse, CredentialView, RegistryCredential};

use super::{docker_options, logins, options, secrets};
use crate::{
    buildkit::launcher::LONGEST_DOCKERFILE,
    error::{Fields, Result},
    images::is_tag,
    registry::{login::is_host, scope},
};

const LONGEST_ARGS: usize = 64 * 1024;

/// Checked inputs of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    pub name: String,
    pub tag: String,
    pub push_image: bool,
    pub build_args: BTreeMap<String, String>,
    pub credentials: Vec<RegistryCredential>,
    pub insecure_registry: bool,
    pub no_cache: bool,
    pub context_id: String,
    pub context: String,
    pub dockerfile: String,
    pub additional_build_params: String,
    pub custom_build_command: String,
    /// What `docker build` would be told besides; of the secrets nothing yet.
    pub typed: BuildOptions,
    /// What all of these come to, as arguments.
    pub options: Vec<String>,
    /// The Dockerfile, if it is not in the context.
    pub dockerfile_text: Option<String>,
}

impl Inputs {
    /// Where the result belongs, each repository once, with the login for its push.
    pub(super) fn pushes(&self) -> Vec<Push<'_>> {
        let mut pushes: Vec<Push<'_>> = vec![];
        let further = self
            .typed
            .additional_tags
            .iter()
            .map(|tag| docker_options::split_tag(tag).0);
        for name in std::iter::once(self.name.as_str()).chain(further) {
            let (host, repository) = name.split_once('/').unwrap_or(("", name));
            if !pushes
                .iter()
                .any(|push| (push.host, push.repository) == (host, repository))
            {
                let login = scope::pick(&self.credentials, name, CredentialUse::Push);
                pushes.push(Push {
                    host,
                    repository,
                    login,
                });
            }
        }
        pushes
    }

    /// BuildKit takes one login a registry for all that it pushes.
    fn one_login_a_registry(&self, wrong: &mut Fields) {
        let pushes = self.pushes();
        for (at, push) in pushes.iter().enumerate() {
            let other = pushes[..at]
                .iter()
                .find(|other| other.host == push.host && other.login != push.login);
            if let Some(other) = other {
                let message = format!(
                    "{} and {} at {} need different credentials, and one build pushes with one: build a second time for the other tag.",
                    other.repository, push.repository, push.host
                );
                wrong.add("additional_tags", message);
            }
        }
    }

    pub(super) fn credential_views(&self) -> Vec<CredentialView> {
        self.credentials
            .iter()
            .map(|login| CredentialView {
                host: login.host.clone(),
                username: login.username.clone(),
                only: login.only,
                secret_name: None,
            })
            .collect()
    }
}

/// A repository that the result is pushed to.
pub(super) struct Push<'a> {
    pub host: &'a str,
    pub repository: &'a str,
    pub login: Option<&'a RegistryCredential>,
}

/// Checks all fields, so that a form shows everything that is wrong at once.
pub(super) fn validate(mut request: BuildRequest) -> Result<Inputs> {
    let mut wrong = Fields::new();
    let raw = options::of(&mut request, &mut wrong);
    let typed = docker_options::of(&request, &raw, &mut wrong);
    secrets::check(&request.secrets, &mut wrong);
    if let Some(text) = &request.dockerfile_text {
        if text.trim().is_empty() {
            wrong.add("dockerfile_text", "The Dockerfile is empty.");
        } else if text.len() > LONGEST_DOCKERFILE {
            let message = format!("The Dockerfile is longer than {} KiB.", LONGEST_DOCKERFILE / 1024);
            wrong.add("dockerfile_text", message);
        }
    }
    let mut or_wrong = |field: &str, value: Result<String, String>| {
        value.unwrap_or_else(|message| {
            wrong.add(field, message);
            String::new()
        })
    };
    let name = or_wrong("name", name(&request.name));
    let tag = or_wrong("tag", tag(&request.tag));
    let context = or_wrong(
        "context",
        confine(&request.context).map_err(|why| format!("The context {why}.")),
    );
    let is_id = |id: &str| id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let context_id = match request.context_id {
        id if id.is_empty() || is_id(&id) => Ok(id),
        other => Err(format!("{other:?} is no id of an uploaded context.")),
    };
    let context_id = or_wrong("context_id", context_id);
    let dockerfile = match confine(&request.dockerfile) {
        Ok(path) if path.is_empty() => Ok("Dockerfile".to_owned()),
        other => other.map_err(|why| format!("The path of the Dockerfile {why}.")),
    };
    let dockerfile = or_wrong("dockerfile", dockerfile);
    build_args(&request.build_args, &mut wrong);
    if let Some(epoch) = request.build_args.get("SOURCE_DATE_EPOCH")
        && epoch.parse::<u32>().is_err()
    {
        wrong.add(
            "build_args",
            "SOURCE_DATE_EPOCH is a whole number of seconds since 1970.",
        );
    }
    let credentials = logins::check(request.registry_credentials, &mut wrong);
    wrong.check()?;
    let inputs = Inputs {
        name,
        tag,
        push_image: request.push_image,
        build_args: request.build_args,
        credentials,
        insecure_registry: request.insecure_registry,
        no_cache: request.no_cache,
        context_id,
        context,
        dockerfile,
        additional_build_params: request.additional_build_params,
        custom_build_command: request.custom_build_command,
        options: [docker_options::args(&typed), raw].concat(),
        typed,
        dockerfile_text: request.dockerfile_text,
    };
    let mut wrong = Fields::new();
    if inputs.push_image {
        inputs.one_login_a_registry(&mut wrong);
    }
    wrong.check()?;
    Ok(inputs)
}

pub(super) fn name(name: &str) -> Result<String, String> {
    const EXAMPLE: &str = "Write registry/repository, e.g. my-registry.my-company.com/demo/my-image";
    if name.is_empty() {
        return Err(format!("The image needs a name. {EXAMPLE}."));
    }
    if name.chars().any(char::is_uppercase) {
        return Err(format!("{name:?} has capital letters; image names are in lower case."));
    }
    let Some((host, _)) = name.split_once('/') else {
        return Err(format!("{name:?} names no registry. {EXAMPLE}."));
    };
    if !host.contains(['.', ':']) && host != "localhost" {
        return Err(format!(
            "{name:?} does not begin with a registry's host name. {EXAMPLE}."
        ));
    }
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains(':') || last.contains('@') {
        return Err(format!("{name:?} has a tag or digest; the tag has a field of its own."));
    }
    match name.parse::<Reference>() {
        Ok(parsed) if is_host(host) && parsed.repository().len() < 200 => Ok(name.to_owned()),
        Ok(_) => Err(format!("{name:?} is no image name. {EXAMPLE}.")),
        Err(error) => Err(format!("{name:?} is no image name: {error}. {EXAMPLE}.")),
    }
}

pub(super) fn tag(tag: &str) -> Result<String, String> {
    if tag.is_empty() {
        return Err("The image needs a tag, e.g. 25.5.3.".into());
    }
    if !is_tag(tag) {
        return Err(format!(
            "{tag:?} is no tag: letters, digits, _, . and - only, not beginning with . or -, at most 128."
        ));
    }
    Ok(tag.to_owned())
}

/// A path below the build folder in normal form; the error completes "The path …".
fn confine(path: &str) -> Result<String, String> {
    if path.chars().any(char::is_control) || path.len() > 1024 {
        return Err("has characters that no path should have, or is too long".into());
    }
    crate::workers::normal_path(path)
}

fn build_args(args: &BTreeMap<String, String>, wrong: &mut Fields) {
    let mut total = 0;
    for (name, value) in args {
        total += name.len() + value.len();
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !name.starts_with(first) || !name.chars().all(|c| first(c) || c.is_ascii_digit()) {
            wrong.add(
                "build_args",
                format!("{name:?} is no name of a build argument: letters, digits and _ only."),
            );
        }
        if value.contains('\0') {
            wrong.add("build_args", format!("The value of {name} contains a NUL character."));
        }
    }
    if total > LONGEST_ARGS {
        wrong.add(
            "build_args",
            format!("The build arguments have {total} bytes together; {LONGEST_ARGS} is the most."),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn request() -> BuildRequest {
        BuildRequest {
            worker: "Worker-1".into(),
            name: "registry.example.com:5000/demo/app".into(),
            tag: "25.5.3".into(),
            ..BuildRequest::default()
        }
    }

    fn login(host: &str, username: &str, password: &str) -> RegistryCredential {
        RegistryCredential {
            host: host.into(),
            username: username.into(),
            password: password.into(),
            only: None,
        }
    }

    /// The wrong fields and their messages.
    fn wrong(change: impl FnOnce(&mut BuildRequest)) -> Vec<(String, String)> {
        let mut request = request();
        change(&mut request);
        match validate(request) {
            Ok(_) => vec![],
            Err(Error::InvalidInput { fields, .. }) => fields.into_iter().map(|f| (f.field, f.message)).collect(),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn a_good_request_is_put_in_order() {
        let mut request = request();
        request.context = "./app//web/".into();
        request
            .registry_credentials
            .push(login("Registry.Example.com:5000", "robot$x", "p w:é"));
        let inputs = validate(request).unwrap();
        let pushes = inputs.pushes();
        assert_eq!(
            (pushes.len(), pushes[0].host, pushes[0].repository),
            (1, "registry.example.com:5000", "demo/app")
        );
        assert_eq!(
            (inputs.context.as_str(), inputs.dockerfile.as_str()),
            ("app/web", "Dockerfile")
        );
        assert_eq!(
            inputs.credential_views(),
            [CredentialView {
                host: "registry.example.com:5000".into(),
                username: "robot$x".into(),
                only: None,
                secret_name: None
            }]
        );
    }

    #[test]
    fn each_wrong_field_is_named() {
        for name in [
            "",
            "app",
            "demo/app",
            "UPPER/Case",
            "r.io/Demo/app",
            "r.io/demo/app:1",
            "r.io/demo/app@sha256:aa",
            "https://r.io/a",
            "r.io/",
            "r.io//a",
            "r.io/a b",
            "r.io/a,push=true",
            "r.io:99999/a",
            "r.io/a\"",
            "r.io/-a",
        ] {
            let wrong = wrong(|r| r.name = name.into());
            assert!(wrong.len() == 1 && wrong[0].0 == "name", "{name:?}: {wrong:?}");
        }
        for tag in ["", "no spaces", "-x", ".x", "a,b", "a:b", &"x".repeat(129)] {
            assert_eq!(wrong(|r| r.tag = tag.into())[0].0, "tag", "{tag:?}");
        }
        for path in ["/etc", "..", "a/../../b", "a\nb"] {
            assert_eq!(wrong(|r| r.context = path.into())[0].0, "context", "{path:?}");
            assert_eq!(wrong(|r| r.dockerfile = path.into())[0].0, "dockerfile", "{path:?}");
        }
        for arg in ["", "a b", "1a", "a=b", "é"] {
            assert_eq!(
                wrong(|r| _ = r.build_args.insert(arg.into(), "x".into()))[0].0,
                "build_args",
                "{arg:?}"
            );
        }
        for (host, username, password) in [
            ("https://r.io", "u", "p"),
            ("r.io/Demo/", "u", "p"),
            ("", "u", "p"),
            ("r.io:0", "u", "p"),
            ("a b", "u", "p"),
            ("r.io", "", "p"),
            ("r.io", "a:b", "p"),
            ("r.io", "u", ""),
            ("r.io", "u", "secret\n"),
        ] {
            let wrong = wrong(|r| r.registry_credentials.push(login(host, username, password)));
            assert!(
                wrong.len() == 1 && wrong[0].0 == "registry_credentials",
                "{host} {username}: {wrong:?}"
            );
            assert!(!wrong[0].1.contains("secret"));
        }
        let twice = wrong(|r| r.registry_credentials = vec![login("r.io", "a", "b"), login("R.io", "c", "d")]);
        assert_eq!(
            twice,
            [(
                "registry_credentials".into(),
                "There are two logins for r.io. Say what each is for, pull or push, or name the repositories, e.g. r.io/team-a.".into()
            )]
        );
        let apart = wrong(|r| {
            r.registry_credentials = vec![
                login("r.io", "a", "b"),
                login("r.io/team", "c", "d"),
                login("r.io", "e", "f"),
            ];
            r.registry_credentials[2].only = Some(CredentialUse::Push);
        });
        assert_eq!(apart, []);
        let pushes = wrong(|r| {
            r.registry_credentials = vec![login("r.io/a", "a", "b"), login("r.io/A", "c", "d")];
            for login in &mut r.registry_credentials {
                login.only = Some(CredentialUse::Push);
            }
        });
        assert_eq!(
            pushes[0].1,
            "There are two logins for the push to r.io/a; one is enough."
        );
    }

    #[test]
    fn further_tags_are_pushed_with_one_login_a_registry() {
        let with = |tags: &[&str]| {
            let mut request = request();
            request.additional_tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            request.registry_credentials = vec![
                login("r.io/a", "a", "b"),
                login("r.io/b", "c", "d"),
                login("s.io", "e", "f"),
            ];
            request
        };
        let inputs = validate(with(&["r.io/a/x:1", "r.io/a/x:2", "r.io/a/y:1", "s.io/z"])).unwrap();
        let pushes: Vec<_> = inputs
            .pushes()
            .iter()
            .map(|push| {
                (
                    push.host,
                    push.repository,
                    push.login.map(|login| login.username.as_str()),
                )
            })
            .collect();
        let wanted = [
            ("registry.example.com:5000", "demo/app", None),
            ("r.io", "a/x", Some("a")),
            ("r.io", "a/y", Some("a")),
            ("s.io", "z", Some("e")),
        ];
        assert_eq!(pushes, wanted);
        let Err(Error::InvalidInput { fields, .. }) = validate(with(&["r.io/a/x", "r.io/b/x"])) else {
            panic!("two logins for one registry");
        };
        assert_eq!(fields[0].field, "additional_tags");
    }

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        let wrong = wrong(|r| {
            r.name = "x".into();
            r.tag = " ".into();
            r.context = "..".into();
        });
        assert_eq!(
            wrong.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
            ["name", "tag", "context"]
        );
    }
}

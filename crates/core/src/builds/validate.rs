//! What can be said about a build request without asking anybody.

use std::collections::BTreeMap;

use oci_spec::distribution::Reference;
use prt_types::builds::{BuildRequest, CredentialUse, CredentialView, RegistryCredential};

use super::{logins, options};
use crate::{
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
    /// Registry of the name.
    pub host: String,
    /// Rest of the name.
    pub repository: String,
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
    /// What the two come to, as arguments.
    pub options: Vec<String>,
}

impl Inputs {
    /// The login that the push goes with.
    pub(super) fn push_login(&self) -> Option<&RegistryCredential> {
        scope::pick(&self.credentials, &self.name, CredentialUse::Push)
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

/// Checks all fields, so that a form shows everything that is wrong at once.
pub(super) fn validate(mut request: BuildRequest) -> Result<Inputs> {
    let mut wrong = Fields::new();
    let options = options::of(&mut request, &mut wrong);
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
    let (host, repository) = name
        .split_once('/')
        .map_or((String::new(), name.clone()), |(h, r)| (h.into(), r.into()));
    Ok(Inputs {
        host,
        repository,
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
        options,
    })
}

fn name(name: &str) -> Result<String, String> {
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

fn tag(tag: &str) -> Result<String, String> {
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
            push_image: true,
            build_args: BTreeMap::new(),
            registry_credentials: vec![],
            registry_secrets: vec![],
            insecure_registry: false,
            no_cache: false,
            context_id: String::new(),
            context: String::new(),
            dockerfile: String::new(),
            additional_build_params: String::new(),
            custom_build_command: String::new(),
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
        assert_eq!(
            (inputs.host.as_str(), inputs.repository.as_str()),
            ("registry.example.com:5000", "demo/app")
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

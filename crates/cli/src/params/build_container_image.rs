//! `-p key=value …` of `build-container-image`.

use prt_types::{Secret, builds::BuildRequest};

use super::literal;
use crate::error::{CliError, Result};

/// The keys, as the help and errors list them.
pub const KEYS: &[&str] = &[
    "name",
    "tag",
    "push_image",
    "build_args",
    "registry_credentials",
    "repo_secret_name",
    "insecure_registry",
    "worker",
    "no_cache",
    "context",
    "dockerfile",
    "dockerfile_text",
    "additional_tags",
    "target",
    "platforms",
    "labels",
    "pull",
    "secrets",
    "network",
    "add_hosts",
    "shm_size",
    "ulimits",
    "cache_from",
    "cache_to",
    "oci_mediatypes",
    "additional_build_params",
    "custom_build_command",
];

/// Makes a build request of the parameters; `worker` stays empty when none is named.
pub fn parse(params: &[String]) -> Result<BuildRequest> {
    let mut request = BuildRequest::default();
    let mut seen: Vec<&str> = Vec::new();
    for param in params {
        // What is not a parameter is not shown either: it can be a piece of a credential that the shell has cut.
        let Some((key, value)) = param.split_once('=') else {
            return Err(CliError::usage_hint(
                "a value after -p is not of the form key=value",
                "put quotes around values with spaces or brackets, e.g. registry_credentials='[(\"host\", \"user\", \"token\")]'",
            ));
        };
        let Some(key) = KEYS.iter().find(|known| **known == key.trim()) else {
            return Err(CliError::usage_hint(
                format!("unknown parameter `{}`", key.trim().escape_debug()),
                format!("the parameters are {}", KEYS.join(", ")),
            ));
        };
        if seen.contains(key) {
            return Err(CliError::usage(format!("parameter `{key}` is given twice")));
        }
        seen.push(key);
        set(&mut request, key, value).map_err(|what| CliError::usage(format!("{key}: {what}")))?;
    }
    for (key, value) in [("name", &request.name), ("tag", &request.tag)] {
        if value.is_empty() {
            return Err(CliError::usage_hint(
                format!("parameter `{key}` is missing"),
                "e.g. -p name=registry/image tag=1.0",
            ));
        }
    }
    Ok(request)
}

fn set(request: &mut BuildRequest, key: &str, value: &str) -> Result<(), String> {
    match key {
        "name" => request.name = value.into(),
        "tag" => request.tag = value.into(),
        "push_image" => request.push_image = literal::boolean(value)?,
        "build_args" => request.build_args = literal::pairs(value)?,
        "registry_credentials" => request.registry_credentials = credentials(value)?,
        "repo_secret_name" => {
            request.registry_secrets = value.split(',').map(|name| name.trim().to_owned()).collect();
        }
        "insecure_registry" => request.insecure_registry = literal::boolean(value)?,
        "worker" => request.worker = value.into(),
        "no_cache" => request.no_cache = literal::boolean(value)?,
        "context" => request.context = value.into(),
        "dockerfile" => request.dockerfile = value.into(),
        "dockerfile_text" => request.dockerfile_text = Some(of_file(value)?.expose().to_owned()),
        "additional_tags" => request.additional_tags = literal::texts(value)?,
        "target" => request.target = value.into(),
        "platforms" => request.platforms = literal::texts(value)?,
        "labels" => request.labels = literal::pairs(value)?,
        "pull" => request.pull = literal::boolean(value)?,
        "secrets" => request.secrets = literal::secrets(of_file(value)?.expose().trim())?,
        "network" => request.network = value.into(),
        "add_hosts" => request.add_hosts = literal::texts(value)?,
        "shm_size" => request.shm_size = value.into(),
        "ulimits" => request.ulimits = literal::texts(value)?,
        "cache_from" => request.cache_from = literal::texts(value)?,
        "cache_to" => request.cache_to = literal::texts(value)?,
        "oci_mediatypes" => request.oci_mediatypes = Some(literal::boolean(value)?),
        "additional_build_params" => request.additional_build_params = value.into(),
        "custom_build_command" => request.custom_build_command = value.into(),
        _ => return Err("is not known".into()),
    }
    Ok(())
}

/// The list itself, or `@file` with it, which keeps a token out of the process list.
fn credentials(value: &str) -> Result<Vec<prt_types::builds::RegistryCredential>, String> {
    literal::registry_credentials(of_file(value)?.expose().trim())
}

/// The value itself, or what is in the file of `@file`.
fn of_file(value: &str) -> Result<Secret, String> {
    match value.strip_prefix('@') {
        None => Ok(Secret::new(value)),
        Some(path) => std::fs::read_to_string(path)
            .map(Secret::new)
            .map_err(|error| format!("cannot read {path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(params: &[&str]) -> Result<BuildRequest> {
        parse(&params.iter().map(|param| (*param).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_seeds_parameters() {
        let request = of(&[
            "name=my-registry.practicus.my-company.com/my-project/my-image",
            "tag=25.5.3",
            "build_args={\"ENV_VAR\": \"value\"}",
            "registry_credentials=[(\"my-registry.practicus.my-company.com\", \"my-robot-user\", \"token\")]",
        ])
        .unwrap();
        assert_eq!(request.name, "my-registry.practicus.my-company.com/my-project/my-image");
        assert!(request.push_image && !request.insecure_registry && request.worker.is_empty());
        assert_eq!(request.build_args["ENV_VAR"], "value");
        assert_eq!(request.registry_credentials[0].password.expose(), "token");
    }

    #[test]
    fn every_key_can_be_set() {
        let request = of(&[
            "name=a=b",
            "tag=1",
            "push_image=False",
            "build_args={}",
            "registry_credentials=[]",
            "repo_secret_name=corp-robot, mine",
            "insecure_registry=1",
            "worker=W",
            "no_cache=True",
            "context=sub",
            "dockerfile=Dockerfile.dev",
            "dockerfile_text=FROM scratch",
            "additional_tags=['r.io/a:2']",
            "target=web",
            "platforms=linux/amd64,linux/arm64",
            "labels={'a': 1.10}",
            "pull=true",
            "secrets=[('npm', 'v')]",
            "network=none",
            "add_hosts=[\"db:192.0.2.7\"]",
            "shm_size=64m",
            "ulimits=nofile=1024",
            "cache_from=type=registry,ref=r.io/cache",
            "cache_to=[\"type=inline\"]",
            "oci_mediatypes=false",
            "additional_build_params=--opt target=web",
            "custom_build_command=buildctl build",
        ])
        .unwrap();
        assert_eq!(
            (&*request.name, &*request.worker, &*request.context),
            ("a=b", "W", "sub")
        );
        assert!(!request.push_image && request.insecure_registry && request.no_cache);
        assert_eq!(request.registry_secrets, ["corp-robot", "mine"]);
        assert_eq!(request.dockerfile, "Dockerfile.dev");
        assert_eq!(
            (&*request.target, request.labels["a"].as_str(), request.pull),
            ("web", "1.10", true)
        );
        assert_eq!(request.platforms, ["linux/amd64,linux/arm64"]);
        assert_eq!(request.cache_from, ["type=registry,ref=r.io/cache"]);
        assert_eq!((&*request.secrets[0].id, request.oci_mediatypes), ("npm", Some(false)));
        assert_eq!(request.additional_build_params, "--opt target=web");
        assert_eq!(request.custom_build_command, "buildctl build");
    }

    #[test]
    fn wrong_use_is_told_with_exit_code_2() {
        for (params, text) in [
            (vec!["name=a", "tag=b", "pushimage=1"], "unknown parameter `pushimage`"),
            (
                vec!["name=a", "tag=b", "\"canary\")]"],
                "a value after -p is not of the form key=value",
            ),
            (vec!["name=a", "name=b"], "parameter `name` is given twice"),
            (vec!["name=a"], "parameter `tag` is missing"),
            (vec!["tag=a"], "parameter `name` is missing"),
            (
                vec!["name=a", "tag=b", "no_cache=yes"],
                "no_cache: true or false is expected",
            ),
        ] {
            let error = of(&params).unwrap_err();
            assert_eq!((error.text().as_str(), error.exit_code()), (text, 2));
        }
        let CliError::Usage { hint, .. } = of(&["x=1"]).unwrap_err() else {
            panic!()
        };
        assert!(hint.unwrap().contains("registry_credentials"));
    }

    #[test]
    fn credentials_can_come_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[('h', 'u', 't')]\n").unwrap();
        let param = format!("registry_credentials=@{}", file.path().display());
        assert_eq!(of(&["name=a", "tag=b", &param]).unwrap().registry_credentials.len(), 1);
    }
}

//! Validation of a worker's configuration: pure, all wrong fields at once, the same words in every door.

use prt_types::workers::WorkerConfig;

use crate::error::{Fields, Result};

/// What `log_level` may be.
pub const LOG_LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
/// The builder's share when none is given.
const CAPACITY_DEFAULT: i64 = 50;
/// A startup script is meant for a few commands.
const STARTUP_SCRIPT_MAX: usize = 64 * 1024;

/// Longest JSON of the parameters. Linux takes 128 KiB for one variable.
const PARAMS_MAX: usize = 32 * 1024;

/// Checks what can be checked without looking anything up. `protocol` is the console's own.
pub fn validate(config: &WorkerConfig, protocol: &str) -> Result<()> {
    let mut fields = Fields::new();
    let image = &config.image_config;
    let builder = image.builder == Some(true);
    if config.worker_image.trim().is_empty() {
        fields.add("worker_image", "Name an image, e.g. practicus-minimal.");
    }
    match image.builder_capacity {
        Some(_) if !builder => fields.add("image_config.builder_capacity", "builder_capacity needs builder=True."),
        Some(capacity) if !(1..=99).contains(&capacity) => {
            fields.add(
                "image_config.builder_capacity",
                "builder_capacity is a whole percentage from 1 to 99.",
            );
        }
        _ => {}
    }
    if image.custom_builder_url.is_some() && !builder {
        fields.add(
            "image_config.custom_builder_url",
            "custom_builder_url needs builder=True.",
        );
    }
    match (&image.repo_username, &image.repo_password) {
        (Some(name), _) if name.is_empty() => fields.add("image_config.repo_username", "The user name is empty."),
        (Some(_), None) => fields.add("image_config.repo_password", "repo_username needs repo_password."),
        (None, Some(_)) => fields.add("image_config.repo_username", "repo_password needs repo_username."),
        _ => {}
    }
    match &image.repo_secret_name {
        Some(_) if image.repo_username.is_some() || image.repo_password.is_some() => fields.add(
            "image_config.repo_secret_name",
            "repo_secret_name excludes repo_username and repo_password.",
        ),
        Some(name) if name.trim().is_empty() => fields.add("image_config.repo_secret_name", "The name is empty."),
        _ => {}
    }
    if let Some(level) = &config.log_level
        && !LOG_LEVELS.contains(&level.as_str())
    {
        fields.add("log_level", format!("log_level is one of {}.", LOG_LEVELS.join(", ")));
    }
    for name in config.env_variables.keys() {
        if let Err(message) = check_env_name(name) {
            fields.add("env_variables", message);
        }
    }
    if config.env_variables.values().any(|value| value.contains('\0')) {
        fields.add("env_variables", "A value cannot contain a NUL character.");
    }
    if config
        .startup_script
        .as_ref()
        .is_some_and(|script| script.len() > STARTUP_SCRIPT_MAX)
    {
        fields.add("startup_script", "The script is longer than 64 KiB.");
    }
    if config
        .startup_script
        .as_ref()
        .is_some_and(|script| script.contains('\0'))
    {
        fields.add("startup_script", "The script cannot contain a NUL character.");
    }
    if config.worker_size.as_ref().is_some_and(|size| size.trim().is_empty()) {
        fields.add(
            "worker_size",
            "Name a worker size, or leave it out for the default one.",
        );
    }
    secrets(config, &mut fields);
    parameters(config, &mut fields);
    network(config, protocol, &mut fields);
    fields.check()
}

/// Whether a variable of the asker's may have this name.
pub(crate) fn check_env_name(name: &str) -> std::result::Result<(), String> {
    let starts_well = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("{name:?} is no name of an environment variable."));
    }
    if name.starts_with("PRT_") {
        return Err(format!("{name}: names that start with PRT_ are set by the platform."));
    }
    Ok(())
}

/// A variable has one value. Whether the secrets exist says the store.
fn secrets(config: &WorkerConfig, fields: &mut Fields) {
    for (field, names) in [
        ("personal_secrets", &config.personal_secrets),
        ("shared_secrets", &config.shared_secrets),
    ] {
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                fields.add(field, format!("{name} is there twice."));
            } else if config.env_variables.contains_key(name) {
                fields.add(
                    field,
                    format!("{name} is in env_variables, too; a variable has one value."),
                );
            }
        }
    }
    for name in &config.shared_secrets {
        if config.personal_secrets.contains(name) {
            fields.add(
                "shared_secrets",
                format!("{name} is in personal_secrets, too; a variable has one value."),
            );
        }
    }
}

fn parameters(config: &WorkerConfig, fields: &mut Fields) {
    let length = serde_json::to_string(&config.additional_params).map_or(usize::MAX, |text| text.len());
    if length > PARAMS_MAX {
        fields.add("additional_params", "The parameters are longer than 32 KiB as JSON.");
    }
}

/// A worker is reached through the console, so its protocol is the console's.
fn network(config: &WorkerConfig, protocol: &str, fields: &mut Fields) {
    if let Some(asked) = config.network_protocol.as_deref().filter(|asked| !asked.is_empty())
        && asked != protocol
    {
        fields.add(
            "network_protocol",
            format!("network_protocol must be {protocol}: workers are reached through the console, and its public address is {protocol}."),
        );
    }
}

/// The builder's percentage.
pub fn capacity(config: &WorkerConfig) -> Option<i64> {
    (config.image_config.builder == Some(true))
        .then(|| config.image_config.builder_capacity.unwrap_or(CAPACITY_DEFAULT))
}

#[cfg(test)]
mod tests {
    use prt_types::workers::ImageConfig;

    use super::*;
    use crate::error::Error;

    fn wrong(image_config: ImageConfig) -> Vec<String> {
        let config = WorkerConfig {
            worker_image: "practicus-minimal".into(),
            image_config,
            ..WorkerConfig::default()
        };
        match validate(&config, "http") {
            Ok(()) => vec![],
            Err(Error::InvalidInput { fields, .. }) => fields.into_iter().map(|field| field.message).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn builder_fields_need_a_builder() {
        let capacity = |builder, builder_capacity| ImageConfig {
            builder,
            builder_capacity,
            ..ImageConfig::default()
        };
        assert_eq!(wrong(capacity(Some(true), Some(60))), Vec::<String>::new());
        assert_eq!(wrong(capacity(Some(true), None)), Vec::<String>::new());
        assert_eq!(
            wrong(capacity(None, Some(60))),
            ["builder_capacity needs builder=True."]
        );
        assert_eq!(
            wrong(capacity(Some(false), Some(60))),
            ["builder_capacity needs builder=True."]
        );
        for out in [0, 100, -1] {
            assert_eq!(
                wrong(capacity(Some(true), Some(out))),
                ["builder_capacity is a whole percentage from 1 to 99."]
            );
        }
        let custom = ImageConfig {
            custom_builder_url: Some("h.io/b:1".into()),
            ..ImageConfig::default()
        };
        assert_eq!(wrong(custom), ["custom_builder_url needs builder=True."]);
    }

    #[test]
    fn a_login_is_whole_or_not_there() {
        let login = |name: Option<&str>, password: Option<&str>| ImageConfig {
            repo_username: name.map(Into::into),
            repo_password: password.map(Into::into),
            ..ImageConfig::default()
        };
        assert_eq!(wrong(login(Some("u"), Some("p"))), Vec::<String>::new());
        assert_eq!(wrong(login(Some("u"), None)), ["repo_username needs repo_password."]);
        assert_eq!(wrong(login(None, Some("p"))), ["repo_password needs repo_username."]);
        let by_name = |login: ImageConfig, name: &str| ImageConfig {
            repo_secret_name: Some(name.into()),
            ..login
        };
        assert_eq!(wrong(by_name(login(None, None), "robot")), Vec::<String>::new());
        assert_eq!(wrong(by_name(login(None, None), " ")), ["The name is empty."]);
        assert_eq!(
            wrong(by_name(login(Some("u"), Some("p")), "robot")),
            ["repo_secret_name excludes repo_username and repo_password."]
        );
    }

    fn messages(change: impl FnOnce(&mut WorkerConfig)) -> Vec<(String, String)> {
        let mut config = WorkerConfig {
            worker_image: "x".into(),
            ..WorkerConfig::default()
        };
        change(&mut config);
        match validate(&config, "https") {
            Ok(()) => vec![],
            Err(Error::InvalidInput { fields, .. }) => {
                fields.into_iter().map(|field| (field.field, field.message)).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_worker_speaks_what_the_console_speaks() {
        assert_eq!(messages(|config| config.network_protocol = Some("https".into())), []);
        assert_eq!(messages(|config| config.network_protocol = Some(String::new())), []);
        for other in ["http", "HTTPS", "ftp"] {
            let wrong = messages(|config| config.network_protocol = Some(other.into()));
            assert_eq!(wrong.len(), 1);
            assert!(
                wrong[0].1.starts_with("network_protocol must be https:"),
                "{}",
                wrong[0].1
            );
        }
    }

    #[test]
    fn a_variable_has_one_value() {
        let wrong = messages(|config| {
            config.personal_secrets = vec!["A".into(), "A".into(), "B".into()];
            config.shared_secrets = vec!["B".into(), "C".into()];
            config.env_variables.insert("C".into(), "x".into());
        });
        let fields: Vec<&str> = wrong.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["personal_secrets", "shared_secrets", "shared_secrets"]);
        assert_eq!(wrong[0].1, "A is there twice.");
        assert_eq!(wrong[1].1, "C is in env_variables, too; a variable has one value.");
        assert_eq!(wrong[2].1, "B is in personal_secrets, too; a variable has one value.");
    }

    #[test]
    fn parameters_fit_into_a_variable() {
        let fits = |length: usize| {
            messages(|config| {
                config.additional_params.insert("a".into(), "x".repeat(length).into());
            })
        };
        assert_eq!(fits(PARAMS_MAX - 8), []);
        assert_eq!(fits(PARAMS_MAX - 7)[0].0, "additional_params");
    }

    #[test]
    fn the_platform_keeps_its_variables() {
        let mut config = WorkerConfig {
            worker_image: "x".into(),
            ..WorkerConfig::default()
        };
        config.env_variables.insert("PRT_TOKEN".into(), "x".into());
        assert!(validate(&config, "http").is_err());
        config.env_variables.clear();
        config.env_variables.insert("A=B".into(), "x".into());
        assert!(validate(&config, "http").is_err());
    }
}

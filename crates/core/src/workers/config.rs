//! Validation of a worker's configuration: pure, all wrong fields at once, the same words in every door.

use prt_types::workers::WorkerConfig;

use crate::error::{Fields, Result};

/// What `log_level` may be.
pub const LOG_LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
/// The builder's share when none is given.
const CAPACITY_DEFAULT: i64 = 50;
/// A startup script is meant for a few commands.
const STARTUP_SCRIPT_MAX: usize = 64 * 1024;

/// Checks what can be checked without looking anything up.
pub fn validate(config: &WorkerConfig) -> Result<()> {
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
        let starts_well = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            fields.add(
                "env_variables",
                format!("{name:?} is no name of an environment variable."),
            );
        } else if name.starts_with("PRT_") {
            fields.add(
                "env_variables",
                format!("{name}: names that start with PRT_ are set by the platform."),
            );
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
    unsupported(config, &mut fields);
    fields.check()
}

/// Fields that other installations of the SDK's world have a use for. Here they would be without effect, and are told so instead.
fn unsupported(config: &WorkerConfig, fields: &mut Fields) {
    if config
        .network_protocol
        .as_ref()
        .is_some_and(|protocol| !protocol.is_empty())
    {
        fields.add(
            "network_protocol",
            "network_protocol cannot be chosen: a worker is reached through the console, by the console's own address. Leave it out.",
        );
    }
    for (field, names) in [
        ("personal_secrets", &config.personal_secrets),
        ("shared_secrets", &config.shared_secrets),
    ] {
        if let Some(name) = names.first() {
            let message = format!(
                "There is no secret {name:?}: this console keeps registry credentials only (image_config.repo_secret_name). \
                 Upload other secrets as files once the worker runs."
            );
            fields.add(field, message);
        }
    }
    if let Some(name) = config.additional_params.keys().next() {
        fields.add(
            "additional_params",
            format!("There is no additional parameter {name:?}."),
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
        match validate(&config) {
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

    #[test]
    fn nothing_is_ignored_in_silence() {
        let config = WorkerConfig {
            worker_image: "x".into(),
            network_protocol: Some("https".into()),
            personal_secrets: vec!["mine".into()],
            shared_secrets: vec!["ours".into()],
            additional_params: [("nodes".to_owned(), 3.into())].into(),
            ..WorkerConfig::default()
        };
        let Err(Error::InvalidInput { fields, .. }) = validate(&config) else {
            panic!("accepted")
        };
        let names: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(
            names,
            [
                "network_protocol",
                "personal_secrets",
                "shared_secrets",
                "additional_params"
            ]
        );
        assert!(fields[1].message.starts_with("There is no secret \"mine\""));
    }

    #[test]
    fn the_platform_keeps_its_variables() {
        let mut config = WorkerConfig {
            worker_image: "x".into(),
            ..WorkerConfig::default()
        };
        config.env_variables.insert("PRT_TOKEN".into(), "x".into());
        assert!(validate(&config).is_err());
        config.env_variables.clear();
        config.env_variables.insert("A=B".into(), "x".into());
        assert!(validate(&config).is_err());
    }
}

//! The one place that turns a security context into engine settings.

use bollard::models::HostConfig;
use prt_core::engine::{Seccomp, SecuritySettings};
use prt_types::security_contexts::EngineSetting;

/// The user of the main process (unset = the image's) and the part of `HostConfig` that is about rights.
pub fn apply(settings: &SecuritySettings) -> (Option<String>, HostConfig) {
    let mut options = Vec::new();
    if !settings.allow_privilege_escalation {
        options.push("no-new-privileges:true".into());
    }
    if settings.seccomp == Seccomp::Unconfined {
        options.push("seccomp=unconfined".into());
        // Where AppArmor is on (Ubuntu, Debian), its default profile refuses mount(2), which is what the filter was lifted for.
        options.push("apparmor=unconfined".into());
    }
    // An empty list unmasks; an absent one leaves the engine's default. `docker run` calls this systempaths=unconfined.
    let unmasked = || (!settings.mask_proc).then(Vec::new);
    let list = |names: &[String]| (!names.is_empty()).then(|| names.to_vec());
    let host_config = HostConfig {
        privileged: Some(settings.privileged),
        cap_drop: list(&settings.drop_capabilities),
        cap_add: list(&settings.add_capabilities),
        security_opt: (!options.is_empty()).then_some(options),
        masked_paths: unmasked(),
        readonly_paths: unmasked(),
        readonly_rootfs: Some(settings.read_only_root),
        ..Default::default()
    };
    (settings.run_as.map(|(uid, gid)| format!("{uid}:{gid}")), host_config)
}

/// The settings that a container runs with: [`apply`] backwards.
pub fn read(user: Option<&str>, host_config: &HostConfig) -> SecuritySettings {
    let options = host_config.security_opt.as_deref().unwrap_or_default();
    let option = |wanted: &str| options.iter().any(|option| option == wanted);
    // The engine writes them with the prefix that we leave out.
    let names = |list: &Option<Vec<String>>| {
        let names = list.iter().flatten();
        names
            .map(|name| name.strip_prefix("CAP_").unwrap_or(name).to_owned())
            .collect()
    };
    let ids = user.and_then(|user| {
        let (uid, gid) = user.split_once(':')?;
        Some((uid.parse().ok()?, gid.parse().ok()?))
    });
    SecuritySettings {
        privileged: host_config.privileged == Some(true),
        run_as: ids,
        allow_privilege_escalation: !option("no-new-privileges:true"),
        drop_capabilities: names(&host_config.cap_drop),
        add_capabilities: names(&host_config.cap_add),
        seccomp: if option("seccomp=unconfined") {
            Seccomp::Unconfined
        } else {
            Seccomp::RuntimeDefault
        },
        mask_proc: host_config.masked_paths.as_ref().is_none_or(|paths| !paths.is_empty()),
        read_only_root: host_config.readonly_rootfs == Some(true),
    }
}

/// What [`apply`] asks the engine for, word by word as in the create request.
pub fn describe(settings: &SecuritySettings) -> Vec<EngineSetting> {
    const WORDS: [&str; 7] = [
        "Privileged",
        "CapAdd",
        "CapDrop",
        "SecurityOpt",
        "MaskedPaths",
        "ReadonlyPaths",
        "ReadonlyRootfs",
    ];
    let (user, host_config) = apply(settings);
    // A HostConfig is plain data: it always has a JSON form.
    let host_config = serde_json::to_value(host_config).unwrap_or_default();
    let of_host = WORDS.map(|word| (word, host_config.get(word).cloned().unwrap_or_default()));
    std::iter::once(("User", user.into()))
        .chain(of_host)
        .map(|(name, value)| EngineSetting {
            name: name.into(),
            value: value.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_says_what_is_sent() {
        let described = describe(&SecuritySettings {
            run_as: Some((1000, 1000)),
            drop_capabilities: words(&["ALL"]),
            allow_privilege_escalation: false,
            mask_proc: false,
            ..plain()
        });
        let lines: Vec<String> = described
            .iter()
            .map(|one| format!("{}={}", one.name, one.value))
            .collect();
        assert_eq!(
            lines,
            [
                r#"User="1000:1000""#,
                "Privileged=false",
                "CapAdd=null",
                r#"CapDrop=["ALL"]"#,
                r#"SecurityOpt=["no-new-privileges:true"]"#,
                "MaskedPaths=[]",
                "ReadonlyPaths=[]",
                "ReadonlyRootfs=false",
            ]
        );
    }

    fn plain() -> SecuritySettings {
        SecuritySettings {
            privileged: false,
            run_as: None,
            allow_privilege_escalation: true,
            drop_capabilities: vec![],
            add_capabilities: vec![],
            seccomp: Seccomp::RuntimeDefault,
            mask_proc: true,
            read_only_root: false,
        }
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_setting_reaches_the_engine() {
        let base = HostConfig {
            privileged: Some(false),
            readonly_rootfs: Some(false),
            ..Default::default()
        };
        let table = [
            ("plain", plain(), None, base.clone()),
            (
                "privileged",
                SecuritySettings {
                    privileged: true,
                    ..plain()
                },
                None,
                HostConfig {
                    privileged: Some(true),
                    ..base.clone()
                },
            ),
            (
                "user",
                SecuritySettings {
                    run_as: Some((1000, 1001)),
                    ..plain()
                },
                Some("1000:1001"),
                base.clone(),
            ),
            (
                "no new privileges",
                SecuritySettings {
                    allow_privilege_escalation: false,
                    ..plain()
                },
                None,
                HostConfig {
                    security_opt: Some(words(&["no-new-privileges:true"])),
                    ..base.clone()
                },
            ),
            (
                "capabilities",
                SecuritySettings {
                    drop_capabilities: words(&["ALL"]),
                    add_capabilities: words(&["SETUID", "SETGID"]),
                    ..plain()
                },
                None,
                HostConfig {
                    cap_drop: Some(words(&["ALL"])),
                    cap_add: Some(words(&["SETUID", "SETGID"])),
                    ..base.clone()
                },
            ),
            (
                "unfiltered",
                SecuritySettings {
                    seccomp: Seccomp::Unconfined,
                    ..plain()
                },
                None,
                HostConfig {
                    security_opt: Some(words(&["seccomp=unconfined", "apparmor=unconfined"])),
                    ..base.clone()
                },
            ),
            (
                "unmasked",
                SecuritySettings {
                    mask_proc: false,
                    ..plain()
                },
                None,
                HostConfig {
                    masked_paths: Some(vec![]),
                    readonly_paths: Some(vec![]),
                    ..base.clone()
                },
            ),
            (
                "read-only",
                SecuritySettings {
                    read_only_root: true,
                    ..plain()
                },
                None,
                HostConfig {
                    readonly_rootfs: Some(true),
                    ..base.clone()
                },
            ),
        ];
        for (name, settings, user, host_config) in table {
            assert_eq!(read(user, &host_config), settings, "{name}, backwards");
            assert_eq!(apply(&settings), (user.map(String::from), host_config), "{name}");
        }
    }

    #[test]
    fn an_empty_list_is_sent() {
        // Left out of the JSON it would mean "the default", and BuildKit's sandbox would fail.
        let (_, host_config) = apply(&SecuritySettings {
            mask_proc: false,
            ..plain()
        });
        let json = bollard_json(&host_config);
        assert!(
            json.contains(r#""MaskedPaths":[]"#) && json.contains(r#""ReadonlyPaths":[]"#),
            "{json}"
        );
    }

    fn bollard_json(value: &HostConfig) -> String {
        serde_json::to_string(value).unwrap()
    }
}

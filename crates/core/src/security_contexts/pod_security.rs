//! The level of the Kubernetes Pod Security Standards that settings meet. Pure.
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>

use prt_types::security_contexts::PodSecurityLevel;

use crate::engine::{Seccomp, SecuritySettings};

/// What "baseline" lets a container add.
const BASELINE: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// What "restricted" lets a container add.
const RESTRICTED: [&str; 1] = ["NET_BIND_SERVICE"];

/// The highest level that is met, and what is in the way of the next one.
pub(super) fn level(settings: &SecuritySettings, run_as_non_root: bool) -> (PodSecurityLevel, Vec<String>) {
    let baseline = against_baseline(settings);
    if !baseline.is_empty() {
        return (PodSecurityLevel::Privileged, baseline);
    }
    let restricted = against_restricted(settings, run_as_non_root);
    if !restricted.is_empty() {
        return (PodSecurityLevel::Baseline, restricted);
    }
    (PodSecurityLevel::Restricted, vec![])
}

fn against_baseline(settings: &SecuritySettings) -> Vec<String> {
    let mut reasons = Vec::new();
    if settings.privileged {
        reasons.push("It is privileged.".to_owned());
    }
    reasons.extend(added(settings, &BASELINE, "baseline"));
    if settings.seccomp == Seccomp::Unconfined {
        reasons.push("seccomp is Unconfined, and so is AppArmor.".to_owned());
    }
    if !settings.mask_proc {
        reasons.push("Parts of /proc are not masked (procMount is not Default).".to_owned());
    }
    reasons
}

fn against_restricted(settings: &SecuritySettings, run_as_non_root: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if settings.allow_privilege_escalation {
        reasons.push("Privilege escalation is allowed.".to_owned());
    }
    if !settings.drop_capabilities.iter().any(|name| name == "ALL") {
        reasons.push("Not all capabilities are dropped.".to_owned());
    }
    reasons.extend(added(settings, &RESTRICTED, "restricted"));
    if !run_as_non_root {
        reasons.push("It is not required to run as non-root.".to_owned());
    }
    if settings.run_as.is_some_and(|(uid, _)| uid == 0) {
        reasons.push("It runs as root.".to_owned());
    }
    reasons
}

fn added(settings: &SecuritySettings, allowed: &[&str], level: &str) -> Option<String> {
    let beyond: Vec<&str> = settings
        .add_capabilities
        .iter()
        .map(String::as_str)
        .filter(|name| !allowed.contains(name))
        .collect();
    (!beyond.is_empty()).then(|| {
        format!(
            "Capabilities are added that {level} does not allow: {}.",
            beyond.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use prt_types::{
        security_contexts::{SecurityContext, SecurityRights},
        workers::ContainerRole,
    };

    use super::{super::built_in, *};
    use crate::security_contexts::settings;

    fn of(rights: &SecurityRights) -> PodSecurityLevel {
        level(&settings(rights, ContainerRole::Primary), rights.run_as_non_root).0
    }

    fn restricted() -> SecurityRights {
        built_in(&SecurityContext::Restricted).unwrap()
    }

    #[test]
    fn levels_of_the_built_in_ones() {
        let level = |context| of(&built_in(&context).unwrap());
        assert_eq!(level(SecurityContext::Default), PodSecurityLevel::Baseline);
        assert_eq!(level(SecurityContext::Restricted), PodSecurityLevel::Restricted);
        assert_eq!(level(SecurityContext::Privileged), PodSecurityLevel::Privileged);
    }

    #[test]
    fn one_step_from_restricted() {
        let table = [
            (
                SecurityRights {
                    allow_privilege_escalation: true,
                    ..restricted()
                },
                PodSecurityLevel::Baseline,
            ),
            (
                SecurityRights {
                    drop_capabilities: vec!["CHOWN".into()],
                    ..restricted()
                },
                PodSecurityLevel::Baseline,
            ),
            (
                SecurityRights {
                    run_as_non_root: false,
                    ..restricted()
                },
                PodSecurityLevel::Baseline,
            ),
            (
                SecurityRights {
                    add_capabilities: vec!["NET_BIND_SERVICE".into()],
                    ..restricted()
                },
                PodSecurityLevel::Restricted,
            ),
            (
                SecurityRights {
                    add_capabilities: vec!["CHOWN".into()],
                    ..restricted()
                },
                PodSecurityLevel::Baseline,
            ),
            (
                SecurityRights {
                    add_capabilities: vec!["NET_ADMIN".into()],
                    ..restricted()
                },
                PodSecurityLevel::Privileged,
            ),
            (
                SecurityRights {
                    add_capabilities: vec!["ALL".into()],
                    ..restricted()
                },
                PodSecurityLevel::Privileged,
            ),
            (
                SecurityRights {
                    seccomp: prt_types::security_contexts::SeccompProfile::Unconfined,
                    ..restricted()
                },
                PodSecurityLevel::Privileged,
            ),
            (
                SecurityRights {
                    read_only_root: true,
                    ..restricted()
                },
                PodSecurityLevel::Restricted,
            ),
        ];
        for (rights, expected) in table {
            assert_eq!(of(&rights), expected, "{rights:?}");
        }
    }

    #[test]
    fn a_lower_level_says_why() {
        for context in SecurityContext::BUILT_IN {
            let rights = built_in(&context).unwrap();
            for role in [ContainerRole::Primary, ContainerRole::Builder] {
                let (level, reasons) = level(&settings(&rights, role), rights.run_as_non_root);
                assert_eq!(reasons.is_empty(), level == PodSecurityLevel::Restricted);
            }
        }
    }
}

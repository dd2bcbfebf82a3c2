//! What each security context gives to a container: the one place that decides it. The engine adapter only translates.

mod capabilities;
mod edit;
mod pod_security;
mod validate;

use prt_types::{
    security_contexts::{SeccompProfile, SecurityContext, SecurityRights},
    workers::ContainerRole,
};

use crate::{
    engine::{Seccomp, SecuritySettings},
    error::{Error, Result},
    store::Repository,
};

/// The user of platform images.
pub const WORKER_UID: u32 = 1000;

/// Stands for a context that nobody knows any more.
const UNKNOWN: &str = "unknown";

/// What a built-in context says; none for one that an admin made.
pub fn built_in(context: &SecurityContext) -> Option<SecurityRights> {
    match context {
        SecurityContext::Default => Some(base()),
        SecurityContext::Restricted => Some(SecurityRights {
            allow_privilege_escalation: false,
            drop_capabilities: vec!["ALL".into()],
            ..base()
        }),
        SecurityContext::Privileged => Some(SecurityRights {
            privileged: true,
            run_as_user: None,
            run_as_non_root: false,
            ..base()
        }),
        SecurityContext::Own(_) => None,
    }
}

/// The image's platform user; the engine's own capabilities and filter, so that `sudo` works.
fn base() -> SecurityRights {
    SecurityRights {
        run_as_user: Some(WORKER_UID),
        run_as_non_root: true,
        read_only_root: false,
        add_capabilities: vec![],
        drop_capabilities: vec![],
        seccomp: SeccompProfile::RuntimeDefault,
        allow_privilege_escalation: true,
        privileged: false,
    }
}

/// What a context says now.
pub(crate) async fn rights(tx: &mut dyn Repository, context: &SecurityContext) -> Result<SecurityRights> {
    if let Some(rights) = built_in(context) {
        return Ok(rights);
    }
    let own = tx.security_context(context.name()).await?;
    own.map(|own| own.rights)
        .ok_or_else(|| Error::field("security_context", missing(context.name())))
}

/// What a container of a worker without a row was started with: the context whose settings these are, or an unknown one with their rights.
pub(crate) async fn observed(
    tx: &mut dyn Repository,
    primary: &SecuritySettings,
) -> Result<(SecurityContext, SecurityRights)> {
    let own = tx.security_contexts().await?.into_iter();
    let own = own.map(|own| (SecurityContext::Own(own.name), own.rights));
    let built_in = SecurityContext::BUILT_IN
        .into_iter()
        .filter_map(|context| Some((context.clone(), built_in(&context)?)));
    let known = built_in
        .chain(own)
        .find(|(_, rights)| settings(rights, ContainerRole::Primary) == *primary);
    Ok(known.unwrap_or_else(|| {
        let uid = primary.run_as.map(|(uid, _)| uid);
        let rights = SecurityRights {
            run_as_user: uid,
            run_as_non_root: uid.is_some_and(|uid| uid != 0),
            read_only_root: primary.read_only_root,
            add_capabilities: primary.add_capabilities.clone(),
            drop_capabilities: primary.drop_capabilities.clone(),
            seccomp: match primary.seccomp {
                Seccomp::RuntimeDefault => SeccompProfile::RuntimeDefault,
                Seccomp::Unconfined => SeccompProfile::Unconfined,
            },
            allow_privilege_escalation: primary.allow_privilege_escalation,
            privileged: primary.privileged,
        };
        (SecurityContext::Own(UNKNOWN.into()), rights)
    }))
}

/// The words for a context that is not there.
pub(crate) fn missing(name: &str) -> String {
    format!("There is no security context {name}.")
}

/// Settings of a container of a worker with these rights.
pub fn settings(rights: &SecurityRights, role: ContainerRole) -> SecuritySettings {
    match (role, rights.privileged) {
        (ContainerRole::Primary, _) => SecuritySettings {
            privileged: rights.privileged,
            run_as: rights.run_as_user.map(|uid| (uid, group_of(uid))),
            allow_privilege_escalation: rights.allow_privilege_escalation,
            drop_capabilities: rights.drop_capabilities.clone(),
            add_capabilities: rights.add_capabilities.clone(),
            seccomp: match rights.seccomp {
                SeccompProfile::RuntimeDefault => Seccomp::RuntimeDefault,
                SeccompProfile::Unconfined => Seccomp::Unconfined,
            },
            mask_proc: true,
            read_only_root: rights.read_only_root,
        },
        (ContainerRole::Builder, true) => SecuritySettings {
            privileged: true,
            run_as: None,
            allow_privilege_escalation: true,
            drop_capabilities: vec![],
            add_capabilities: vec![],
            seccomp: Seccomp::RuntimeDefault,
            mask_proc: true,
            read_only_root: false,
        },
        (ContainerRole::Builder, false) => restricted_builder(),
    }
}

/// The build folder belongs to the platform's group, so that any user of the primary can write there.
fn group_of(uid: u32) -> u32 {
    if uid == 0 { 0 } else { WORKER_UID }
}

/// The least that rootless BuildKit works with: it needs `newuidmap` and `newgidmap` (two capabilities, gained by file
/// capabilities, hence escalation), system calls that the default filter refuses, and an unmasked `/proc` for its process sandbox.
pub(crate) fn restricted_builder() -> SecuritySettings {
    SecuritySettings {
        privileged: false,
        run_as: Some((WORKER_UID, WORKER_UID)),
        allow_privilege_escalation: true,
        drop_capabilities: vec!["ALL".into()],
        add_capabilities: vec!["SETUID".into(), "SETGID".into()],
        seccomp: Seccomp::Unconfined,
        mask_proc: false,
        read_only_root: false,
    }
}

/// Whether who has these rights has the host: all of them, or capabilities that come to the same.
pub(crate) fn gives_host(rights: &SecurityRights) -> bool {
    // DAC_READ_SEARCH opens the host's files by their handles, BPF reads the kernel's memory.
    const AS_MUCH: [&str; 7] = [
        "ALL",
        "BPF",
        "DAC_READ_SEARCH",
        "SYS_ADMIN",
        "SYS_MODULE",
        "SYS_PTRACE",
        "SYS_RAWIO",
    ];
    let added = |name: &String| AS_MUCH.contains(&name.as_str());
    rights.privileged || rights.add_capabilities.iter().any(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_privileged_context_is_privileged() {
        for context in SecurityContext::BUILT_IN {
            let rights = built_in(&context).unwrap();
            assert_eq!(gives_host(&rights), context == SecurityContext::Privileged);
            for role in [ContainerRole::Primary, ContainerRole::Builder] {
                let settings = settings(&rights, role);
                assert_eq!(settings.privileged, context == SecurityContext::Privileged);
                assert_eq!(settings.run_as.is_none(), context == SecurityContext::Privileged);
            }
        }
    }

    #[test]
    fn the_restricted_primary_can_gain_nothing() {
        let restricted = built_in(&SecurityContext::Restricted).unwrap();
        let primary = settings(&restricted, ContainerRole::Primary);
        assert!(!primary.allow_privilege_escalation);
        assert_eq!(primary.drop_capabilities, ["ALL"]);
        assert!(primary.add_capabilities.is_empty());
        assert_eq!(primary.seccomp, Seccomp::RuntimeDefault);
        assert!(primary.mask_proc);
    }

    #[test]
    fn an_own_context_reaches_the_primary_and_leaves_the_builder() {
        let own = SecurityRights {
            run_as_user: Some(2000),
            read_only_root: true,
            add_capabilities: vec!["NET_ADMIN".into()],
            seccomp: SeccompProfile::Unconfined,
            ..base()
        };
        let primary = settings(&own, ContainerRole::Primary);
        assert_eq!(primary.run_as, Some((2000, WORKER_UID)));
        assert!(primary.read_only_root);
        assert_eq!(primary.add_capabilities, ["NET_ADMIN"]);
        assert_eq!(primary.seccomp, Seccomp::Unconfined);
        assert_eq!(settings(&own, ContainerRole::Builder), restricted_builder());
        let own = SecurityRights {
            privileged: true,
            ..own
        };
        assert!(settings(&own, ContainerRole::Builder).privileged);
    }
}

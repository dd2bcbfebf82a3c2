//! What each security context gives to a container: the one place that decides it. The engine adapter only translates.

use prt_types::{worker_sizes::SecurityContext, workers::ContainerRole};

use crate::engine::{Seccomp, SecuritySettings};

/// The user of platform images.
pub const WORKER_UID: u32 = 1000;

/// Settings of a container of a worker whose size has this context.
pub fn settings(context: SecurityContext, role: ContainerRole) -> SecuritySettings {
    match (context, role) {
        (SecurityContext::Privileged, _) => SecuritySettings {
            privileged: true,
            run_as: None,
            ..base()
        },
        (SecurityContext::Default, ContainerRole::Primary) => base(),
        (SecurityContext::Restricted, ContainerRole::Primary) => SecuritySettings {
            allow_privilege_escalation: false,
            drop_capabilities: vec!["ALL".into()],
            ..base()
        },
        (SecurityContext::Default | SecurityContext::Restricted, ContainerRole::Builder) => restricted_builder(),
    }
}

/// Default: the image's platform user; the engine's own capabilities and filter, so that `sudo` works.
fn base() -> SecuritySettings {
    SecuritySettings {
        privileged: false,
        run_as: Some((WORKER_UID, WORKER_UID)),
        allow_privilege_escalation: true,
        drop_capabilities: vec![],
        add_capabilities: vec![],
        seccomp: Seccomp::RuntimeDefault,
        mask_proc: true,
        read_only_root: false,
    }
}

/// The least that rootless BuildKit works with: it needs `newuidmap` and `newgidmap` (two capabilities, gained by file
/// capabilities, hence escalation), system calls that the default filter refuses, and an unmasked `/proc` for its process sandbox.
fn restricted_builder() -> SecuritySettings {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_privileged_context_is_privileged() {
        for context in [
            SecurityContext::Default,
            SecurityContext::Restricted,
            SecurityContext::Privileged,
        ] {
            for role in [ContainerRole::Primary, ContainerRole::Builder] {
                let settings = settings(context, role);
                assert_eq!(settings.privileged, context == SecurityContext::Privileged);
                assert_eq!(settings.run_as.is_none(), context == SecurityContext::Privileged);
            }
        }
    }

    #[test]
    fn the_restricted_primary_can_gain_nothing() {
        let primary = settings(SecurityContext::Restricted, ContainerRole::Primary);
        assert!(!primary.allow_privilege_escalation);
        assert_eq!(primary.drop_capabilities, ["ALL"]);
        assert!(primary.add_capabilities.is_empty());
        assert_eq!(primary.seccomp, Seccomp::RuntimeDefault);
        assert!(primary.mask_proc);
    }
}

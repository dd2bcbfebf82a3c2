//! What `security-context create` and `security-context update` take.

use clap::ValueEnum;
use prt_types::security_contexts::{SeccompProfile, SecurityContextInput};

/// As Kubernetes spells it.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Seccomp {
    /// The runtime's own profile
    #[default]
    #[value(name = "RuntimeDefault")]
    RuntimeDefault,
    /// None
    #[value(name = "Unconfined")]
    Unconfined,
}

/// What a security context says, as a whole.
#[derive(Debug, clap::Args)]
pub struct Fields {
    /// For people
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// uid of the main process; default: the image's user
    #[arg(long, value_name = "UID")]
    run_as_user: Option<u32>,
    /// Refuse root as the user
    #[arg(long)]
    run_as_non_root: bool,
    /// Root file system read-only; home, build folder and /tmp stay writable
    #[arg(long)]
    read_only_root: bool,
    /// A capability to add, e.g. NET_ADMIN
    #[arg(long = "cap-add", value_name = "NAME", value_delimiter = ',')]
    add_capabilities: Vec<String>,
    /// A capability to drop; ALL = all
    #[arg(long = "cap-drop", value_name = "NAME", value_delimiter = ',')]
    drop_capabilities: Vec<String>,
    /// System call filter
    #[arg(long, value_name = "PROFILE", value_enum, default_value_t)]
    seccomp: Seccomp,
    /// Let processes gain rights (setuid, sudo)
    #[arg(long)]
    allow_privilege_escalation: bool,
    /// All devices and capabilities: root on the host
    #[arg(long)]
    privileged: bool,
    /// Say that a privileged security context is meant
    #[arg(long)]
    confirm_privileged: bool,
}

impl Fields {
    pub fn input(self, name: String, revision: Option<i64>) -> SecurityContextInput {
        SecurityContextInput {
            name,
            description: self.description,
            run_as_user: self.run_as_user,
            run_as_non_root: self.run_as_non_root,
            read_only_root: self.read_only_root,
            add_capabilities: self.add_capabilities,
            drop_capabilities: self.drop_capabilities,
            seccomp: match self.seccomp {
                Seccomp::RuntimeDefault => SeccompProfile::RuntimeDefault,
                Seccomp::Unconfined => SeccompProfile::Unconfined,
            },
            allow_privilege_escalation: self.allow_privilege_escalation,
            privileged: self.privileged,
            confirm_privileged: self.confirm_privileged,
            revision,
        }
    }
}

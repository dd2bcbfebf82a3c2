//! What `security-context create` and `security-context update` take.

use clap::ValueEnum;
use prt_types::security_contexts::{SeccompProfile, SecurityContextInput, SecurityContextView};

use crate::params::merge::{list, put};

/// As Kubernetes spells it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Seccomp {
    /// The runtime's own profile
    #[value(name = "RuntimeDefault")]
    RuntimeDefault,
    /// None
    #[value(name = "Unconfined")]
    Unconfined,
}

impl From<Seccomp> for SeccompProfile {
    fn from(seccomp: Seccomp) -> Self {
        match seccomp {
            Seccomp::RuntimeDefault => Self::RuntimeDefault,
            Seccomp::Unconfined => Self::Unconfined,
        }
    }
}

/// The user of the main process; none = the image's.
#[derive(Clone, Copy, Debug)]
struct User(Option<u32>);

/// Each is left as it is if it is not named.
#[derive(Debug, clap::Args)]
pub struct Fields {
    /// For people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// uid of the main process; --run-as-user= for the image's user
    #[arg(long, value_name = "UID", value_parser = user)]
    run_as_user: Option<User>,
    /// Refuse root as the user
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    run_as_non_root: Option<bool>,
    /// Root file system read-only; home, build folder and /tmp stay writable
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    read_only_root: Option<bool>,
    /// A capability to add, e.g. NET_ADMIN; replaces those before; --cap-add= for none
    #[arg(long = "cap-add", value_name = "NAME", value_delimiter = ',')]
    add_capabilities: Vec<String>,
    /// A capability to drop; ALL = all; replaces those before; --cap-drop= for none
    #[arg(long = "cap-drop", value_name = "NAME", value_delimiter = ',')]
    drop_capabilities: Vec<String>,
    /// System call filter; a new one has RuntimeDefault
    #[arg(long, value_name = "PROFILE", value_enum)]
    seccomp: Option<Seccomp>,
    /// Let processes gain rights (setuid, sudo)
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    allow_privilege_escalation: Option<bool>,
    /// All devices and capabilities: root on the host
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    privileged: Option<bool>,
    /// Say that a privileged security context is meant
    #[arg(long)]
    confirm_privileged: bool,
}

impl Fields {
    /// Puts what was named over `input`.
    pub fn over(self, mut input: SecurityContextInput) -> SecurityContextInput {
        put(&mut input.description, self.description);
        put(&mut input.run_as_user, self.run_as_user.map(|user| user.0));
        put(&mut input.run_as_non_root, self.run_as_non_root);
        put(&mut input.read_only_root, self.read_only_root);
        put(&mut input.add_capabilities, list(self.add_capabilities));
        put(&mut input.drop_capabilities, list(self.drop_capabilities));
        put(&mut input.seccomp, self.seccomp.map(SeccompProfile::from));
        put(&mut input.allow_privilege_escalation, self.allow_privilege_escalation);
        put(&mut input.privileged, self.privileged);
        input.confirm_privileged = self.confirm_privileged;
        input
    }
}

/// What an update would have to say to change nothing.
pub fn unchanged(context: SecurityContextView) -> SecurityContextInput {
    let rights = context.rights;
    SecurityContextInput {
        name: context.name,
        description: context.description,
        run_as_user: rights.run_as_user,
        run_as_non_root: rights.run_as_non_root,
        read_only_root: rights.read_only_root,
        add_capabilities: rights.add_capabilities,
        drop_capabilities: rights.drop_capabilities,
        seccomp: rights.seccomp,
        allow_privilege_escalation: rights.allow_privilege_escalation,
        privileged: rights.privileged,
        confirm_privileged: false,
        revision: Some(context.revision),
    }
}

fn user(text: &str) -> Result<User, String> {
    if text.is_empty() {
        return Ok(User(None));
    }
    let uid = text
        .parse()
        .map_err(|_| "a number such as 1000 is expected".to_owned())?;
    Ok(User(Some(uid)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        name: String,
        #[command(flatten)]
        fields: Fields,
    }

    fn over(args: &[&str], input: SecurityContextInput) -> Result<SecurityContextInput, String> {
        let line = Line::try_parse_from([&["x"], args].concat()).map_err(|error| error.to_string())?;
        assert_eq!(line.name, "a");
        Ok(line.fields.over(input))
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = SecurityContextInput {
            description: "For jobs".into(),
            run_as_user: Some(1000),
            run_as_non_root: true,
            read_only_root: true,
            add_capabilities: vec!["CHOWN".into()],
            drop_capabilities: vec!["ALL".into()],
            seccomp: SeccompProfile::Unconfined,
            ..SecurityContextInput::default()
        };
        assert_eq!(over(&["a"], before.clone()).unwrap(), before);
        let after = over(
            &[
                "--read-only-root=false",
                "--cap-add=",
                "--allow-privilege-escalation",
                "a",
            ],
            before.clone(),
        );
        let wanted = SecurityContextInput {
            read_only_root: false,
            add_capabilities: vec![],
            allow_privilege_escalation: true,
            ..before.clone()
        };
        assert_eq!(after.unwrap(), wanted);
        let after = over(
            &[
                "a",
                "--run-as-user=",
                "--run-as-non-root=false",
                "--cap-drop",
                "KILL,MKNOD",
            ],
            before.clone(),
        );
        let wanted = SecurityContextInput {
            run_as_user: None,
            run_as_non_root: false,
            drop_capabilities: vec!["KILL".into(), "MKNOD".into()],
            ..before.clone()
        };
        assert_eq!(after.unwrap(), wanted);
        for wrong in [
            "--run-as-user=root",
            "--run-as-user=-1",
            "--privileged=maybe",
            "--seccomp=x",
        ] {
            assert!(over(&["a", wrong], before.clone()).is_err(), "{wrong}");
        }
    }
}

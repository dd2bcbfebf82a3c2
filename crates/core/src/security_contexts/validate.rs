//! What an admin may write into a security context.

use prt_types::security_contexts::{SecurityContext, SecurityContextInput, SecurityRights};

use super::capabilities::normalize;
use crate::error::{Fields, Result};

const NAME_MAX: usize = 63;
const DESCRIPTION_MAX: usize = 500;
const UID_MAX: u32 = i32::MAX as u32;

/// Name and description evened out, and the rights.
pub(super) fn validate(input: &SecurityContextInput) -> Result<(String, String, SecurityRights)> {
    let mut fields = Fields::new();
    let name = input.name.trim();
    if !is_name(name) {
        let message = format!(
            "A name begins with a letter or digit and has letters, digits, -, _ and . only, at most {NAME_MAX}."
        );
        fields.add("name", message);
    } else if name == "new" {
        // The address of the form for a new one.
        fields.add("name", "Choose another name: new is the console's own.");
    } else if SecurityContext::BUILT_IN
        .iter()
        .any(|context| context.name().eq_ignore_ascii_case(name))
    {
        fields.add(
            "name",
            format!("The security context {name} is built in. Choose another name."),
        );
    }
    let description = input.description.trim();
    if description.chars().count() > DESCRIPTION_MAX {
        fields.add("description", format!("At most {DESCRIPTION_MAX} characters."));
    }
    let mut list = |field: &str, names: &[String]| {
        normalize(names).unwrap_or_else(|message| {
            fields.add(field, message);
            vec![]
        })
    };
    let add = list("add_capabilities", &input.add_capabilities);
    let drop = list("drop_capabilities", &input.drop_capabilities);
    let both: Vec<&str> = add
        .iter()
        .filter(|name| drop.contains(name))
        .map(String::as_str)
        .collect();
    if !both.is_empty() {
        let message = format!("Added and dropped at once: {}.", both.join(", "));
        fields.add("add_capabilities", message);
    }
    match input.run_as_user {
        Some(0) if input.run_as_non_root => {
            fields.add("run_as_user", "User 0 is root, and running as root is refused here.");
        }
        None if input.run_as_non_root => fields.add(
            "run_as_user",
            "Name the user: without one it is the image's, which may be root.",
        ),
        Some(uid) if uid > UID_MAX => fields.add("run_as_user", format!("At most {UID_MAX}.")),
        Some(_) | None => {}
    }
    if input.privileged {
        if !drop.is_empty() {
            fields.add(
                "drop_capabilities",
                "A privileged container has all capabilities: none can be dropped.",
            );
        }
        if !add.is_empty() {
            fields.add(
                "add_capabilities",
                "A privileged container has all capabilities: none need be added.",
            );
        }
        if !input.allow_privilege_escalation {
            fields.add(
                "allow_privilege_escalation",
                "A privileged container can always gain rights: allow privilege escalation, or do not make it privileged.",
            );
        }
    }
    fields.check()?;
    let rights = SecurityRights {
        run_as_user: input.run_as_user,
        run_as_non_root: input.run_as_non_root,
        read_only_root: input.read_only_root,
        add_capabilities: add,
        drop_capabilities: drop,
        seccomp: input.seccomp,
        allow_privilege_escalation: input.allow_privilege_escalation,
        privileged: input.privileged,
    };
    Ok((name.to_owned(), description.to_owned(), rights))
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn input() -> SecurityContextInput {
        SecurityContextInput {
            name: "own".into(),
            ..SecurityContextInput::default()
        }
    }

    fn wrong(input: &SecurityContextInput) -> Vec<String> {
        match validate(input) {
            Err(Error::InvalidInput { fields, .. }) => fields.into_iter().map(|field| field.field).collect(),
            Ok(_) => vec![],
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn contradictions_are_refused_at_their_field() {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(wrong(&input()).is_empty());
        let table = [
            (
                SecurityContextInput {
                    run_as_non_root: true,
                    run_as_user: Some(0),
                    ..input()
                },
                "run_as_user",
            ),
            (
                SecurityContextInput {
                    run_as_non_root: true,
                    ..input()
                },
                "run_as_user",
            ),
            (
                SecurityContextInput {
                    privileged: true,
                    ..input()
                },
                "allow_privilege_escalation",
            ),
            (
                SecurityContextInput {
                    privileged: true,
                    allow_privilege_escalation: true,
                    drop_capabilities: list(&["CHOWN"]),
                    ..input()
                },
                "drop_capabilities",
            ),
            (
                SecurityContextInput {
                    add_capabilities: list(&["CAP_CHOWN"]),
                    drop_capabilities: list(&["chown"]),
                    ..input()
                },
                "add_capabilities",
            ),
            (
                SecurityContextInput {
                    name: "privileged".into(),
                    ..input()
                },
                "name",
            ),
            (
                SecurityContextInput {
                    name: "a b".into(),
                    ..input()
                },
                "name",
            ),
        ];
        for (input, field) in table {
            assert_eq!(wrong(&input), [field], "{input:?}");
        }
    }
}

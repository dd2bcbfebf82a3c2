use std::process::Command;

use proptest::prelude::*;
use prt_types::{
    Secret,
    access::{Role, TokenScope},
    ids::{GroupId, UserId},
};
use uuid::Uuid;

use super::*;
use crate::store::Grantee;

fn actor(user: u128, role: Role, groups: &[u128]) -> Actor {
    Actor {
        user_id: UserId(Uuid::from_u128(user)),
        username: format!("user-{user}"),
        role,
        groups: groups.iter().map(|group| GroupId(Uuid::from_u128(*group))).collect(),
        only_worker: None,
        scope: TokenScope::Full,
        token: None,
    }
}

fn secret(owner: Option<u128>, group: Option<u128>) -> NamedSecret {
    NamedSecret {
        id: NamedSecretId(Uuid::from_u128(9)),
        name: "KEY".into(),
        owner: owner.map(|id| UserId(Uuid::from_u128(id))),
        value_sealed: vec![],
        grants: group
            .map(|id| Grantee::Group(GroupId(Uuid::from_u128(id))))
            .into_iter()
            .collect(),
        last_used_ms: None,
        revision: 1,
        created_ms: 0,
        updated_ms: 0,
    }
}

#[test]
fn who_sees_uses_and_edits() {
    let (own, team, nobodys) = (secret(Some(1), None), secret(None, Some(7)), secret(None, None));
    let (user, member, admin) = (
        actor(1, Role::User, &[]),
        actor(2, Role::User, &[7]),
        actor(3, Role::Admin, &[]),
    );
    let rights = |who: &Actor, what: &NamedSecret| (sees(who, what), uses(who, what), edits(who, what));
    assert_eq!(rights(&user, &own), (true, true, true));
    assert_eq!(rights(&member, &own), (false, false, false));
    assert_eq!(rights(&admin, &own), (false, false, false), "not even an admin");
    assert_eq!(rights(&user, &team), (false, false, false));
    assert_eq!(rights(&member, &team), (true, true, false));
    assert_eq!(rights(&admin, &team), (true, false, true), "managing is not using");
    assert_eq!(rights(&member, &nobodys), (false, false, false));
}

#[test]
fn each_wrong_field_is_named() {
    let wrong = |change: fn(&mut NamedSecretInput), before: Option<&NamedSecret>| {
        let mut input = NamedSecretInput {
            name: "KEY".into(),
            value: Some("v".into()),
            ..NamedSecretInput::default()
        };
        change(&mut input);
        match validate(&input, before) {
            Ok(()) => String::new(),
            Err(Error::InvalidInput { fields, .. }) => {
                let names: Vec<_> = fields.into_iter().map(|field| field.field).collect();
                names.join(" ")
            }
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(wrong(|_| (), None), "");
    for name in ["", "1A", "A-B", "A B", "PRT_TOKEN", "Ä"] {
        let input = NamedSecretInput {
            name: name.into(),
            value: Some("v".into()),
            ..NamedSecretInput::default()
        };
        assert!(validate(&input, None).is_err(), "{name}");
    }
    assert_eq!(wrong(|input| input.name = "X".repeat(65), None), "name");
    assert_eq!(wrong(|input| input.value = None, None), "value");
    assert_eq!(wrong(|input| input.value = Some("".into()), None), "value");
    assert_eq!(wrong(|input| input.value = Some("a\0".into()), None), "value");
    assert_eq!(
        wrong(|input| input.value = Some("x".repeat(32 * 1024 + 1).into()), None),
        "value"
    );
    assert_eq!(wrong(|input| input.users = vec!["bob".into()], None), "users");
    let before = secret(Some(1), None);
    assert_eq!(wrong(|input| input.value = None, Some(&before)), "");
    assert_eq!(wrong(|input| input.name = "OTHER".into(), Some(&before)), "name");
    assert_eq!(wrong(|input| input.kind = SecretKind::Shared, Some(&before)), "kind");
}

#[test]
fn a_sealed_value_is_one_owners() {
    let mut other = secret(Some(2), None);
    let own = secret(Some(1), None);
    assert_ne!(sealed_for(&own), sealed_for(&other));
    other.owner = None;
    assert_ne!(sealed_for(&own), sealed_for(&other));
}

#[test]
fn a_list_of_values_is_not_printed() {
    assert!(!format!("{:?}", Secret::new("v-1")).contains("v-1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a value holds, a shell hands it on as it is and runs none of it.
    #[test]
    fn a_shell_reads_what_was_kept(value in "[^\u{0}]{1,60}", quotes in "['\"$`\\\\\n ]{0,8}") {
        let value = format!("{quotes}{value}{quotes}");
        let script = format!("{}printf %s \"$KEY\"", uses::export("KEY", &value));
        let out = Command::new("sh").args(["-c", &script]).output().unwrap();
        prop_assert!(out.status.success());
        prop_assert_eq!(String::from_utf8(out.stdout).unwrap(), value);
    }
}

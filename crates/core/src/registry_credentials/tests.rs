use uuid::Uuid;

use super::*;
use prt_types::{
    access::Role,
    ids::{GroupId, UserId},
};

fn actor(user: u128, role: Role, groups: &[u128]) -> Actor {
    Actor {
        user_id: UserId(Uuid::from_u128(user)),
        username: format!("user-{user}"),
        role,
        groups: groups.iter().map(|group| GroupId(Uuid::from_u128(*group))).collect(),
        only_worker: None,
        scope: prt_types::access::TokenScope::Full,
        token: None,
    }
}

fn credential(owner: Grantee) -> RegistryCredential {
    RegistryCredential {
        id: RegistryCredentialId(Uuid::from_u128(9)),
        name: "robot".into(),
        host: "r.io".into(),
        username: "u".into(),
        password_sealed: vec![],
        owner,
        stored_by: Some(UserId(Uuid::from_u128(1))),
        expires_ms: Some(50),
        last_used_ms: None,
        revision: 1,
        created_ms: 0,
        updated_ms: 0,
    }
}

#[test]
fn who_sees_uses_and_edits() {
    let own = credential(Grantee::User(UserId(Uuid::from_u128(1))));
    let team = credential(Grantee::Group(GroupId(Uuid::from_u128(7))));
    let (user, member, admin) = (
        actor(1, Role::User, &[]),
        actor(2, Role::User, &[7]),
        actor(3, Role::Admin, &[]),
    );
    let rights = |who: &Actor, what: &RegistryCredential| (sees(who, what), uses(who, what), edits(who, what));
    assert_eq!(rights(&user, &own), (true, true, true));
    assert_eq!(rights(&member, &own), (false, false, false));
    assert_eq!(rights(&admin, &own), (true, false, true), "managing is not using");
    assert_eq!(rights(&user, &team), (false, false, false));
    assert_eq!(rights(&member, &team), (true, true, false));
}

#[test]
fn only_who_gave_the_password_of_a_personal_one_has_it_as_their_own() {
    let user = actor(1, Role::User, &[7]);
    let own = credential(Grantee::User(user.user_id));
    assert!(is_own(&user, &own));
    for stored_by in [None, Some(UserId(Uuid::from_u128(3)))] {
        let given = RegistryCredential {
            stored_by,
            ..own.clone()
        };
        assert!(uses(&user, &given) && !is_own(&user, &given), "{stored_by:?}");
    }
    let team = credential(Grantee::Group(GroupId(Uuid::from_u128(7))));
    assert!(
        uses(&user, &team) && !is_own(&user, &team),
        "others may change its password"
    );
}

#[test]
fn each_wrong_field_is_named() {
    let input = || RegistryCredentialInput {
        name: "corp-robot".into(),
        host: " Registry.Example.com:5000 ".into(),
        username: "robot$x".into(),
        password: Some("p".into()),
        expires_ms: Some(101),
        ..RegistryCredentialInput::default()
    };
    let wrong = |change: fn(&mut RegistryCredentialInput), before: Option<&RegistryCredential>| {
        let mut input = input();
        change(&mut input);
        match validate(&input, before, 100) {
            Ok(()) => String::new(),
            Err(Error::InvalidInput { fields, .. }) => fields
                .into_iter()
                .map(|field| field.field)
                .collect::<Vec<_>>()
                .join(" "),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(wrong(|_| (), None), "");
    assert_eq!(wrong(|input| input.name = "-x".into(), None), "name");
    assert_eq!(wrong(|input| input.name = "Upper".into(), None), "name");
    assert_eq!(wrong(|input| input.name = "x".repeat(64), None), "name");
    assert_eq!(wrong(|input| input.host = "https://r.io".into(), None), "host");
    assert_eq!(wrong(|input| input.host = "r.io/demo".into(), None), "host");
    assert_eq!(wrong(|input| input.username = "a:b".into(), None), "username");
    assert_eq!(wrong(|input| input.password = None, None), "password");
    assert_eq!(wrong(|input| input.password = Some("".into()), None), "password");
    assert_eq!(wrong(|input| input.password = Some("a\nb".into()), None), "password");
    assert_eq!(wrong(|input| input.expires_ms = Some(100), None), "expires_ms");
    assert_eq!(
        wrong(|input| *input = RegistryCredentialInput::default(), None),
        "name host username password"
    );
    let before = credential(Grantee::User(UserId(Uuid::from_u128(1))));
    let same_host = |input: &mut RegistryCredentialInput| {
        input.host = "R.io".into();
        input.password = None;
    };
    assert_eq!(wrong(same_host, Some(&before)), "");
    assert_eq!(wrong(|input| input.password = None, Some(&before)), "password");
    assert_eq!(
        wrong(|input| input.expires_ms = Some(50), Some(&before)),
        "",
        "an end that has passed may stay"
    );
    assert_eq!(wrong(|input| input.expires_ms = Some(51), Some(&before)), "expires_ms");
}

#[test]
fn an_end_is_said_as_a_date() {
    assert_eq!(utc(1_795_490_135_372), "2026-11-24 03:15 UTC");
    assert_eq!(registry_of(" Index.Docker.io"), "docker.io");
}

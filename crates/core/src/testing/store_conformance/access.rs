//! Users, groups, tokens and sessions.

use prt_types::{
    access::{Role, TokenScope},
    ids::{GroupId, TokenId, UserId, WorkerId},
};

use super::{
    Stories, read,
    samples::{group, token, user, user_with_worker, worker},
    write,
};
use crate::{
    clock::new_id,
    store::{ApiToken, SessionRow, StoreError, User},
};

pub(super) async fn users(stories: &Stories) {
    let store = stories.open("users").await;
    store.ping().await.unwrap();
    let mut repo = write(&store).await;
    assert!(repo.users().await.unwrap().is_empty());
    let mut ada = user("ada");
    ada.role = Role::Admin;
    // Sorted by bytes on every database: a language's rules would put Zoe and émile elsewhere.
    let (bob, zoe, emile) = (user("bob"), user("Zoe"), user("émile"));
    for one in [&bob, &emile, &ada, &zoe] {
        repo.user_add(one).await.unwrap();
    }
    repo.user_set_password(bob.id, "new").await.unwrap();
    repo.save().await.unwrap();

    let mut repo = read(&store).await;
    let mut changed = bob.clone();
    changed.password_hash = "new".into();
    assert_eq!(repo.user(ada.id).await.unwrap(), Some(ada.clone()));
    assert_eq!(repo.user_by_name("bob").await.unwrap(), Some(changed.clone()));
    assert_eq!(
        repo.user_by_name("Bob").await.unwrap(),
        None,
        "names are compared as they are"
    );
    assert_eq!(repo.user_by_name("b%").await.unwrap(), None, "a name is no pattern");
    assert_eq!(repo.user(UserId(new_id())).await.unwrap(), None);
    assert_eq!(repo.users().await.unwrap(), [zoe, ada, changed, emile]);
    drop(repo);

    let mut repo = write(&store).await;
    let taken = repo.user_add(&user("ada")).await.unwrap_err();
    assert_unique(&taken, "login name");
    drop(repo);
    let mut repo = write(&store).await;
    let mut same_id = user("carl");
    same_id.id = bob.id;
    let taken = repo.user_add(&same_id).await.unwrap_err();
    assert_unique(&taken, "id");
    drop(repo);
    let mut repo = write(&store).await;
    repo.user_set_password(UserId(new_id()), "x").await.unwrap_err();
}

/// Few and many take one statement, however different.
pub(super) async fn names(stories: &Stories) {
    let store = stories.open("names").await;
    let crowd: Vec<User> = (0..300).map(|number| user(&format!("user-{number}"))).collect();
    let mut repo = write(&store).await;
    for one in &crowd {
        repo.user_add(one).await.unwrap();
    }
    repo.save().await.unwrap();
    let mut repo = read(&store).await;
    for count in [0, 1, 2, 300] {
        let some = &crowd[..count];
        let mut ids: Vec<UserId> = some.iter().map(|one| one.id).collect();
        let mut names: Vec<String> = some.iter().map(|one| one.username.clone()).collect();
        let by_id = some.iter().map(|one| (one.id, one.username.clone())).collect();
        let by_name = some.iter().map(|one| (one.username.clone(), one.id)).collect();
        // Twice the same, and one that is not there.
        ids.extend(ids.clone());
        ids.push(UserId(new_id()));
        names.extend(names.clone());
        names.push("no\0body".into());
        assert_eq!(repo.usernames(&ids).await.unwrap(), by_id, "{count}");
        assert_eq!(repo.user_ids(&names).await.unwrap(), by_name, "{count}");
    }
    assert_eq!(repo.user_ids(&["User-1".into()]).await.unwrap().len(), 0);
}

pub(super) fn assert_unique(error: &StoreError, what: &str) {
    assert!(
        matches!(error, StoreError::Unique(taken) if taken == what),
        "{error:?} instead of a taken {what}"
    );
}

pub(super) async fn groups(stories: &Stories) {
    let store = stories.open("groups").await;
    let (ada, bob) = (user("ada"), user("bob"));
    let (all, dev, ops) = (group("zz-everyone", true), group("dev", false), group("ops", false));
    let mut repo = write(&store).await;
    for one in [&ada, &bob] {
        repo.user_add(one).await.unwrap();
    }
    for one in [&ops, &dev, &all] {
        repo.group_add(one).await.unwrap();
    }
    repo.group_set_members(dev.id, &[bob.id, ada.id]).await.unwrap();
    repo.group_join(ops.id, ada.id).await.unwrap();
    repo.group_join(ops.id, ada.id).await.unwrap();
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(
        repo.groups().await.unwrap(),
        [all.clone(), dev.clone(), ops.clone()],
        "Everyone is first"
    );
    assert_eq!(repo.group_by_name("dev").await.unwrap(), Some(dev.clone()));
    assert_eq!(repo.group_by_name("none").await.unwrap(), None);
    let mut members = repo.group_members(dev.id).await.unwrap();
    members.sort();
    let mut both = vec![ada.id, bob.id];
    both.sort();
    assert_eq!(members, both);
    assert_eq!(repo.group_members(ops.id).await.unwrap(), [ada.id]);
    let mut memberships = repo.memberships().await.unwrap();
    memberships.sort();
    let mut stored = vec![(dev.id, ada.id), (dev.id, bob.id), (ops.id, ada.id)];
    stored.sort();
    assert_eq!(memberships, stored);
    assert_eq!(
        repo.user_groups(ada.id).await.unwrap(),
        [all.clone(), dev.clone(), ops.clone()]
    );

    // A user named twice is a member once.
    repo.group_set_members(dev.id, &[bob.id, bob.id]).await.unwrap();
    assert_eq!(repo.group_members(dev.id).await.unwrap(), [bob.id]);
    assert_eq!(repo.user_groups(ada.id).await.unwrap(), [all.clone(), ops]);
    repo.group_set_members(dev.id, &[]).await.unwrap();
    assert_eq!(repo.group_members(dev.id).await.unwrap(), []);
    drop(repo);

    let mut repo = write(&store).await;
    assert_unique(&repo.group_add(&group("dev", false)).await.unwrap_err(), "group name");
    drop(repo);
    let mut repo = write(&store).await;
    repo.group_join(dev.id, UserId(new_id()))
        .await
        .expect_err("no such user");
    drop(repo);
    let mut repo = write(&store).await;
    repo.group_join(GroupId(new_id()), ada.id)
        .await
        .expect_err("no such group");
    drop(repo);

    // More members than one statement takes.
    let mut repo = write(&store).await;
    let mut many = Vec::new();
    for number in 0..1201 {
        let one = user(&format!("user-{number}"));
        repo.user_add(&one).await.unwrap();
        many.push(one.id);
    }
    repo.group_set_members(dev.id, &many).await.unwrap();
    many.sort();
    let mut members = repo.group_members(dev.id).await.unwrap();
    members.sort();
    assert_eq!(members, many);
}

/// Everyone means all users without a row.
pub(super) async fn everyone(stories: &Stories) {
    let store = stories.open("everyone").await;
    let ada = user("ada");
    let mut repo = write(&store).await;
    repo.user_add(&ada).await.unwrap();
    assert_eq!(repo.user_groups(ada.id).await.unwrap(), []);
    let all = group("Everyone", true);
    repo.group_add(&all).await.unwrap();
    assert_eq!(repo.user_groups(ada.id).await.unwrap(), std::slice::from_ref(&all));
    repo.group_join(all.id, ada.id).await.unwrap();
    repo.group_set_members(all.id, &[ada.id]).await.unwrap();
    assert_eq!(repo.group_members(all.id).await.unwrap(), [], "nothing is stored");
    assert_eq!(repo.user_groups(ada.id).await.unwrap(), [all], "nor is it named twice");
    assert_unique(
        &repo.group_add(&group("All", true)).await.unwrap_err(),
        "group of all users",
    );
}

pub(super) async fn tokens(stories: &Stories) {
    let store = stories.open("tokens").await;
    let (ada, running) = user_with_worker(&store).await;
    let bob = user("bob");
    let first = token(&ada, "h1");
    let second = ApiToken {
        created_ms: 9,
        expires_ms: None,
        ..token(&ada, "h2")
    };
    let of_worker = ApiToken {
        worker_id: Some(running.id),
        ..token(&ada, "h3")
    };
    let of_bob = token(&bob, "h4");
    let for_builds = ApiToken {
        worker_id: Some(running.id),
        scope: TokenScope::BuildAndStart,
        created_ms: 11,
        ..token(&ada, "h5")
    };
    let mut repo = write(&store).await;
    repo.user_add(&bob).await.unwrap();
    for one in [&second, &first, &of_worker, &of_bob, &for_builds] {
        repo.token_add(one).await.unwrap();
    }
    repo.token_worker_add(first.id, running.id).await.unwrap();
    assert!(repo.token_has_worker(first.id, running.id).await.unwrap());
    assert!(!repo.token_has_worker(second.id, running.id).await.unwrap());
    repo.token_used(first.id, 77).await.unwrap();
    repo.token_used(TokenId(new_id()), 77)
        .await
        .expect("a token that is gone by now is no error");
    repo.save().await.unwrap();

    let used = ApiToken {
        last_used_ms: Some(77),
        ..first.clone()
    };
    let mut repo = write(&store).await;
    assert_eq!(repo.token_by_hash("h1").await.unwrap(), Some(used.clone()));
    assert_eq!(repo.token_by_hash("h3").await.unwrap(), Some(of_worker));
    assert_eq!(repo.token_by_hash("h8").await.unwrap(), None);
    assert_eq!(
        repo.tokens_of(ada.id).await.unwrap(),
        [for_builds, second, used],
        "newest first, without the workers' own"
    );
    assert!(!repo.token_remove(bob.id, first.id).await.unwrap(), "somebody else's");
    assert!(repo.token_remove(ada.id, first.id).await.unwrap());
    assert!(!repo.token_remove(ada.id, first.id).await.unwrap(), "gone already");
    assert!(
        !repo.token_has_worker(first.id, running.id).await.unwrap(),
        "gone with the token"
    );
    repo.tokens_of_worker_remove(running.id).await.unwrap();
    assert_eq!(repo.token_by_hash("h5").await.unwrap(), None);
    assert_eq!(repo.token_by_hash("h3").await.unwrap(), None);
    assert_eq!(repo.token_by_hash("h4").await.unwrap(), Some(of_bob));
    assert_unique(&repo.token_add(&token(&ada, "h4")).await.unwrap_err(), "token");
    drop(repo);

    // The token of a new worker, before the worker's own row.
    let mut repo = write(&store).await;
    let late = worker(&ada, repo.worker_next_number().await.unwrap());
    repo.token_add(&ApiToken {
        worker_id: Some(late.id),
        ..token(&ada, "h6")
    })
    .await
    .unwrap();
    repo.worker_add(&late).await.unwrap();
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    repo.token_add(&ApiToken {
        worker_id: Some(WorkerId(new_id())),
        ..token(&ada, "h7")
    })
    .await
    .unwrap();
    repo.save().await.expect_err("no such worker");
    assert_eq!(read(&store).await.token_by_hash("h7").await.unwrap(), None);
    store.write().await.expect("the failed end let go of the writer");
}

pub(super) async fn sessions(stories: &Stories) {
    let store = stories.open("sessions").await;
    let session = |id: &str, data: &str, expires_ms| SessionRow {
        id: id.into(),
        data: data.into(),
        expires_ms,
    };
    let (short, long) = (session("s", "{}", 100), session("l", "{\"user\":1}", 200));
    let mut repo = write(&store).await;
    repo.session_put(&short).await.unwrap();
    assert!(repo.session_add(&long).await.unwrap());
    assert!(
        !repo.session_add(&session("l", "other", 300)).await.unwrap(),
        "taken, and no error"
    );
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(repo.session("s", 99).await.unwrap(), Some(short.clone()));
    assert_eq!(
        repo.session("s", 100).await.unwrap(),
        None,
        "its end is the first moment without it"
    );
    assert_eq!(repo.session("l", 100).await.unwrap(), Some(long.clone()));
    assert_eq!(repo.session("x", 0).await.unwrap(), None);
    repo.sessions_sweep(100).await.unwrap();
    assert_eq!(repo.session("s", 0).await.unwrap(), None);
    assert_eq!(repo.session("l", 0).await.unwrap(), Some(long));
    let renewed = session("l", "new", 500);
    repo.session_put(&renewed).await.unwrap();
    assert_eq!(repo.session("l", 400).await.unwrap(), Some(renewed));
    repo.session_remove("l").await.unwrap();
    repo.session_remove("l").await.expect("gone already is no error");
    assert_eq!(repo.session("l", 0).await.unwrap(), None);
}

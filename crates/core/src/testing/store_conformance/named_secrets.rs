//! Secrets that workers get by their names, with their grants.

use prt_types::ids::NamedSecretId;

use super::{
    Stories,
    access::assert_unique,
    read,
    samples::{group, secret, user},
    write,
};
use crate::{
    clock::new_id,
    store::{Grantee, NamedSecret},
};

pub(super) async fn named_secrets(stories: &Stories) {
    let store = stories.open("named_secrets").await;
    let (ada, bob, dev) = (user("ada"), user("bob"), group("dev", false));
    let mine = secret("KEY", Some(ada.id), vec![]);
    let his = secret("KEY", Some(bob.id), vec![]);
    let mut ours = secret("KEY", None, vec![Grantee::Group(dev.id), Grantee::User(ada.id)]);
    let unused = NamedSecret {
        last_used_ms: None,
        ..secret("A", None, vec![])
    };
    let mut repo = write(&store).await;
    for one in [&ada, &bob] {
        repo.user_add(one).await.unwrap();
    }
    repo.group_add(&dev).await.unwrap();
    for one in [&mine, &his, &ours, &unused] {
        repo.named_secret_add(one).await.unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = read(&store).await;
    assert_eq!(repo.named_secret(ours.id).await.unwrap().as_ref(), Some(&ours));
    assert_eq!(repo.named_secret(NamedSecretId(new_id())).await.unwrap(), None);
    assert_eq!(
        repo.named_secrets(ada.id).await.unwrap(),
        [unused.clone(), ours.clone(), mine.clone()],
        "by name, the shared one first, nobody else's"
    );
    drop(repo);

    for taken in [secret("KEY", Some(ada.id), vec![]), secret("KEY", None, vec![])] {
        let mut repo = write(&store).await;
        assert_unique(&repo.named_secret_add(&taken).await.unwrap_err(), "secret name");
    }

    let mut repo = write(&store).await;
    repo.named_secret_used(ours.id, 21).await.unwrap();
    ours = NamedSecret {
        value_sealed: vec![9],
        grants: vec![Grantee::User(bob.id)],
        last_used_ms: None,
        revision: 2,
        updated_ms: 99,
        ..ours
    };
    assert!(repo.named_secret_update(&ours).await.unwrap());
    ours.last_used_ms = Some(21);
    assert!(
        !repo.named_secret_update(&ours).await.unwrap(),
        "made from another revision"
    );
    assert_eq!(
        repo.named_secret(ours.id).await.unwrap().as_ref(),
        Some(&ours),
        "a change leaves the last use"
    );
    assert!(repo.named_secret_remove(mine.id).await.unwrap());
    assert!(!repo.named_secret_remove(mine.id).await.unwrap());
    assert_eq!(repo.named_secrets(ada.id).await.unwrap(), [unused, ours]);
    repo.named_secret_used(mine.id, 22).await.expect_err("it is gone");
}

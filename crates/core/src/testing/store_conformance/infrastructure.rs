//! Container Image rules and worker sizes with their grants.

use std::collections::BTreeMap;

use prt_types::{
    container_images::{PullPolicy, ServiceType},
    ids::{ContainerImageId, RegistryCredentialId, UserId, WorkerSizeId},
    worker_sizes::SecurityContext,
};
use tokio::task::JoinSet;

use super::{
    Stories,
    access::assert_unique,
    read,
    samples::{credential, group, image, own_context, size, user},
    write,
};
use crate::{
    clock::new_id,
    store::{ContainerImage, Grantee, RegistryCredential, WorkerSize},
};

pub(super) async fn container_images(stories: &Stories) {
    let store = stories.open("container_images").await;
    let mut full = image("^registry\\.example\\.com/.*", 0, vec![]);
    let bare = ContainerImage {
        service_type: ServiceType::CloudWorker,
        pull_policy: None,
        repo_password_sealed: None,
        created_ms: 9,
        ..image("*", -5, vec![])
    };
    let older = ContainerImage {
        pull_policy: Some(PullPolicy::Never),
        created_ms: 1,
        ..image("a", 7, vec![])
    };
    let newer = ContainerImage {
        pull_policy: Some(PullPolicy::Always),
        created_ms: 2,
        ..image("a", 7, vec![])
    };
    let mut repo = write(&store).await;
    for one in [&full, &bare, &newer, &older] {
        repo.container_image_add(one).await.unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(repo.container_image(full.id).await.unwrap().as_ref(), Some(&full));
    assert_eq!(repo.container_image(ContainerImageId(new_id())).await.unwrap(), None);
    assert_eq!(
        repo.container_images().await.unwrap(),
        [older.clone(), newer.clone(), full.clone(), bare.clone()],
        "larger order first, then by creation"
    );

    full = ContainerImage {
        image: "b".into(),
        service_type: ServiceType::CloudWorker,
        name: "n".into(),
        description: "d".into(),
        version: String::new(),
        minimum_version: "2".into(),
        recommended_version: "3".into(),
        pull_policy: None,
        repo_username: String::new(),
        repo_password_sealed: None,
        startup_script: String::new(),
        order: i64::MAX,
        revision: 2,
        updated_ms: 99,
        ..full
    };
    assert!(repo.container_image_update(&full).await.unwrap());
    assert_eq!(repo.container_images().await.unwrap()[0], full);
    assert!(repo.container_image_remove(older.id).await.unwrap());
    assert!(!repo.container_image_remove(older.id).await.unwrap());
    assert_eq!(repo.container_images().await.unwrap(), [full, newer, bare]);
}

/// Two admins open the same form: the second to save is told.
pub(super) async fn revisions(stories: &Stories) {
    let store = stories.open("revisions").await;
    let (ada, bob) = (user("ada"), user("bob"));
    let first = image("a", 0, vec![Grantee::User(ada.id)]);
    let mut repo = write(&store).await;
    for one in [&ada, &bob] {
        repo.user_add(one).await.unwrap();
    }
    repo.container_image_add(&first).await.unwrap();
    repo.save().await.unwrap();

    let second = ContainerImage {
        revision: 2,
        name: "mine".into(),
        ..first.clone()
    };
    let stale = ContainerImage {
        revision: 2,
        name: "yours".into(),
        grants: vec![Grantee::User(bob.id)],
        ..first.clone()
    };
    let mut repo = write(&store).await;
    assert!(repo.container_image_update(&second).await.unwrap());
    assert!(!repo.container_image_update(&stale).await.unwrap());
    let unknown = ContainerImage {
        id: ContainerImageId(new_id()),
        ..stale.clone()
    };
    assert!(!repo.container_image_update(&unknown).await.unwrap());
    repo.save().await.unwrap();
    assert_eq!(
        read(&store).await.container_image(first.id).await.unwrap(),
        Some(second.clone()),
        "grants included"
    );

    let mut tasks = JoinSet::new();
    for number in 0..12 {
        let store = store.clone();
        let change = ContainerImage {
            revision: 3,
            name: format!("task {number}"),
            ..second.clone()
        };
        tasks.spawn(async move {
            let mut repo = write(&store).await;
            let done = repo.container_image_update(&change).await.unwrap();
            repo.save().await.unwrap();
            done
        });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.into_iter().filter(|done| *done).count(), 1, "one revision 3");
}

/// Grants keep their order, are replaced as a whole and go with their rule.
pub(super) async fn grants(stories: &Stories) {
    let store = stories.open("grants").await;
    let (ada, bob, dev) = (user("ada"), user("bob"), group("dev", false));
    let in_order = vec![Grantee::User(bob.id), Grantee::Group(dev.id), Grantee::User(ada.id)];
    let mut rule = image("a", 1, in_order.clone());
    let other = image("b", 0, vec![Grantee::Group(dev.id)]);
    let mut repo = write(&store).await;
    for one in [&ada, &bob] {
        repo.user_add(one).await.unwrap();
    }
    repo.group_add(&dev).await.unwrap();
    repo.container_image_add(&rule).await.unwrap();
    repo.container_image_add(&other).await.unwrap();
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(repo.container_image(rule.id).await.unwrap().unwrap().grants, in_order);
    assert_eq!(repo.container_images().await.unwrap(), [rule.clone(), other.clone()]);
    rule.revision = 2;
    rule.grants = vec![Grantee::Group(dev.id), Grantee::User(ada.id), Grantee::Group(dev.id)];
    assert!(repo.container_image_update(&rule).await.unwrap());
    rule.grants.pop();
    assert_eq!(
        repo.container_image(rule.id).await.unwrap().as_ref(),
        Some(&rule),
        "a grantee named twice is kept once"
    );

    assert!(repo.container_image_remove(rule.id).await.unwrap());
    repo.container_image_add(&ContainerImage {
        grants: vec![],
        ..rule.clone()
    })
    .await
    .unwrap();
    assert_eq!(
        repo.container_image(rule.id).await.unwrap().unwrap().grants,
        [],
        "they went with the rule"
    );
    assert_eq!(repo.container_image(other.id).await.unwrap(), Some(other));
    drop(repo);

    let mut repo = write(&store).await;
    let stranger = image("c", 0, vec![Grantee::User(UserId(new_id()))]);
    repo.container_image_add(&stranger).await.expect_err("no such user");
    drop(repo);

    // More grants than one statement takes.
    let mut repo = write(&store).await;
    let mut many = Vec::new();
    for number in 0..1201 {
        let one = user(&format!("user-{number}"));
        repo.user_add(&one).await.unwrap();
        many.push(Grantee::User(one.id));
    }
    let wide = image("wide", 9, many);
    repo.container_image_add(&wide).await.unwrap();
    assert_eq!(repo.container_image(wide.id).await.unwrap(), Some(wide));
}

pub(super) async fn registry_credentials(stories: &Stories) {
    let store = stories.open("registry_credentials").await;
    let (ada, dev) = (user("ada"), group("dev", false));
    let mut mine = credential("b-mine", Grantee::User(ada.id));
    let ours = RegistryCredential {
        expires_ms: None,
        last_used_ms: None,
        ..credential("Ours", Grantee::Group(dev.id))
    };
    let mut repo = write(&store).await;
    repo.user_add(&ada).await.unwrap();
    repo.group_add(&dev).await.unwrap();
    for one in [&mine, &ours] {
        repo.registry_credential_add(one).await.unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(repo.registry_credential(mine.id).await.unwrap().as_ref(), Some(&mine));
    assert_eq!(
        repo.registry_credential(RegistryCredentialId(new_id())).await.unwrap(),
        None
    );
    assert_eq!(
        repo.registry_credential_by_name("Ours").await.unwrap().as_ref(),
        Some(&ours)
    );
    assert_eq!(repo.registry_credential_by_name("ours").await.unwrap(), None);
    assert_eq!(
        repo.registry_credentials().await.unwrap(),
        [ours.clone(), mine.clone()],
        "by name, byte by byte"
    );
    repo.registry_credential_used(mine.id, 21).await.unwrap();
    mine = RegistryCredential {
        name: "a".into(),
        host: "h.io".into(),
        username: "u".into(),
        password_sealed: vec![9],
        owner: Grantee::Group(dev.id),
        expires_ms: None,
        last_used_ms: None,
        revision: 2,
        updated_ms: 99,
        ..mine
    };
    assert!(repo.registry_credential_update(&mine).await.unwrap());
    mine.last_used_ms = Some(21);
    assert_eq!(
        repo.registry_credential(mine.id).await.unwrap().as_ref(),
        Some(&mine),
        "a change leaves the last use"
    );
    assert!(
        !repo.registry_credential_update(&mine).await.unwrap(),
        "made from another revision"
    );
    let rule = ContainerImage {
        repo_credential_id: Some(mine.id),
        ..image("h.io/x", 0, vec![])
    };
    repo.container_image_add(&rule).await.unwrap();
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(repo.container_images().await.unwrap(), std::slice::from_ref(&rule));
    repo.registry_credential_remove(mine.id)
        .await
        .expect_err("a rule names it");
    drop(repo);
    let mut repo = write(&store).await;
    assert_unique(
        &repo
            .registry_credential_add(&credential("a", Grantee::User(ada.id)))
            .await
            .unwrap_err(),
        "registry credential name",
    );
    drop(repo);
    let mut repo = write(&store).await;
    let without = ContainerImage {
        repo_credential_id: None,
        revision: 2,
        ..rule
    };
    assert!(repo.container_image_update(&without).await.unwrap());
    assert!(repo.registry_credential_remove(mine.id).await.unwrap());
    assert!(!repo.registry_credential_remove(mine.id).await.unwrap());
    assert_eq!(repo.registry_credentials().await.unwrap(), [ours]);
    repo.registry_credential_used(mine.id, 22)
        .await
        .expect_err("it is gone");
}

pub(super) async fn worker_sizes(stories: &Stories) {
    let store = stories.open("worker_sizes").await;
    let ada = user("ada");
    let small = WorkerSize {
        security_context: SecurityContext::Default,
        default: false,
        grants: vec![Grantee::User(ada.id)],
        ..size("small", 1000, 2048)
    };
    let upper = size("Small-privileged", 1000, 2048);
    let (more_memory, large) = (size("a-memory", 1000, 4096), size("a-large", 4000, 1024));
    let mut repo = write(&store).await;
    repo.user_add(&ada).await.unwrap();
    for one in [&large, &more_memory, &small, &upper] {
        repo.worker_size_add(one).await.unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(repo.worker_size(small.id).await.unwrap(), Some(small.clone()));
    assert_eq!(repo.worker_size(WorkerSizeId(new_id())).await.unwrap(), None);
    assert_eq!(
        repo.worker_sizes().await.unwrap(),
        [upper.clone(), small.clone(), more_memory, large],
        "by CPU, memory and name"
    );
    let changed = WorkerSize {
        name: "other".into(),
        cpu_millis: 1,
        cpu_net_millis: 1,
        memory_mib: 2,
        memory_net_mib: 2,
        gpus: 0,
        gpu_vram_gib: 0,
        gpu_type: String::new(),
        node_selector: BTreeMap::new(),
        security_context: SecurityContext::Own("own".into()),
        default: true,
        grants: vec![],
        revision: 2,
        updated_ms: 99,
        ..small
    };
    assert!(repo.worker_size_update(&changed).await.unwrap());
    assert!(
        !repo.worker_size_update(&changed).await.unwrap(),
        "made from another revision"
    );
    repo.worker_size_only_default(changed.id).await.unwrap();
    assert_eq!(repo.worker_size(changed.id).await.unwrap(), Some(changed.clone()));
    let other = repo.worker_size(upper.id).await.unwrap().unwrap();
    assert_eq!((other.default, other.revision), (false, 2), "one default");
    assert!(repo.worker_size_remove(upper.id).await.unwrap());
    assert!(!repo.worker_size_remove(upper.id).await.unwrap());
    assert_unique(
        &repo.worker_size_add(&size("a-large", 1, 1)).await.unwrap_err(),
        "worker size name",
    );
}

pub(super) async fn security_contexts(stories: &Stories) {
    let store = stories.open("security_contexts").await;
    let (mut upper, lower) = (own_context("B"), own_context("a"));
    let mut repo = write(&store).await;
    for one in [&lower, &upper] {
        repo.security_context_add(one).await.unwrap();
    }
    repo.save().await.unwrap();

    let mut repo = write(&store).await;
    assert_eq!(repo.security_context("a").await.unwrap().as_ref(), Some(&lower));
    assert_eq!(repo.security_context("b").await.unwrap(), None);
    assert_eq!(
        repo.security_contexts().await.unwrap(),
        [upper.clone(), lower.clone()],
        "by name, byte by byte"
    );
    upper.description = String::new();
    upper.rights.run_as_user = None;
    upper.rights.add_capabilities = vec![];
    upper.rights.privileged = false;
    upper.revision = 2;
    upper.updated_ms = 99;
    assert!(repo.security_context_update(&upper).await.unwrap());
    assert!(
        !repo.security_context_update(&upper).await.unwrap(),
        "made from another revision"
    );
    assert!(repo.security_context_remove("a").await.unwrap());
    assert!(!repo.security_context_remove("a").await.unwrap());
    assert_eq!(repo.security_contexts().await.unwrap(), [upper]);
    assert_unique(
        &repo.security_context_add(&own_context("B")).await.unwrap_err(),
        "security context name",
    );
}

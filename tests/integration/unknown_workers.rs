//! Workers that a restored backup does not know, with the real engine.

use prt_client::Client;
use prt_types::{
    ErrorCode, Secret,
    builds::BuildStatus,
    unknown_workers::AdoptRequest,
    workers::{NotebookRequest, TerminateRequest},
};
use reqwest::{StatusCode, header, redirect::Policy};

use crate::helpers::{
    ADMIN_PASSWORD, Cli, Console, USER_PASSWORD, builder_worker, eventually, plain_worker, said, sh, shell_image,
};

#[tokio::test]
async fn a_worker_of_after_the_backup_is_adopted_and_another_removed() {
    // Workers get API tokens where they can reach the console; this one's is used from here.
    let mut console =
        Console::start_with(&[("PRT_DATABASE_URL", ""), ("PRT_WORKER_URL", "http://console.invalid")]).await;
    console.user("alice", &[]).await;
    // A database that never had a worker is refused beside an engine that has some.
    let first = console.admin.worker_create(&plain_worker("X-Small")).await.unwrap();
    let end = TerminateRequest::default();
    console.admin.worker_terminate(&first.name, &end).await.unwrap();
    let file = console.folder.path().join("backup.tar");
    let file = file.to_str().unwrap();
    let (code, words) = console.run_once(&["backup", file], &[]).await;
    assert_eq!(code, Some(0), "{words}");
    let alice = console.login("alice", USER_PASSWORD).await;
    let bob = console.user("bob", &[]).await;
    let hers = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let his = console.worker(&bob, &plain_worker("X-Small")).await;
    sh(&alice, &hers.name, "echo precious > ~/kept").await;
    let former_token = sh(&alice, &hers.name, "cat \"$PRT_TOKEN_FILE\"").await.stdout;
    console.stop().await;
    let numbers = console.data().join("numbers.json");
    let restored = console.folder.path().join("restored");
    console.move_to(&restored);
    let (code, words) = console.run_once(&["restore", file], &[]).await;
    assert_eq!(code, Some(0), "{words}");
    std::fs::copy(numbers, restored.join("numbers.json")).unwrap();
    console.run().await;
    console.admin = console.login("admin", ADMIN_PASSWORD).await;
    let admin = console.admin.clone();
    assert_eq!(admin.workers(false).await.unwrap(), []);

    // Shown to admins only, and left as they are.
    let found = eventually("both are noticed", || async {
        let found = admin.unknown_workers().await.unwrap();
        (found.len() == 2).then_some(found)
    })
    .await;
    let about: Vec<_> = found
        .iter()
        .map(|one| {
            (
                one.id,
                one.name.as_str(),
                one.owner.as_str(),
                one.owner_exists,
                one.containers.len(),
            )
        })
        .collect();
    assert_eq!(
        about,
        [
            (hers.instance_id, hers.name.as_str(), "alice", true, 2),
            (his.instance_id, his.name.as_str(), "bob", false, 1)
        ]
    );
    assert!(found[0].containers[0].image.contains("practicus-minimal"), "{found:?}");
    let alice = console.login("alice", USER_PASSWORD).await;
    for refused in [
        alice.unknown_workers().await.unwrap_err(),
        alice
            .unknown_worker_adopt(hers.instance_id, &AdoptRequest::default())
            .await
            .unwrap_err(),
        alice.unknown_worker_remove(hers.instance_id).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Some(ErrorCode::Forbidden), "{refused:?}");
    }

    let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);
    let run = |args: &[&str]| {
        let done = cli.run(&[&["worker", "unknown"], args].concat(), "");
        let words = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8_lossy(&words).into_owned())
    };
    let (code, words) = run(&["list"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(
        words.contains("bob (no such user)") && words.contains(&hers.name),
        "{words}"
    );

    // Adopted: its number, its files, its notebook, new tokens.
    let (code, words) = run(&["adopt", &hers.name]);
    assert_eq!(code, Some(0), "{words}");
    let adopted = alice.worker_wait(&hers.name, 120).await.unwrap();
    assert!(adopted.ready, "{adopted:#?}");
    assert_eq!(
        (adopted.instance_id, adopted.limits, &adopted.size),
        (hers.instance_id, hers.limits, &hers.size)
    );
    assert_eq!(adopted.security_context, hers.security_context);
    assert_eq!(sh(&alice, &hers.name, "cat ~/kept").await.stdout, "precious\n");
    let token = sh(&alice, &hers.name, "cat \"$PRT_TOKEN_FILE\"").await.stdout;
    assert_ne!(token, former_token);
    let own = Client::new(&console.url, Some(Secret::new(token))).unwrap();
    assert_eq!(own.worker(&hers.name).await.unwrap().instance_id, hers.instance_id);
    let host = format!("{}.workers.localhost", hers.name.to_lowercase());
    let browser = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .resolve(&host, console.url.strip_prefix("http://").unwrap().parse().unwrap())
        .build()
        .unwrap();
    let link = alice
        .notebook_open(&hers.name, &NotebookRequest::default())
        .await
        .unwrap();
    let entered = browser.get(link.url).send().await.unwrap();
    let cookie = entered.headers()[header::SET_COOKIE].to_str().unwrap();
    let kernels = browser
        .get(console.url.replace("127.0.0.1", &host) + "/api/kernels")
        .header(header::COOKIE, cookie.split(';').next().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(kernels.status(), StatusCode::OK, "Jupyter takes the token");

    // A build runs in it.
    let dockerfile = format!("FROM {}\nRUN echo built > /it\n", shell_image());
    console.dockerfile(&alice, &hers.name, &dockerfile).await;
    let mut request = console.build_request(&hers.name, "adopted", "1");
    request.push_image = false;
    let build = alice.build_create(&request).await.unwrap();
    let build = console.build_end(&alice, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);

    // The other one's owner is gone; it is removed after a second word.
    let refused = admin
        .unknown_worker_adopt(his.instance_id, &AdoptRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        said(&refused, "owner"),
        "There is no user bob. Choose the worker's new owner."
    );
    let (code, words) = run(&["remove", &his.name]);
    assert_eq!(code, Some(2), "{words}");
    assert_eq!(console.containers().len(), 3);
    let (code, words) = run(&["remove", &his.name, "--yes"]);
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(console.containers().len(), 2);
    assert_eq!(admin.unknown_workers().await.unwrap(), []);
    // No number is given a second time.
    let next = admin.worker_create(&plain_worker("X-Small")).await.unwrap();
    assert_eq!(next.name, "Worker-4");
}

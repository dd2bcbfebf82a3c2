//! Notebooks on hosts of their own, with the real JupyterLab.

use prt_client::{Client as Prt, ClientError};
use prt_types::{
    ErrorCode,
    access::{TokenInput, TokenScope},
    workers::{NotebookRequest, TerminateRequest},
};
use reqwest::{Client, Response, StatusCode, header, redirect::Policy};

use crate::helpers::{Console, plain_worker, sh};

/// A browser without a mind of its own: follows nothing, keeps no cookies, and finds every notebook on this machine.
fn browser(console: &Console, numbers: impl IntoIterator<Item = u32>) -> Client {
    let address = console.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut browser = Client::builder().no_proxy().redirect(Policy::none());
    for number in numbers {
        browser = browser.resolve(&format!("worker-{number}.workers.localhost"), address);
    }
    browser.build().unwrap()
}

fn cookie(answer: &Response) -> String {
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && !cookie.contains("Domain"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_lets_one_browser_into_one_notebook() {
    let mut console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let bob = console.user("bob", &[]).await;
    let worker = console.worker(&alice, &plain_worker("X-Small")).await;
    let other = console.worker(&alice, &plain_worker("X-Small")).await;
    let browser = browser(&console, [1, 2, 99]);
    let origin = console.url.replace("127.0.0.1", "worker-1.workers.localhost");
    let request = NotebookRequest::default();

    let link = alice.notebook_open(&worker.name, &request).await.unwrap().url;
    assert!(link.starts_with(&format!("{origin}/.prt/login?token=")), "{link}");
    let entered = browser.get(&link).send().await.unwrap();
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    assert_eq!(entered.headers()[header::LOCATION], "/lab");
    assert_eq!(entered.headers()[header::REFERRER_POLICY], "no-referrer");
    let cookie_of_one = cookie(&entered);
    let again = browser.get(&link).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::FORBIDDEN, "it works once");
    assert!(again.text().await.unwrap().contains("does not work any more"));

    let get = async |url: String, cookie: &str| browser.get(url).header(header::COOKIE, cookie).send().await.unwrap();
    let lab = get(format!("{origin}/lab"), &cookie_of_one).await;
    assert_eq!(lab.status(), StatusCode::OK);
    assert!(lab.text().await.unwrap().contains("JupyterLab"));
    assert_eq!(
        get(format!("{origin}/api/kernels"), &cookie_of_one).await.status(),
        StatusCode::OK
    );
    // Jupyter itself wants its token, which no browser has; nor does the engine show it.
    let inside = sh(
        &alice,
        &worker.name,
        "curl -s -o /dev/null -w %{http_code} http://127.0.0.1:8888/api/kernels",
    )
    .await;
    assert_eq!((inside.exit_code, &*inside.stdout), (0, "403"), "{}", inside.stderr);
    let token = sh(&alice, &worker.name, "cat /run/prt/notebook-token").await.stdout;
    assert_eq!(token.len(), 64);
    for container in console.containers() {
        assert!(!crate::helpers::docker(&["inspect", &container]).contains(&token));
    }

    // No cookie, another worker's host, hosts of nobody, pages of others, and the console's own addresses.
    assert_eq!(get(format!("{origin}/lab"), "").await.status(), StatusCode::FORBIDDEN);
    let elsewhere = origin.replace("worker-1.", "worker-2.");
    assert_eq!(
        get(format!("{elsewhere}/lab"), &cookie_of_one).await.status(),
        StatusCode::FORBIDDEN
    );
    let link = alice.notebook_open(&other.name, &request).await.unwrap().url;
    let misused = get(link.replace("worker-2.", "worker-1."), "").await;
    assert_eq!(misused.status(), StatusCode::FORBIDDEN);
    assert_eq!(get(link, "").await.status(), StatusCode::FORBIDDEN, "it is used up");
    assert_eq!(
        get(origin.replace("worker-1.", "worker-99.") + "/lab", &cookie_of_one)
            .await
            .status(),
        StatusCode::FORBIDDEN
    );
    for (name, value) in [
        ("origin", "http://worker-2.workers.localhost"),
        ("sec-fetch-site", "same-site"),
    ] {
        let post = browser
            .post(format!("{origin}/api/kernels"))
            .header(header::COOKIE, &cookie_of_one);
        assert_eq!(
            post.header(name, value).send().await.unwrap().status(),
            StatusCode::FORBIDDEN,
            "{name}"
        );
    }
    let api = get(format!("{origin}/api/v1/workers"), &cookie_of_one).await;
    assert!(
        !api.text().await.unwrap().contains("\"owner\""),
        "the console is not served there"
    );
    match bob.notebook_open(&worker.name, &request).await.unwrap_err() {
        ClientError::Api(error) => assert_eq!(error.code, ErrorCode::NotFound),
        error => panic!("{error}"),
    }

    // A console that was killed knows the browser again.
    console.kill();
    console.run().await;
    assert_eq!(
        get(format!("{origin}/api/kernels"), &cookie_of_one).await.status(),
        StatusCode::OK
    );

    alice
        .worker_terminate(&worker.name, &TerminateRequest { stop_reason: None })
        .await
        .unwrap();
    let over = get(format!("{origin}/lab"), &cookie_of_one).await;
    assert_eq!(over.status(), StatusCode::GONE);
    match alice.notebook_open(&worker.name, &request).await.unwrap_err() {
        ClientError::Api(error) => assert_eq!(error.code, ErrorCode::Conflict),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_visit_ends_with_the_token_that_opened_it() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &plain_worker("X-Small")).await;
    let input = TokenInput {
        name: "visits".into(),
        expires_in_days: None,
        scope: TokenScope::Full,
        worker: None,
    };
    let created = alice.token_create(&input).await.unwrap();
    let token = Prt::new(&console.url, Some(created.value)).unwrap();
    let link = token
        .notebook_open(&worker.name, &NotebookRequest::default())
        .await
        .unwrap()
        .url;
    let browser = browser(&console, [1]);
    let entered = browser.get(&link).send().await.unwrap();
    let cookie = cookie(&entered);
    let origin = console.url.replace("127.0.0.1", "worker-1.workers.localhost");
    let status = async || {
        let get = browser
            .get(format!("{origin}/api/status"))
            .header(header::COOKIE, &cookie);
        get.send().await.unwrap().status()
    };
    assert_eq!(status().await, StatusCode::OK);
    alice.token_delete(created.token.id).await.unwrap();
    assert_eq!(status().await, StatusCode::FORBIDDEN);
}

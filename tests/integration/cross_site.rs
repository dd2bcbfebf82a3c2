//! What pages of other sites may make a browser ask: nothing.

use prt_types::audit::Outcome;
use serde_json::{Value, json};

use crate::helpers::{Browser, Console, USER_PASSWORD, token_input};

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let console = Console::start().await;
    let http = reqwest::Client::builder().build().unwrap();
    let answer = http
        .post(format!("{}/api/v1/login", console.url))
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let error: Value = answer.json().await.unwrap();
    assert_eq!(
        (error["code"].as_str(), error["request_id"].as_str()),
        (Some("forbidden"), Some(id.as_str()))
    );
    let audit = console.admin.audit(None, None).await.unwrap();
    let row = audit.iter().find(|row| row.action == "request.cross_site").unwrap();
    assert_eq!((row.actor.as_str(), row.object.as_str()), ("", "POST /api/v1/login"));
    assert_eq!(row.outcome, Outcome::Refused);
}

#[tokio::test]
async fn another_site_gains_nothing_by_an_authorization_header() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let http = Browser::login(&console, "alice").await.http;
    let make_token = async |authorization: Option<&str>, site: &str| {
        let mut request = http
            .post(format!("{}/api/v1/tokens", console.url))
            .header("sec-fetch-site", site)
            .header("origin", "http://evil.example")
            .json(&json!({ "name": "stolen" }));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        request.send().await.unwrap()
    };
    assert_eq!(
        make_token(None, "same-origin").await.status(),
        201,
        "the cookie itself works"
    );
    for authorization in [None, Some("Basic YTpi"), Some("Bearer"), Some("Digest x"), Some("x")] {
        let answer = make_token(authorization, "cross-site").await;
        assert_eq!(answer.status(), 403, "{authorization:?}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["code"], "forbidden", "{authorization:?}");
    }
    // With a bearer token the cookie does not count: not for rights, and not for the session.
    assert_eq!(make_token(Some("Bearer prt_unknown"), "cross-site").await.status(), 401);
    let token = console.login("alice", USER_PASSWORD).await;
    let created = token.token_create(&token_input("evil's own")).await.unwrap();
    let answer = http
        .post(format!("{}/_fn/log_out", console.url))
        .header("sec-fetch-site", "cross-site")
        .bearer_auth(created.value.expose())
        .send()
        .await
        .unwrap();
    assert!(answer.status().as_u16() < 400);
    let me = http.get(format!("{}/api/v1/me", console.url)).send().await.unwrap();
    assert_eq!(me.status(), 200, "alice's browser is still logged in");
    assert_eq!(
        alice
            .tokens()
            .await
            .unwrap()
            .iter()
            .filter(|token| token.name == "stolen")
            .count(),
        1
    );
    let audit = console.admin.audit(None, None).await.unwrap();
    let row = audit.iter().find(|row| row.action == "request.cross_site").unwrap();
    assert_eq!(
        (row.actor.as_str(), row.object.as_str()),
        ("alice", "POST /api/v1/tokens")
    );
}

//! What holds for every endpoint.

use std::{
    collections::{HashMap, HashSet},
    fs,
    time::Duration,
};

use axum::{Router, body::Bytes, routing::post};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::helpers::{ADMIN_PASSWORD, Browser, Console, token_input};

/// Answered without a login.
const OPEN: [(&str, &str); 2] = [("post", "/api/v1/login"), ("get", "/api/v1/server")];

#[tokio::test]
async fn every_endpoint_of_the_document_wants_a_login() {
    let console = Console::start().await;
    let http = reqwest::Client::builder().build().unwrap();
    let document: Value = http
        .get(format!("{}/api/v1/openapi.json", console.url))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 20, "only {} paths are documented", paths.len());
    for (path, item) in paths {
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "post", "put", "delete"].contains(&key.as_str()))
        {
            if OPEN.contains(&(method, path)) {
                continue;
            }
            let url = format!(
                "{}{}",
                console.url,
                path.replace("{number}", "1")
                    .replace("{name}", "Worker-1")
                    .replace("{id}", "018f0000-0000-7000-8000-000000000001")
            );
            let needed: Vec<String> = item[method]["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "query" && parameter["required"] == true)
                .map(|parameter| format!("{}=x", parameter["name"].as_str().unwrap()))
                .collect();
            let url = format!("{url}?{}", needed.join("&"));
            let method: reqwest::Method = method.to_uppercase().parse().unwrap();
            // A body that fits no request type must not tell a stranger more than a fitting one.
            let answer = http
                .request(method.clone(), &url)
                .header("content-type", "application/json")
                .body("{}")
                .send()
                .await
                .unwrap();
            let status = answer.status().as_u16();
            let error: Value = answer
                .json()
                .await
                .unwrap_or_else(|_| panic!("{method} {path} answers {status} without JSON"));
            assert!(
                status == 401 || (status == 400 && error["code"] == "invalid_input"),
                "{method} {path} answers {status}: {error}"
            );
            assert!(
                error["request_id"].as_str().is_some_and(|id| !id.is_empty()),
                "{method} {path}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn health_metrics_and_headers() {
    let console = Console::start().await;
    let http = reqwest::Client::builder().build().unwrap();
    let get = async |path: &str| http.get(format!("{}{path}", console.url)).send().await.unwrap();
    assert_eq!(get("/health/liveness/").await.status(), 200);
    assert_eq!(get("/health/readiness/").await.status(), 200);
    let metrics = get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("prt_http_request_seconds_bucket"), "{metrics}");
    let page = get("/login").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("'nonce-") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"),
        "{policy}"
    );
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let nowhere = get("/api/v1/nowhere").await;
    assert_eq!(nowhere.status(), 404);
    let error: Value = nowhere
        .json()
        .await
        .expect("an unknown endpoint answers with the one shape of errors");
    assert_eq!(error["code"], "not_found");
}

#[tokio::test]
async fn the_console_s_own_log_can_be_json() {
    let console = Console::start_with(&[("PRT_LOG_FORMAT", "json")]).await;
    console.admin.me().await.unwrap();
    let log = fs::read_to_string(console.log_file()).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert!(
        lines
            .iter()
            .any(|line| line["level"] == "INFO" && line["message"].is_string() && line["timestamp"].is_string()),
        "{log}"
    );
}

#[tokio::test]
async fn answers_are_compressed_and_files_sent_as_the_build_made_them() {
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("large.js"), "// plain\n".repeat(1000)).unwrap();
    fs::write(site.path().join("small.js"), "// plain\n".repeat(1000)).unwrap();
    fs::write(site.path().join("small.js.br"), "compressed by the build").unwrap();
    let console = Console::start_with(&[("PRT_SITE_ROOT", site.path().to_str().unwrap())]).await;
    // Who is not logged in is sent to the login from everywhere.
    let http = Browser::login_with(&console, "admin", ADMIN_PASSWORD).await.http;
    let ask = async |path: &str| {
        let url = format!("{}{path}", console.url);
        let asked = http.get(url).header("accept-encoding", "br, gzip");
        asked.send().await.unwrap()
    };
    for (path, status, encoding) in [
        ("/workers", 200, Some("br")),
        ("/no/such/page", 404, Some("br")),
        ("/metrics", 200, Some("br")),
        ("/api/v1/openapi.json", 200, Some("br")),
        ("/large.js", 200, None),
        ("/small.js", 200, Some("br")),
    ] {
        let answer = ask(path).await;
        let given = answer
            .headers()
            .get("content-encoding")
            .map(|given| given.to_str().unwrap());
        assert_eq!((answer.status().as_u16(), given), (status, encoding), "{path}");
    }
    assert_eq!(ask("/small.js").await.text().await.unwrap(), "compressed by the build");
}

#[tokio::test]
async fn every_error_has_the_one_shape() {
    let console = Console::start().await;
    let token = console.admin.token_create(&token_input("errors")).await.unwrap().value;
    let http = reqwest::Client::builder().build().unwrap();
    // Method, address, status, code, wrong field.
    let cases = [
        ("GET", "/api/v1/builds/abc", 400, "invalid_input", "number"),
        ("GET", "/api/v1/builds/%FF", 400, "invalid_input", "number"),
        ("GET", "/api/v1/builds?limit=abc", 400, "invalid_input", "limit"),
        ("GET", "/api/v1/builds?limit=-1", 400, "invalid_input", "limit"),
        ("GET", "/api/v1/builds?limit=0", 400, "invalid_input", "limit"),
        ("GET", "/api/v1/builds?foo=1", 400, "invalid_input", "foo"),
        ("GET", "/api/v1/builds?status=pending", 400, "invalid_input", "status"),
        ("GET", "/api/v1/builds/1/events?after=-1", 400, "invalid_input", "after"),
        (
            "GET",
            "/api/v1/builds/1/records?limit=-1",
            400,
            "invalid_input",
            "limit",
        ),
        ("GET", "/api/v1/builds/1/log?foo=1", 400, "invalid_input", "foo"),
        ("GET", "/api/v1/audit?limit=-1", 400, "invalid_input", "limit"),
        ("GET", "/api/v1/audit?before=x", 400, "invalid_input", "before"),
        ("GET", "/api/v1/workers?all=maybe", 400, "invalid_input", "all"),
        (
            "GET",
            "/api/v1/workers/W/wait?timeout_s=x",
            400,
            "invalid_input",
            "timeout_s",
        ),
        (
            "GET",
            "/api/v1/workers/W/logs?container=x",
            400,
            "invalid_input",
            "container",
        ),
        ("GET", "/api/v1/container-images/check", 400, "invalid_input", "image"),
        (
            "GET",
            "/api/v1/container-images/check?image=a&image=b",
            400,
            "invalid_input",
            "image",
        ),
        ("PUT", "/api/v1/workers/W/context", 400, "invalid_input", "path"),
        ("GET", "/api/v1/workers/W/files", 400, "invalid_input", "path"),
        ("DELETE", "/api/v1/workers/W", 405, "not_found", ""),
        ("PATCH", "/api/v1/me", 405, "not_found", ""),
        ("POST", "/metrics", 405, "not_found", ""),
        ("POST", "/workers", 405, "not_found", ""),
        ("GET", "/_fn/create_worker", 405, "not_found", ""),
        ("POST", "/_fn/nothing", 404, "not_found", ""),
        ("POST", "/api/v1/nothing", 404, "not_found", ""),
        ("GET", "/api/v1/builds/7", 404, "not_found", ""),
        ("POST", "/api/v1/builds", 400, "invalid_input", ""),
    ];
    for (method, address, status, code, field) in cases {
        let answer = http
            .request(method.parse().unwrap(), format!("{}{address}", console.url))
            .bearer_auth(token.expose())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{method} {address}");
        if status == 405 {
            assert!(
                answer.headers().contains_key("allow"),
                "{method} {address} says what is allowed"
            );
        }
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let text = answer.text().await.unwrap();
        let error: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {address} answers without JSON: {text}"));
        assert_eq!(error["code"], code, "{method} {address}: {error}");
        assert_eq!(error["request_id"], id.as_str(), "{method} {address}: {error}");
        assert!(
            error["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{method} {address}: {error}"
        );
        if !field.is_empty() {
            assert_eq!(error["fields"][0]["field"], field, "{method} {address}: {error}");
        }
    }
    let large = http
        .post(format!("{}/api/v1/workers", console.url))
        .bearer_auth(token.expose())
        .header("content-type", "application/json")
        .body(vec![b' '; 10 * 1024 * 1024])
        .send()
        .await
        .expect("an answer, although the console does not take all of it");
    assert_eq!(large.status(), 400);
    let error: Value = large.json().await.unwrap();
    assert_eq!(error["code"], "invalid_input", "{error}");
}

#[tokio::test]
async fn forms_that_fit_no_function_are_told_so() {
    let console = Console::start().await;
    let http = Browser::login_with(&console, "admin", ADMIN_PASSWORD).await.http;
    let post = async |function: &str, accept: &str, referrer: Option<&str>, body: &str| {
        let mut request = http
            .post(format!("{}/_fn/{function}", console.url))
            .header("sec-fetch-site", "same-origin")
            .header("accept", accept)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned());
        if let Some(page) = referrer {
            request = request.header("referer", format!("{}{page}", console.url));
        }
        request.send().await.unwrap()
    };
    for function in [
        "login",
        "terminate_worker",
        "cancel_build",
        "set_theme",
        "delete_container_image",
    ] {
        let answer = post(function, "application/json", None, "zzz=1").await;
        assert_eq!(answer.status(), 400, "{function}");
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["code"], "invalid_input", "{function}: {error}");
        assert_eq!(error["request_id"], id.as_str(), "{function}: {error}");

        let html = "text/html,application/xhtml+xml";
        for (referrer, back) in [
            (None, "/"),
            (Some("/workers/Worker-1?confirm=terminate"), "/workers/Worker-1"),
        ] {
            let page = post(function, html, referrer, "zzz=1").await;
            assert_eq!(page.status(), 400, "{function}");
            let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
            assert!(policy.contains("default-src 'none'"), "{policy}");
            let id = page.headers()["x-request-id"].to_str().unwrap().to_owned();
            let text = page.text().await.unwrap();
            assert!(text.contains("The form could not be read"), "{function}: {text}");
            assert!(
                text.contains(&id) && text.contains(&format!("href=\"{back}")),
                "{function}: {text}"
            );
        }
    }
    // Where the form is known it comes back with the error in it.
    for (function, page, words) in [
        ("create_worker", "/workers/new", "worker_image"),
        ("save_container_image", "/infrastructure/container-images/new", "image"),
    ] {
        let answer = post(function, "application/json", None, "").await;
        assert_eq!(answer.status(), 400, "{function}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["fields"][0]["field"], words, "{function}: {error}");
        let message = error["fields"][0]["message"].as_str().unwrap();

        let answer = post(function, "text/html", None, "").await;
        assert_eq!(answer.status(), 302, "{function}");
        assert_eq!(answer.headers()["location"], page, "{function}");
        assert!(!answer.headers().contains_key("x-prt-draft"));
        let answer = http
            .get(format!("{}{page}", console.url))
            .header("accept", "text/html")
            .send()
            .await
            .unwrap();
        let text = answer.text().await.unwrap();
        assert!(text.contains(message), "{page} does not say {message:?}");
    }
}

#[tokio::test]
async fn the_openapi_document_is_valid() {
    let console = Console::start().await;
    let http = reqwest::Client::builder().build().unwrap();
    let answer = http
        .get(format!("{}/api/v1/openapi.json", console.url))
        .send()
        .await
        .unwrap();
    let document: Value = answer.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    for key in ["title", "version"] {
        assert!(
            document["info"][key].as_str().is_some_and(|text| !text.is_empty()),
            "info.{key}"
        );
    }
    let mut ids = HashMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let in_path: HashSet<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(["get", "put", "post", "delete"].contains(&method.as_str()), "{place}");
            let id = operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{place} has no id"));
            if let Some(other) = ids.insert(id, place.clone()) {
                panic!("{place} and {other} are both called {id}");
            }
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{place} has no summary"
            );
            assert_eq!(
                operation["tags"].as_array().map(Vec::len),
                Some(1),
                "{place} has one tag"
            );
            let mut seen = HashSet::new();
            let mut described = HashSet::new();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                let from = parameter["in"].as_str().unwrap();
                assert!(seen.insert((name, from)), "{place}: {name} is there twice");
                assert!(["path", "query"].contains(&from), "{place}: {name} is in {from}");
                assert!(parameter["schema"].is_object(), "{place}: {name} has no schema");
                if from == "path" {
                    assert_eq!(parameter["required"], true, "{place}: {name}");
                    described.insert(name);
                }
            }
            assert_eq!(described, in_path, "{place} describes its path");
            let body = &operation["requestBody"];
            assert!(
                body.is_null() || body["content"].as_object().is_some_and(|content| !content.is_empty()),
                "{place}"
            );
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.contains_key("default") && answers.len() > 1, "{place}");
            for (status, answer) in answers {
                assert!(
                    status == "default" || status.parse::<u16>().is_ok_and(|status| (200..300).contains(&status)),
                    "{place}: {status}"
                );
                assert!(
                    answer["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{place}: {status} has no description"
                );
            }
        }
    }
    assert!(ids.len() > 30, "only {} operations are documented", ids.len());
    refer(&document, &document, "#");
}

/// All references lead to something.
fn refer(document: &Value, part: &Value, place: &str) {
    match part {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref") {
                let target = target.as_str().unwrap();
                let found = target.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
                assert!(found.is_some(), "{place} refers to {target}, which is not there");
            }
            for (key, member) in members {
                refer(document, member, &format!("{place}/{key}"));
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                refer(document, item, &format!("{place}/{at}"));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reads an event stream until the console ends it.
async fn until_the_end(mut stream: reqwest::Response, what: &str) {
    assert_eq!(stream.status(), 200, "{what}");
    let end = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(Duration::from_secs(30), end)
        .await
        .unwrap_or_else(|_| panic!("{what} is still open after 30 s"));
}

#[tokio::test]
async fn an_event_stream_ends_with_the_right_to_it() {
    let console = Console::start().await;
    let group = |members: &[&str]| prt_types::access::GroupInput {
        name: "team".into(),
        members: members.iter().map(|name| (*name).to_owned()).collect(),
    };
    console.admin.group_create(&group(&[])).await.unwrap();
    let alice = console.user("alice", &[]).await;
    let bob = console.user("bob", &["team"]).await;
    let http = reqwest::Client::builder().build().unwrap();
    let events = format!("{}/api/v1/events", console.url);
    let open = async |token: &str| http.get(&events).bearer_auth(token).send().await.unwrap();

    let revoked = alice.token_create(&token_input("revoked")).await.unwrap();
    let kept = alice.token_create(&token_input("kept")).await.unwrap();
    let bobs = bob.token_create(&token_input("regrouped")).await.unwrap();
    let of_revoked = open(revoked.value.expose()).await;
    let mut of_kept = open(kept.value.expose()).await;
    let of_bob = open(bobs.value.expose()).await;
    let page = Browser::login(&console, "alice").await.http;
    let of_page = page.get(&events).send().await.unwrap();

    alice.token_delete(revoked.token.id).await.unwrap();
    console.admin.group_update("team", &group(&[])).await.unwrap();
    let out = page
        .post(format!("{}/_fn/log_out", console.url))
        .header("sec-fetch-site", "same-origin")
        .send()
        .await
        .unwrap();
    assert!(out.status().as_u16() < 400);
    tokio::join!(
        until_the_end(of_revoked, "the stream of a revoked token"),
        until_the_end(of_page, "the stream of a browser that has logged out"),
        until_the_end(of_bob, "the stream of somebody whose groups have changed"),
    );
    // A token that lives keeps its stream: it brings what happens now.
    let seen = async {
        loop {
            let chunk = of_kept.chunk().await.unwrap().expect("the stream goes on");
            if String::from_utf8_lossy(&chunk).contains("event: change") {
                return;
            }
        }
    };
    let rule = prt_types::container_images::ContainerImageInput {
        image: "registry.example.com/any/x".into(),
        ..Default::default()
    };
    console.admin.container_image_create(&rule).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), seen)
        .await
        .expect("a change arrives on the stream of a valid token");
    assert_eq!(open(revoked.value.expose()).await.status(), 401);
}

#[tokio::test]
async fn traces_reach_a_collector() {
    let (sender, mut received) = mpsc::unbounded_channel::<Bytes>();
    let collector = Router::new().route(
        "/v1/traces",
        post(async move |spans: Bytes| {
            // The test may have seen enough already.
            _ = sender.send(spans);
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, collector).await });
    let console = Console::start_with(&[("PRT_OTLP_ENDPOINT", &endpoint), ("PRT_DATABASE_URL", "")]).await;
    let name = "GET /api/v1/workers/{name}";
    assert!(console.admin.worker("Worker-404").await.is_err());
    let seen = async {
        // The protocol is protobuf, in which texts are as they are.
        while let Some(spans) = received.recv().await {
            if spans.windows(name.len()).any(|part| part == name.as_bytes()) {
                return spans;
            }
        }
        unreachable!("the collector has ended");
    };
    let spans = tokio::time::timeout(std::time::Duration::from_mins(1), seen)
        .await
        .expect("the request's span is sent within a minute");
    let text = String::from_utf8_lossy(&spans);
    assert!(text.contains("service.name") && text.contains("request.id"), "{text}");
    assert!(!text.contains("Worker-404"), "a span holds no path, only its pattern");
}

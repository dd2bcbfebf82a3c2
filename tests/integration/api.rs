//! What holds for every endpoint.

use std::collections::{HashMap, HashSet};

use axum::{Router, body::Bytes, routing::post};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::helpers::Console;

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
            let url = format!("{url}?path=x&image=x");
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
    let console = Console::start_with(&[("PRT_OTLP_ENDPOINT", &endpoint)]).await;
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

//! Against small servers that answer as registries do.

use std::{collections::HashMap, sync::Arc};

use prt_types::container_images::PullPolicy;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Mutex,
};

use super::*;

type Requests = Arc<Mutex<Vec<String>>>;

/// A server on this machine. `answer` gets method, path with query, and authorization; its answer is status line and headers, and a body.
async fn serve(answer: impl Fn(&str, &str, &str) -> (String, String) + Send + Sync + 'static) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let requests = Requests::default();
    let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
            tokio::spawn(async move {
                let mut head = vec![];
                while !head.ends_with(b"\r\n\r\n") {
                    match socket.read_u8().await {
                        // TLS begins like this; servers without it answer in clear.
                        Ok(0x16) if head.is_empty() => {
                            _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                            return;
                        }
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                let head = String::from_utf8(head).unwrap();
                let mut words = head.split(' ');
                let (method, path) = (words.next().unwrap(), words.next().unwrap());
                let authorization = head
                    .lines()
                    .find_map(|line| {
                        line.split_once(": ")
                            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
                    })
                    .map_or("", |(_, value)| value);
                seen.lock().await.push(format!("{method} {path} {authorization}"));
                let (status, body) = answer(method, path, authorization);
                let text = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                _ = socket.write_all(text.as_bytes()).await;
            });
        }
    });
    (host, requests)
}

fn client(registries: &[(&str, RegistrySettings)]) -> RegistryClient {
    let settings = Settings {
        notebook_host: "workers.localhost".into(),
        instance: "test".into(),
        data_dir: "/nowhere".into(),
        public_url: "http://localhost".into(),
        worker_url: None,
        platform_version: "25.5.3".into(),
        default_registry: "ghcr.io/practicusai".into(),
        pull_policy: PullPolicy::IfNotPresent,
        builder_image: String::new(),
        privileged_builder_image: String::new(),
        registries: registries
            .iter()
            .map(|(host, settings)| ((*host).to_owned(), settings.clone()))
            .collect(),
        extra_hosts: vec!["inside.example.com:10.255.255.1".into()],
        allowed_frontends: vec![],
        agent: bytes::Bytes::new(),
        retention: crate::retention::RetentionSettings::default(),
        ready_timeout: Duration::from_secs(1),
        build_timeout: Duration::from_secs(1),
    };
    RegistryClient::new(&settings, "").unwrap()
}

fn http() -> RegistrySettings {
    RegistrySettings {
        http: true,
        ..Default::default()
    }
}

fn login(host: &str, password: &str) -> RegistryCredential {
    RegistryCredential {
        host: host.into(),
        username: "robot".into(),
        password: password.into(),
        only: None,
    }
}

/// `robot:right`
const RIGHT: &str = "Basic cm9ib3Q6cmlnaHQ=";

fn basic_registry(method: &str, path: &str, authorization: &str) -> (String, String) {
    let answer = match (method, path, authorization) {
        (_, _, "") => "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\"",
        ("POST", "/v2/demo/readonly/blobs/uploads/", RIGHT) => "403 Forbidden",
        ("POST", "/v2/demo/app/blobs/uploads/", RIGHT) => {
            "202 Accepted\r\nLocation: /v2/demo/app/blobs/uploads/7?state=x"
        }
        ("GET", "/v2/", RIGHT) => "200 OK",
        ("DELETE", "/v2/demo/app/blobs/uploads/7?state=x", RIGHT) => "204 No Content",
        _ => "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\"",
    };
    (answer.into(), "{}".into())
}

#[tokio::test]
async fn a_push_is_tried_and_given_up() {
    let (host, requests) = serve(basic_registry).await;
    let client = client(&[(&host, http())]);
    client
        .check_push(&host, "demo/app", Some(&login(&host, "right")), false)
        .await
        .unwrap();
    let last = requests.lock().await.last().cloned().unwrap();
    assert_eq!(last, format!("DELETE /v2/demo/app/blobs/uploads/7?state=x {RIGHT}"));
    client.check_login(&login(&host, "right"), false).await.unwrap();
}

#[tokio::test]
async fn each_refusal_has_its_words() {
    let (host, _) = serve(basic_registry).await;
    let client = client(&[(&host, http())]);
    let wrong = client
        .check_push(&host, "demo/app", Some(&login(&host, "wrong-password")), false)
        .await
        .unwrap_err();
    assert_eq!(
        wrong.to_string(),
        format!("The registry {host} refused the login of robot: user name or password is not right.")
    );
    assert_eq!(
        client
            .check_login(&login(&host, "wrong-password"), false)
            .await
            .unwrap_err(),
        wrong
    );
    let none = client.check_push(&host, "demo/app", None, false).await.unwrap_err();
    assert_eq!(none, RegistryError::LoginNeeded { host: host.clone() });
    let denied = client
        .check_push(&host, "demo/readonly", Some(&login(&host, "right")), false)
        .await
        .unwrap_err();
    assert_eq!(
        denied.to_string(),
        format!("The registry {host} does not let robot push to demo/readonly. Use a credential that may push there.")
    );
}

#[tokio::test]
async fn a_token_is_fetched_where_the_registry_says() {
    let (realm, asked) = serve(|_, path, authorization| match authorization {
        RIGHT if path.contains("scope=repository%3Ademo%2Fapp%3Apull%2Cpush") => {
            ("200 OK".into(), r#"{"token":"push-me"}"#.into())
        }
        RIGHT => ("200 OK".into(), r#"{"access_token":"look"}"#.into()),
        _ => ("401 Unauthorized".into(), String::new()),
    })
    .await;
    let service = realm.clone();
    let (host, _) = serve(move |method, path, authorization| match (method, path, authorization) {
        ("POST", _, "Bearer push-me") | ("GET", _, "Bearer look") => ("202 Accepted".into(), String::new()),
        (_, _, "") => {
            let scope = if method == "POST" {
                ",scope=\"repository:demo/app:pull,push\""
            } else {
                ""
            };
            (
                format!(
                    "401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://{service}/token\",service=\"s\"{scope}"
                ),
                String::new(),
            )
        }
        _ => ("401 Unauthorized".into(), String::new()),
    })
    .await;
    let both = client(&[(&host, http()), (&realm, http())]);
    both.check_push(&host, "demo/app", Some(&login(&host, "right")), false)
        .await
        .unwrap();
    both.check_login(&login(&host, "right"), false).await.unwrap();
    let wrong = both.check_login(&login(&host, "wrong"), false).await.unwrap_err();
    assert_eq!(
        wrong,
        RegistryError::LoginRefused {
            host: host.clone(),
            username: "robot".into()
        }
    );
    let asked = asked.lock().await.clone();
    assert!(
        asked[0].starts_with("GET /token?service=s&scope=repository%3Ademo%2Fapp%3Apull%2Cpush&account=robot "),
        "{asked:?}"
    );
    // The token service is an address that a stranger chose: it is held to the same rule.
    let only_registry = client(&[(&host, http())]);
    let refused = only_registry
        .check_login(&login(&host, "right"), false)
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        RegistryError::NotAllowed {
            host: realm,
            address: "127.0.0.1".into()
        }
    );
}

#[tokio::test]
async fn a_login_is_not_sent_after_a_redirect_to_another_host() {
    let (elsewhere, reached) = serve(|_, _, _| ("200 OK".into(), String::new())).await;
    let target = elsewhere.clone();
    let (host, _) = serve(move |_, _, _| {
        (
            format!("307 Temporary Redirect\r\nLocation: http://{target}/v2/"),
            String::new(),
        )
    })
    .await;
    let client = client(&[(&host, http()), (&elsewhere, http())]);
    assert!(matches!(
        client.check_login(&login(&host, "right"), false).await,
        Err(RegistryError::Unexpected { .. })
    ));
    assert!(reached.lock().await.is_empty());
}

#[tokio::test]
async fn what_is_not_public_is_refused_unless_listed() {
    let (host, requests) = serve(basic_registry).await;
    let port = host.rsplit(':').next().unwrap().to_owned();
    let client = client(&[]);
    let mut hosts = HashMap::from([
        ("inside.example.com".to_owned(), "10.255.255.1"),
        ("169.254.169.254".to_owned(), "169.254.169.254"),
    ]);
    for name in ["127.0.0.1", "localhost", "2130706433", "0x7f.1"] {
        hosts.insert(format!("{name}:{port}"), "127.0.0.1");
    }
    for (host, address) in hosts {
        for insecure in [false, true] {
            match client.check_login(&login(&host, "right"), insecure).await {
                Err(RegistryError::NotAllowed {
                    host: named,
                    address: found,
                }) => {
                    assert_eq!(named, host);
                    assert!(found == address || found == "::1", "{found}");
                }
                other => panic!("{host}: {other:?}"),
            }
        }
    }
    assert!(requests.lock().await.is_empty());
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_told_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap().to_string();
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut client = client(&[(&silent, http()), (&closed, http())]);
    let error = client.check_login(&login(&closed, "x"), false).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("The registry {closed} does not answer: connection refused.")
    );
    client.limit = Duration::from_millis(50);
    let error = client.check_login(&login(&silent, "x"), false).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("The registry {silent} gave no answer to that: no answer within 0.05 seconds.")
    );
}

#[tokio::test]
async fn insecure_also_tries_plain_http() {
    let (host, _) = serve(basic_registry).await;
    let client = client(&[(&host, RegistrySettings::default())]);
    let error = client
        .check_push(&host, "demo/app", Some(&login(&host, "right")), false)
        .await
        .unwrap_err();
    assert!(matches!(error, RegistryError::Untrusted { .. }), "{error:?}");
    client
        .check_push(&host, "demo/app", Some(&login(&host, "right")), true)
        .await
        .unwrap();
}

/// A registry whose uploads are answered in turn with these; then it accepts.
async fn in_turn(answers: &[(&str, &str)]) -> (String, Requests) {
    let answers: Vec<(String, String)> = answers
        .iter()
        .map(|(head, body)| ((*head).to_owned(), (*body).to_owned()))
        .collect();
    let left = std::sync::Mutex::new(answers.into_iter());
    serve(move |_, _, _| {
        let next = left.lock().unwrap().next();
        next.unwrap_or_else(|| ("202 Accepted".into(), String::new()))
    })
    .await
}

#[tokio::test]
async fn a_refusal_has_the_registrys_own_words() {
    for (head, body, words) in [
        (
            "404 Not Found\r\nContent-Type: application/json",
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"create it first in the portal"}]}"#,
            "has no repository demo/app for anybody without a credential: NAME_UNKNOWN: create it first in the portal. Create it in the \
             registry, check the name, or use another credential.",
        ),
        (
            "403 Forbidden",
            r#"{"errors":[{"code":"DENIED","message":"would exceed the quota"}]}"#,
            "push to demo/app: DENIED: would exceed the quota. Do what the registry says, or use a credential that may push there.",
        ),
    ] {
        let (host, _) = in_turn(&[(head, body)]).await;
        let refused = client(&[(&host, http())])
            .check_push(&host, "demo/app", None, false)
            .await;
        let refused = refused.unwrap_err();
        assert!(refused.to_string().ends_with(words), "{refused}");
    }
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_made_once() {
    const BUSY: (&str, &str) = ("503 Service Unavailable", "read-only, back at 18:00");
    let paused = [
        ("429 Too Many Requests\r\nRetry-After: 1", "{}"),
        BUSY,
        (
            "429 Too Many Requests\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nRetry-After: Thu, 01 Jan 2026 00:00:01 GMT",
            "",
        ),
    ]
    .map(async |first| {
        let (host, requests) = in_turn(&[first]).await;
        let begun = Instant::now();
        let client = client(&[(&host, http())]);
        client.check_push(&host, "demo/app", None, false).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 1, "{first:?}");
        assert_eq!(requests.lock().await.len(), 2);
    });
    futures::future::join_all(paused).await;
    // Twice, or longer than there is time: nothing is known of the right to push.
    for answers in [
        vec![BUSY, BUSY],
        vec![("503 Service Unavailable\r\nRetry-After: 60", BUSY.1)],
    ] {
        let (host, requests) = in_turn(&answers).await;
        let client = client(&[(&host, http())]);
        let error = client.check_push(&host, "demo/app", None, false).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "The registry {host} gave no answer to that: it says 503 Service Unavailable: read-only, back at 18:00."
            )
        );
        assert!(matches!(error, RegistryError::Busy { .. }), "{error:?}");
        assert_eq!(requests.lock().await.len(), answers.len());
    }
}

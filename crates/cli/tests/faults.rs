//! The real `prtcli` against a server that breaks in ways that a real console cannot be made to on demand.

mod server;

use std::{
    process::{Output, Stdio},
    time::Duration,
};

use server::{Answer, HEAD, Server, json, record};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

/// `prtcli` that knows this server and nothing of the machine that it runs on.
fn prtcli(server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prtcli"));
    command
        .args(args)
        .env_clear()
        .env("PRT_URL", &server.url)
        .env("PRT_TOKEN", "test-token")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(server: &Server, args: &[&str]) -> Output {
    let output = prtcli(server, args).output();
    tokio::time::timeout(Duration::from_mins(1), output)
        .await
        .expect("it ends")
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn build_view() -> serde_json::Value {
    serde_json::json!({
        "number": 7, "id": "0190b2f4-0000-7000-8000-000000000001", "worker": "W-1", "owner": "ada", "door": "cli",
        "name": "r/x", "tag": "1", "reference": "r/x:1", "push_image": true, "build_args": {}, "credentials": [],
        "insecure_registry": false, "no_cache": false, "context": "", "dockerfile": "", "status": "Running",
        "reason": null, "message": "", "step": null, "digest": null, "rerun_of": null, "created_ms": 0,
        "started_ms": null, "ended_ms": null, "steps": 0, "steps_cached": 0, "lines": 0, "last_seq": 0,
    })
}

fn log(seq: u64) -> String {
    record(
        seq,
        &format!(r#""type":"log","line":{seq},"step":1,"stream":1,"text":"line {seq}""#),
    )
}

fn end(seq: u64, status: &str) -> String {
    record(
        seq,
        &format!(r#""type":"end","status":"{status}","message":"it ended","digest":"sha256:ab""#),
    )
}

const BUILD: &[&str] = &["build-container-image", "-p", "name=r/x", "tag=1", "worker=W-1"];

#[tokio::test]
async fn a_connection_dropped_in_the_middle_leaves_the_log_whole() {
    let third = log(3);
    let server = Server::start(move |request, time| match request.path.as_str() {
        "/api/v1/builds" => json(201, &build_view()),
        "/api/v1/builds/7/events" => match time {
            1 => Answer::Close(format!("{HEAD}{}{}{}", log(1), log(2), &third[..30])),
            // The server repeats one record more than it was asked for.
            2 => Answer::Close(format!("{HEAD}{}{}", log(2), log(3))),
            3 => Answer::Close(String::new()),
            _ => Answer::Close(format!("{HEAD}: beat\n\n{}{}", log(4), end(5, "Succeeded"))),
        },
        other => panic!("{other}"),
    })
    .await;
    let output = run(&server, BUILD).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "#1 0.000 line 1\n#1 0.000 line 2\n#1 0.000 line 3\n#1 0.000 line 4\n-- Succeeded: it ended\n-- digest sha256:ab\n\
         built and pushed r/x:1@sha256:ab\nstart a worker with it: prtcli worker create --image r/x:1 --pull-policy Always\n"
    );
    assert!(
        text(&output.stderr).contains("reconnecting…"),
        "{}",
        text(&output.stderr)
    );
    let asked: Vec<String> = server
        .requests()
        .iter()
        .filter_map(|request| request.header("last-event-id"))
        .collect();
    assert_eq!(asked, ["0", "2", "3", "3"]);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("x-prt-door").as_deref() == Some("cli"))
    );
}

#[tokio::test]
async fn raw_json_has_each_record_once() {
    let server = Server::start(|request, time| match (request.path.as_str(), time) {
        ("/api/v1/builds", _) => json(201, &build_view()),
        (_, 1) => Answer::Close(format!("{HEAD}{}", log(1))),
        _ => Answer::Close(format!("{HEAD}{}{}", log(1), end(2, "Failed"))),
    })
    .await;
    let output = run(&server, &[BUILD, &["--progress", "rawjson"]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let numbers: Vec<u64> = text(&output.stdout)
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(numbers, [1, 2]);
    assert!(
        text(&output.stderr).contains("error: build #7 failed: it ended"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn a_start_is_sent_again_with_its_key_while_the_console_restarts() {
    let proxy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(move |request, time| match (request.path.as_str(), time) {
        ("/api/v1/builds", 1) => Answer::Close(String::new()),
        ("/api/v1/builds", 2) => Answer::Close(proxy.into()),
        ("/api/v1/builds", _) => json(201, &build_view()),
        _ => Answer::Close(format!("{HEAD}{}", end(1, "Succeeded"))),
    })
    .await;
    let output = run(&server, BUILD).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stderr).matches("; trying again…").count(),
        1,
        "{}",
        text(&output.stderr)
    );
    let starts: Vec<_> = server.requests();
    let starts: Vec<_> = starts
        .iter()
        .filter(|request| request.path == "/api/v1/builds")
        .collect();
    assert_eq!(starts.len(), 3);
    let key = starts[0].header("idempotency-key").unwrap();
    for start in starts {
        assert_eq!(start.header("idempotency-key").as_deref(), Some(key.as_str()));
    }
}

#[tokio::test]
async fn a_refused_start_is_not_sent_again() {
    let server = Server::start(|_, _| {
        json(
            409,
            &serde_json::json!({ "code": "conflict", "message": "W-1 is busy.", "fields": [], "request_id": "r" }),
        )
    })
    .await;
    let output = run(&server, BUILD).await;
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(1), "error: W-1 is busy.\n")
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_gap_is_an_error_and_not_a_shorter_log() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/builds" => json(201, &build_view()),
        _ => Answer::Close(format!("{HEAD}{}{}", log(1), end(3, "Succeeded"))),
    })
    .await;
    let output = run(&server, BUILD).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("has a gap: record 3 came after record 1"));
}

#[tokio::test]
async fn ctrl_c_cancels_and_waits_for_the_end() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/builds" => json(201, &build_view()),
        "/api/v1/builds/7/cancel" => json(200, &build_view()),
        _ => Answer::Until(
            "/api/v1/builds/7/cancel",
            format!("{HEAD}{}", log(1)),
            end(2, "Canceled"),
        ),
    })
    .await;
    let mut child = prtcli(&server, BUILD).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("#1 0.000 line 1"));
    interrupt(&child).await;
    assert_eq!(
        lines.next_line().await.unwrap().as_deref(),
        Some("-- Canceled: it ended")
    );
    let output = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).ends_with("error: build #7 was canceled\n"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn a_second_ctrl_c_leaves_at_once() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/builds" => json(201, &build_view()),
        // The server takes its time.
        "/api/v1/builds/7/cancel" => Answer::Until("never", String::new(), String::new()),
        _ => Answer::Until("never", format!("{HEAD}{}", log(1)), String::new()),
    })
    .await;
    let mut child = prtcli(&server, BUILD).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.next_line().await.unwrap();
    interrupt(&child).await;
    assert!(errors.next_line().await.unwrap().unwrap().starts_with("canceling…"));
    interrupt(&child).await;
    let status = tokio::time::timeout(Duration::from_secs(30), child.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(
        errors.next_line().await.unwrap().as_deref(),
        Some("error: left build #7 before its end")
    );
}

async fn interrupt(child: &tokio::process::Child) {
    let id = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .await
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn nobody_listening_is_told_with_the_cause() {
    let server = Server::start(|_, _| panic!("no request is expected")).await;
    // A port that was free a moment ago, and on which nobody listens now.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let output = run(&server, &["--url", &url, "whoami"]).await;
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    let refused = format!("cannot reach {url}/: Connection refused");
    assert!(error.starts_with(&refused), "{error}");
    let (first, rest) = error.split_once('\n').unwrap();
    assert!(first.ends_with("; trying again…"), "{error}");
    assert!(rest.starts_with(&format!("error: {refused}")), "{error}");
    assert!(error.contains("\n\nhint: check --url"), "{error}");
}

#[tokio::test]
async fn a_proxys_error_page_is_not_shown_as_it_is() {
    let server = Server::start(|_, _| {
        let page = "<html>\u{1b}[31mBad gateway</html>";
        Answer::Close(format!(
            "HTTP/1.1 502 Bad Gateway\r\ncontent-length: {}\r\n\r\n{page}",
            page.len()
        ))
    })
    .await;
    let output = run(&server, &["worker", "list"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        format!(
            "{0}/ answers 502 Bad Gateway; trying again…\nerror: {0}/ answers 502 Bad Gateway\n",
            server.url
        )
    );
}

#[tokio::test]
async fn exit_codes_tell_kinds_of_errors_apart() {
    let server = Server::start(|request, _| {
        let (status, code) = match request.path.as_str() {
            "/api/v1/workers/denied" => (403, "forbidden"),
            "/api/v1/workers/wrong" => (400, "invalid_input"),
            _ => (404, "not_found"),
        };
        json(
            status,
            &serde_json::json!({
                "code": code, "message": "it did not work", "hint": "try another", "request_id": "r",
                "fields": [{"field": "tag", "message": "is missing"}],
            }),
        )
    })
    .await;
    for (name, exit) in [("denied", 3), ("wrong", 2), ("none", 1)] {
        let output = run(&server, &["worker", "show", name]).await;
        assert_eq!(output.status.code(), Some(exit), "{name}");
        assert_eq!(
            text(&output.stderr),
            "error: it did not work\n  tag: is missing\n\nhint: try another\n"
        );
    }
}

#[tokio::test]
async fn a_closed_output_is_no_panic() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/builds" => json(201, &build_view()),
        "/api/v1/builds/7/log" => {
            let text = "a line of the log\n".repeat(100_000);
            Answer::Close(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            ))
        }
        _ => Answer::Close(format!("{HEAD}{}", (1..20_000).map(log).collect::<String>())),
    })
    .await;
    for (args, exit) in [
        (&["builds", "logs", "7"][..], 0),
        (BUILD, 1),
        (&["completions", "bash"], 0),
    ] {
        let mut child = prtcli(&server, args).spawn().unwrap();
        drop(child.stdout.take());
        let output = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(exit), ""),
            "{args:?}"
        );
    }
}

#[tokio::test]
async fn a_folder_is_uploaded_without_what_is_ignored() {
    /// Of `x`.
    const KEEP: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    let folder = tempfile::tempdir().unwrap();
    let context = folder.path().join("my app");
    std::fs::create_dir(&context).unwrap();
    for (name, content) in [
        ("Dockerfile", "FROM scratch"),
        (".dockerignore", "*\n!keep"),
        ("keep", "x"),
        ("drop", "y"),
    ] {
        std::fs::write(context.join(name), content).unwrap();
    }
    let server = Server::start(|request, time| match request.path.as_str() {
        // What it cannot say now, it says a moment later.
        "/api/v1/workers/W-1/contexts" if time == 1 => json(
            503,
            &serde_json::json!({
                "code": "unavailable", "message": "The container engine does not answer.", "fields": [], "request_id": "r",
            }),
        ),
        // The builder has the Dockerfile already.
        "/api/v1/workers/W-1/contexts" => json(
            200,
            &serde_json::json!({ "id": "c".repeat(64), "missing": [KEEP], "missing_bytes": 1 }),
        ),
        path if path.starts_with("/api/v1/workers/W-1/contexts/") && time == 1 => Answer::Close(String::new()),
        path if path.starts_with("/api/v1/workers/W-1/contexts/") => json(
            200,
            &serde_json::json!({ "id": "c".repeat(64), "missing": [], "missing_bytes": 0 }),
        ),
        "/api/v1/builds" => json(201, &build_view()),
        _ => Answer::Close(format!("{HEAD}{}", end(1, "Succeeded"))),
    })
    .await;
    let args = [
        "build",
        context.to_str().unwrap(),
        "-t",
        "h:5000/x:1",
        "--push",
        "--build-arg",
        "A=b",
        "--worker",
        "W-1",
        "-q",
    ];
    let output = run(&server, &args).await;
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "sha256:ab\n"),
        "{}",
        text(&output.stderr)
    );
    let waits = text(&output.stderr);
    assert!(
        waits.contains("The container engine does not answer; trying again…"),
        "{waits}"
    );
    // Offered, offered again, sent, and both again after the connection broke.
    let mut requests = server.requests();
    let of_context: Vec<_> = requests[..5].iter().map(|request| request.method.as_str()).collect();
    assert_eq!(of_context, ["POST", "POST", "PUT", "POST", "PUT"]);
    requests.drain(..3);
    let offered: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    let paths: Vec<_> = offered["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["path"])
        .collect();
    assert_eq!(paths, [".dockerignore", "Dockerfile", "keep"]);
    assert!(requests[1].path.ends_with(&"c".repeat(64)));
    let sent = text(&requests[1].body);
    assert!(sent.contains(KEEP) && !sent.contains("FROM scratch"));
    let asked: serde_json::Value = serde_json::from_slice(&requests[2].body).unwrap();
    assert_eq!(
        asked,
        serde_json::json!({
            "worker": "W-1", "name": "h:5000/x", "tag": "1", "push_image": true, "build_args": {"A": "b"},
            "insecure_registry": false, "no_cache": false, "context_id": "c".repeat(64), "dockerfile": "Dockerfile",
        })
    );
}

#[tokio::test]
async fn the_only_builder_worker_is_found_and_none_is_wrong_use() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/me" => json(
            200,
            &serde_json::json!({
                "id": "0190b2f4-0000-7000-8000-000000000001", "username": "ada", "role": "user", "groups": [],
            }),
        ),
        _ => json(200, &serde_json::json!([])),
    })
    .await;
    let output = run(&server, &BUILD[..4]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).starts_with("error: no worker is given, and you have none"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn a_login_is_saved_and_only_for_its_server() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/login" => json(
            200,
            &serde_json::json!({
                "token": {"id": "0190b2f4-0000-7000-8000-000000000001", "name": "prtcli", "prefix": "prt_", "created_ms": 0,
                          "expires_ms": null, "last_used_ms": null},
                "value": "prt_saved",
            }),
        ),
        _ => json(401, &serde_json::json!({"code": "unauthenticated", "message": "who are you?", "request_id": "r"})),
    })
    .await;
    let bare = |args: &[&str]| {
        let mut command = prtcli(&server, args);
        command
            .env_remove("PRT_URL")
            .env_remove("PRT_TOKEN")
            .env("XDG_CONFIG_HOME", home.path());
        command
    };
    let mut child = bare(&["login", "--url", &server.url, "--username", "ada", "--password-stdin"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut child.stdin.take().unwrap(), b"pass word\n")
        .await
        .unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&output.stdout).contains("prt_saved"));
    let asked: serde_json::Value = serde_json::from_slice(&server.requests()[0].body).unwrap();
    assert_eq!(asked, serde_json::json!({"username": "ada", "password": "pass word"}));

    let output = bare(&["whoami"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        server.requests()[1].header("authorization").as_deref(),
        Some("Bearer prt_saved")
    );

    let other = server.url.replace("127.0.0.1", "localhost");
    bare(&["whoami", "--url", &other]).output().await.unwrap();
    assert_eq!(server.requests().last().unwrap().header("authorization"), None);

    let output = bare(&["logout"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let last = server.requests().pop().unwrap();
    assert_eq!(
        (last.method.as_str(), last.path.starts_with("/api/v1/tokens/0190b2f4")),
        ("DELETE", true)
    );
    assert!(!home.path().join("prt/login.toml").exists());
}

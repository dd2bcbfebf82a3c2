//! A request whose answer was lost is sent again and makes nothing twice.

use std::{process::Stdio, time::Duration};

use prt_types::{
    builds::{BuildStatus, BuildView},
    workers::{TerminateRequest, WorkerView},
};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};
use uuid::Uuid;

use crate::helpers::{ADMIN_PASSWORD, Cli, Console, USER_PASSWORD, builder_worker, eventually, plain_worker};

/// Kills at different moments of a request, in each of the tests below.
const KILLS: u32 = 6;
/// Longer than a request takes on a busy machine.
const MOMENTS_MS: u64 = 120;
/// A retry is answered within this: nothing waits for a request of a console that is gone.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Ends the console like a power cut, at a random moment from now on.
async fn kill_soon(console: &mut Console) {
    let moment = u64::from(Uuid::new_v4().as_bytes()[0]) * MOMENTS_MS / 255;
    // Not a wait for something: the moment itself is what is tested.
    tokio::time::sleep(Duration::from_millis(moment)).await;
    console.kill();
}

/// Sends a request, kills the console around it, and sends it again. Gives the thing that both are about.
async fn once_over_a_kill<T: DeserializeOwned>(console: &mut Console, request: impl Fn() -> RequestBuilder) -> T {
    let first = tokio::spawn(request().send());
    kill_soon(console).await;
    let first = first.await.unwrap();
    console.run().await;
    let begun = Instant::now();
    let again = request().send().await.unwrap();
    assert!(begun.elapsed() < AT_ONCE, "answered after {:?}", begun.elapsed());
    let status = again.status().as_u16();
    let again = again.text().await.unwrap();
    assert_eq!(status, 201, "{again}");
    if let Ok(first) = first
        && first.status() == 201
        && let Ok(first) = first.text().await
    {
        assert_eq!(first, again, "both have one answer");
    }
    serde_json::from_str(&again).unwrap()
}

#[tokio::test]
async fn a_killed_console_makes_one_worker() {
    let mut console = Console::start().await;
    let token = console.token("admin", ADMIN_PASSWORD).await;
    let http = reqwest::Client::builder().build().unwrap();
    let url = format!("{}/api/v1/workers", console.url);
    let mut made = vec![];
    for number in 0..KILLS {
        let request = || {
            http.post(&url)
                .bearer_auth(token.expose())
                .header("idempotency-key", format!("worker-{number}"))
                .json(&plain_worker("X-Small"))
        };
        let worker: WorkerView = once_over_a_kill(&mut console, request).await;
        made.push(worker.name);
        let all = console.admin.workers(true).await.unwrap();
        let mut names: Vec<String> = all.into_iter().map(|worker| worker.name).collect();
        names.reverse();
        assert_eq!(names, made);
        let end = TerminateRequest::default();
        console
            .admin
            .worker_terminate(&made[made.len() - 1], &end)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_killed_console_makes_one_build() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Small")).await;
    console
        .dockerfile(&admin, &worker.name, "FROM scratch\nCOPY Dockerfile /\n")
        .await;
    let token = console.token("admin", ADMIN_PASSWORD).await;
    let http = reqwest::Client::builder().build().unwrap();
    let url = format!("{}/api/v1/builds", console.url);
    let mut wanted = console.build_request(&worker.name, "once", "1");
    wanted.push_image = false;
    let mut made = vec![];
    for number in 0..KILLS {
        let request = || {
            http.post(&url)
                .bearer_auth(token.expose())
                .header("idempotency-key", format!("build-{number}"))
                .json(&wanted)
        };
        let build: BuildView = once_over_a_kill(&mut console, request).await;
        made.push(build.number);
        let all = admin.builds(None, None, None, None).await.unwrap();
        let mut numbers: Vec<i64> = all.into_iter().map(|build| build.number).collect();
        numbers.reverse();
        assert_eq!(numbers, made);
        console.build_end(&admin, build.number).await;
    }
}

#[tokio::test]
async fn a_command_outlives_a_killed_console() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Small")).await;
    let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);
    let context = console.folder.path().join("context");
    std::fs::create_dir(&context).unwrap();
    std::fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n").unwrap();
    let context = context.to_str().unwrap();
    for number in 1..=i64::from(KILLS) {
        let args = [
            "build",
            context,
            "-t",
            "x.invalid/once:1",
            "--worker",
            &worker.name,
            "--no-cache",
        ];
        let command = cli
            .command(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        kill_soon(&mut console).await;
        console.run().await;
        let output = tokio::task::spawn_blocking(|| command.wait_with_output())
            .await
            .unwrap()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        let all = admin.builds(None, None, None, None).await.unwrap();
        assert_eq!(all.len() as i64, number, "{words}");
        let build = console.build_end(&admin, number).await;
        // A console that is killed before the builder has the build lost it, and says so.
        let ended = match output.status.code() {
            Some(0) => BuildStatus::Succeeded,
            _ => BuildStatus::Failed,
        };
        assert_eq!(build.status, ended, "{words}");
        assert!(!words.contains("409") && !words.contains("idempotency"), "{words}");
    }
}

#[tokio::test]
async fn a_request_that_was_cut_off_makes_one_worker() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let token = console.token("alice", USER_PASSWORD).await;
    let http = reqwest::Client::builder().build().unwrap();
    let url = format!("{}/api/v1/workers", console.url);
    let body = serde_json::to_string(&plain_worker("X-Small")).unwrap();
    let send = async |key: &str, body: &str| {
        let answer = http
            .post(&url)
            .bearer_auth(token.expose())
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .timeout(Duration::from_mins(1))
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let info: Value = http
        .get(format!("{}/api/v1/server", console.url))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(info["idempotency_keys"], true);

    // The whole request arrives, and nobody is there for the answer.
    let address = console.url.trim_start_matches("http://");
    let mut cut = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/workers HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         idempotency-key: cut\r\ncontent-length: {}\r\n\r\n",
        token.expose(),
        body.len()
    );
    cut.write_all(head.as_bytes()).await.unwrap();
    cut.write_all(body.as_bytes()).await.unwrap();
    cut.flush().await.unwrap();
    // Read by the console for certain once the worker is there; then the connection is dropped without reading the answer.
    eventually("the worker is recorded", || async {
        let workers = alice.workers(true).await.unwrap();
        (workers.len() == 1).then_some(())
    })
    .await;
    drop(cut);
    let (status, again) = send("cut", &body).await;
    assert_eq!(status, 201, "{again}");
    let all: Vec<WorkerView> = alice.workers(true).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(again["name"], all[0].name.as_str());

    // Another request under the same key is a mistake; another key makes another worker.
    let other = serde_json::to_string(&plain_worker("Small")).unwrap();
    let (status, conflict) = send("cut", &other).await;
    assert_eq!(
        (status, conflict["message"].as_str()),
        (409, Some("This idempotency key was used for another request."))
    );

    // Two at the same moment come to one answer.
    let (one, two) = futures::join!(send("twice", &body), send("twice", &body));
    assert_eq!((one.0, two.0), (201, 201));
    assert_eq!(one.1["name"], two.1["name"]);
    assert_eq!(alice.workers(true).await.unwrap().len(), 2);

    // A refusal makes nothing and frees its key.
    let wrong = json!({ "worker_image": "practicus-minimal", "log_level": "LOUD" }).to_string();
    let (status, refused) = send("wrong", &wrong).await;
    assert_eq!(status, 400, "{refused}");
    let (status, _) = send("wrong", &body).await;
    assert_eq!(status, 201);
    let (status, _) = send("no spaces please", &body).await;
    assert_eq!(status, 400);
    assert_eq!(alice.workers(true).await.unwrap().len(), 3);
}

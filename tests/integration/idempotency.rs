//! A request whose answer was lost is sent again and makes nothing twice.

use std::time::Duration;

use prt_types::workers::WorkerView;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::helpers::{Console, USER_PASSWORD, eventually, plain_worker};

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

//! The follower against a server that breaks: what a real console cannot be made to do on demand.

use std::time::Duration;

use futures::StreamExt as _;
use prt_client::{Client, ClientError, FollowOptions, Followed, Follower};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const END: &str = r#""type":"end","status":"Succeeded","message":"built""#;

/// What the server does on one connection.
enum Turn {
    /// Sends this and closes.
    Send(String),
    /// Sends this and then nothing more.
    Hang(String),
}

/// A server that plays one turn a connection, and what clients asked for.
async fn server(turns: Vec<Turn>) -> (Client, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut open = Vec::new();
        for turn in turns {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = socket.read(&mut request).await.unwrap();
            seen.send(String::from_utf8_lossy(&request[..length]).to_lowercase())
                .unwrap();
            match turn {
                Turn::Send(text) => socket.write_all(text.as_bytes()).await.unwrap(),
                Turn::Hang(text) => {
                    socket.write_all(text.as_bytes()).await.unwrap();
                    open.push(socket);
                }
            }
        }
        // The last connections stay open for as long as the test runs.
        std::future::pending::<()>().await;
    });
    (
        Client::new(&format!("http://{address}"), Some("secret".into())).unwrap(),
        requests,
    )
}

fn record(seq: u64, event: &str) -> String {
    format!("id: {seq}\nevent: record\ndata: {{\"seq\":{seq},\"at_ms\":5,{event}}}\n\n")
}

fn notice(seq: u64) -> String {
    record(seq, r#""type":"notice","text":"x""#)
}

fn follow(client: &Client) -> Follower {
    let quick = FollowOptions {
        first_delay: Duration::from_millis(1),
        silence: Duration::from_millis(300),
        ..FollowOptions::default()
    };
    client.follow(7, 0, quick)
}

/// Numbers of the records, and how often the connection was said to be lost.
async fn collect(mut follower: Follower) -> Result<(Vec<u64>, usize), ClientError> {
    let (mut numbers, mut losses) = (Vec::new(), 0);
    while let Some(item) = follower.next().await {
        match item? {
            Followed::Record(record) => numbers.push(record.seq),
            Followed::Reconnecting { .. } => losses += 1,
            Followed::Reconnected => {}
        }
    }
    Ok((numbers, losses))
}

#[tokio::test]
async fn a_dropped_connection_leaves_neither_gap_nor_repeat() {
    let cut = record(3, END);
    let (client, mut requests) = server(vec![
        Turn::Send(format!("{HEAD}{}{}{}", notice(1), notice(2), &cut[..20])),
        Turn::Send("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".into()),
        Turn::Hang(format!("{HEAD}: beat\n\n{}{}{}", notice(1), notice(2), record(3, END))),
    ])
    .await;
    let (numbers, losses) = collect(follow(&client)).await.unwrap();
    assert_eq!((numbers, losses), (vec![1, 2, 3], 2));
    let first = requests.recv().await.unwrap();
    assert!(first.starts_with("get /api/v1/builds/7/events "), "{first}");
    assert!(
        first.contains("authorization: bearer secret") && first.contains("x-prt-door: api"),
        "{first}"
    );
    assert!(requests.recv().await.unwrap().contains("last-event-id: 2"));
}

#[tokio::test]
async fn silence_counts_as_a_lost_connection() {
    let (client, _requests) = server(vec![
        Turn::Hang(format!("{HEAD}{}", notice(1))),
        Turn::Send(format!("{HEAD}{}", record(2, END))),
    ])
    .await;
    assert_eq!(collect(follow(&client)).await.unwrap(), (vec![1, 2], 1));
}

#[tokio::test]
async fn a_gap_is_an_error() {
    let (client, _requests) = server(vec![Turn::Hang(format!("{HEAD}{}{}", notice(1), notice(3)))]).await;
    let error = collect(follow(&client)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the log of build #7 has a gap: record 3 came after record 1"
    );
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let body = r#"{"code":"not_found","message":"there is no build #7","request_id":"r"}"#;
    let head = "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nconnection: close";
    let (client, _requests) = server(vec![Turn::Send(format!(
        "{head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))])
    .await;
    let error = collect(follow(&client)).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no build #7");
}

#[tokio::test]
async fn dropping_a_pending_next_loses_nothing() {
    let (client, _requests) = server(vec![
        Turn::Send(format!("{HEAD}{}", notice(1))),
        Turn::Send(format!("{HEAD}{}{}", notice(2), record(3, END))),
    ])
    .await;
    let mut follower = follow(&client);
    let mut numbers = Vec::new();
    loop {
        // Far shorter than a connection takes, as the redraw tick of a painter would be.
        match tokio::time::timeout(Duration::from_micros(50), follower.next()).await {
            Ok(Some(Ok(Followed::Record(record)))) => numbers.push(record.seq),
            Ok(Some(Ok(_))) | Err(_) => {}
            Ok(Some(Err(error))) => panic!("{error}"),
            Ok(None) => break,
        }
    }
    assert_eq!(numbers, vec![1, 2, 3]);
}

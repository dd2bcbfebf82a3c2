//! A small HTTP server: one answer a connection, decided by the test.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The head of an event stream that ends with its connection.
pub const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    head: String,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// What is sent back.
pub enum Answer {
    /// This, and the connection is closed.
    Close(String),
    /// The first text at once; the second when this path has been asked for.
    Until(&'static str, String, String),
}

/// A JSON answer.
pub fn json(status: u16, body: &serde_json::Value) -> Answer {
    let body = body.to_string();
    let length = body.len();
    Answer::Close(format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

/// An event with a record.
pub fn record(seq: u64, event: &str) -> String {
    format!("id: {seq}\nevent: record\ndata: {{\"seq\":{seq},\"at_ms\":5,{event}}}\n\n")
}

pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves what `answer` says for a request and how often its path has been asked for.
    pub async fn start(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (paths, seen) = watch::channel(HashMap::<String, usize>::new());
        let (answer, kept) = (Arc::new(answer), Arc::clone(&requests));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (answer, kept, paths, seen) = (Arc::clone(&answer), Arc::clone(&kept), paths.clone(), seen.clone());
                tokio::spawn(async move {
                    // A client that leaves is no failure of the server.
                    _ = serve(socket, &*answer, &kept, &paths, seen).await;
                });
            }
        });
        Self { url, requests }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut socket: TcpStream,
    answer: &(impl Fn(&Request, usize) -> Answer + Send + Sync),
    kept: &Mutex<Vec<Request>>,
    paths: &watch::Sender<HashMap<String, usize>>,
    mut seen: watch::Receiver<HashMap<String, usize>>,
) -> std::io::Result<()> {
    let Some(request) = read(&mut socket).await? else {
        return Ok(());
    };
    let mut time = 0;
    kept.lock().unwrap().push(request.clone());
    paths.send_modify(|paths| {
        let count = paths.entry(request.path.clone()).or_default();
        *count += 1;
        time = *count;
    });
    match answer(&request, time) {
        Answer::Close(text) => socket.write_all(text.as_bytes()).await?,
        Answer::Until(path, first, then) => {
            socket.write_all(first.as_bytes()).await?;
            _ = seen.wait_for(|paths| paths.contains_key(path)).await;
            socket.write_all(then.as_bytes()).await?;
        }
    }
    socket.shutdown().await
}

async fn read(socket: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut part = vec![0; 64 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let body = bytes[end + 4..].to_vec();
            let lower = head.to_ascii_lowercase();
            let length = lower
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.trim().parse().ok());
            let whole = match length {
                Some(length) => body.len() >= length,
                None if lower.contains("transfer-encoding: chunked") => body.ends_with(b"0\r\n\r\n"),
                None => true,
            };
            if whole {
                let mut words = head.split(' ');
                let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
                let path = target.split_once('?').map_or(target, |(path, _)| path).to_owned();
                return Ok(Some(Request {
                    method,
                    path,
                    head,
                    body,
                }));
            }
        }
        let length = socket.read(&mut part).await?;
        if length == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&part[..length]);
    }
}

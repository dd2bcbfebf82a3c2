//! A registry that lets nobody in and remembers what it was sent.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Listens on a loopback address, which the engine reaches by plain HTTP.
pub struct FakeRegistry {
    /// `127.0.0.1:port`.
    pub host: String,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl FakeRegistry {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let host = listener.local_addr().expect("an address").to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer(stream, Arc::clone(&seen)));
                }
            }
        });
        Self { host, seen, task }
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().expect("no test has panicked here").clone()
    }

    /// The logins that it was sent, as `user:password`.
    pub fn logins(&self) -> Vec<String> {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        self.requests()
            .iter()
            .flat_map(|head| head.lines())
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| {
                let encoded = value.trim().trim_start_matches("Basic ");
                let plain = BASE64_STANDARD.decode(encoded).unwrap_or_else(|_| encoded.into());
                String::from_utf8_lossy(&plain).into_owned()
            })
            .collect()
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request a connection; a TLS greeting is hung up on, and the engine comes back without TLS.
async fn answer(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(0x16) if head.is_empty() => return,
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    seen.lock().expect("no test has panicked here").push(head);
    let refusal = "HTTP/1.1 401 Unauthorized\r\nWww-Authenticate: Basic realm=\"fake\"\r\n\
        Docker-Distribution-Api-Version: registry/2.0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    _ = stream.write_all(refusal.as_bytes()).await;
}

//! Between two parts, so that one is reached where it does not listen, or the connection can be cut.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, UnixStream},
    task::{JoinHandle, JoinSet},
};

/// The address of the engine behind a connection that can be cut without ending the engine.
pub async fn engine_behind() -> (String, JoinHandle<()>) {
    let socket = std::env::var("DOCKER_HOST").ok();
    let socket = socket.as_deref().and_then(|host| host.strip_prefix("unix://"));
    let socket = socket.unwrap_or("/var/run/docker.sock").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("tcp://{}", listener.local_addr().expect("an address"));
    (address, forward(listener, move || UnixStream::connect(socket.clone())))
}

/// Passes each connection on to one that `connect` makes. Aborting the task cuts all of them.
pub fn forward<S, F>(listener: TcpListener, connect: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<S>> + Send,
{
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.expect("a connection");
            let mut far = connect().await.expect("the other side answers");
            connections.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    })
}

//! Between two parts, so that one is reached where it does not listen, or the connection can be cut.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

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

//! Listening, and a clean end.

use std::net::SocketAddr;

use axum::{Router, serve::ListenerExt as _};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// A listener cannot be opened or broke.
#[derive(Debug, thiserror::Error)]
#[error("listen: {address} cannot be opened")]
pub struct ServeError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Opens all listeners before the first request is served, so that a taken port is known at once.
pub async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners = Vec::new();
    for &address in addresses {
        listeners.push(
            TcpListener::bind(address)
                .await
                .map_err(|source| ServeError { address, source })?,
        );
    }
    Ok(listeners)
}

/// Serves until `stop`; open event streams do not hold the end up.
pub async fn serve(listeners: Vec<TcpListener>, router: Router, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
        let stop = stop.clone();
        tasks.spawn(async move {
            // Log lines and a kernel's messages are small, and each is waited for.
            let listener = listener.tap_io(|stream| {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps its small packets back");
                }
            });
            let served = axum::serve(listener, service);
            tokio::select! {
                result = served => if let Err(error) = result { tracing::error!(%error, "a listener broke") },
                () = stop.cancelled() => {}
            }
        });
    }
    tasks.join_all().await;
}

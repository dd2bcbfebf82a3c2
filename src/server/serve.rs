//! Listening, and a clean end.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, serve::ListenerExt as _};
use prt_boot::Config;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{metrics, router::router, state::AppState};

/// Another console has the database: the server of the database lost this one's session, and the other one was faster.
#[derive(Debug, thiserror::Error)]
#[error("this console has ended: another console uses its database. One database supports one console")]
pub struct Replaced;

/// The console, until a signal ends it.
pub async fn console(config: &Config) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let metrics = metrics::install()?;
    let listeners = bind(&config.listen).await?;
    let booted = prt_boot::start(config).await?;
    if let Some(password) = &booted.admin_password {
        // The only time it is shown, and not through the log, which is kept.
        let words = format!("The user admin was made with the password {}\n", password.expose());
        std::io::Write::write_all(&mut std::io::stdout(), words.as_bytes())?;
    }
    let orchestrator = booted.orchestrator.clone();
    let leptos = leptos::config::LeptosOptions::builder()
        .output_name("prt-console")
        .site_root(config.site_root.display().to_string())
        .site_pkg_dir("pkg")
        .build();
    let stop = CancellationToken::new();
    tokio::spawn(wait_for_signal(stop.clone()));
    let database = Arc::clone(&booted.database);
    let replaced = tokio::spawn({
        let stop = stop.clone();
        async move {
            database.lost().await;
            stop.cancel();
        }
    });
    tracing::info!(url = config.public_url, "serving");
    serve(
        listeners,
        router(AppState {
            orchestrator: orchestrator.clone(),
            leptos,
            metrics,
        }),
        stop,
    )
    .await;
    orchestrator.shutdown().await;
    booted.close().await;
    if replaced.is_finished() {
        return Err(Replaced.into());
    }
    Ok(())
}

async fn wait_for_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    if let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        stop.cancel();
    }
}

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

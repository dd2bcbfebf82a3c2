//! `prt-console`: serves the console and its API, and a few commands around it.

use clap::{Command, error::ErrorKind};
use prt_boot::{Config, config, telemetry};
use prt_console::server::{metrics, openapi, rest, router::router, serve, state::AppState};
use tokio_util::sync::CancellationToken;

fn command() -> Command {
    Command::new("prt-console")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Self-hosted console for building container images and running workers on them")
        .after_help("Settings come from the defaults, the file, the environment and the flags; later ones win.")
        .args(config::args())
        .subcommand(Command::new("serve").about("Serve the console (the default)"))
        .subcommand(Command::new("migrate").about("Bring the database's schema up to date and end"))
        .subcommand(Command::new("openapi").about("Print the OpenAPI document of /api/v1 and end"))
}

fn main() {
    let matches = command().get_matches();
    let ended = match matches.subcommand_name() {
        Some("openapi") => print_openapi(),
        name => match config::load(&matches) {
            Ok(config) => run(&config, name == Some("migrate")),
            Err(error) => command().error(ErrorKind::InvalidValue, error).exit(),
        },
    };
    if let Err(error) = ended {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        command().error(ErrorKind::Io, text).exit();
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn print_openapi() -> Ended {
    let document = openapi::complete(rest::v1::router().into_openapi());
    std::io::Write::write_all(&mut std::io::stdout(), document.to_pretty_json()?.as_bytes())?;
    Ok(())
}

#[tokio::main]
async fn run(config: &Config, migrate_only: bool) -> Ended {
    let _telemetry = telemetry::start(config)?;
    if migrate_only {
        prt_boot::open_store(config).await?;
        return Ok(());
    }
    let metrics = metrics::install()?;
    let listeners = serve::bind(&config.listen).await?;
    let booted = prt_boot::start(config).await?;
    if let Some(password) = booted.admin_password {
        // The only time it is shown, and not through the log, which is kept.
        let words = format!("The user admin was made with the password {}\n", password.expose());
        std::io::Write::write_all(&mut std::io::stdout(), words.as_bytes())?;
    }
    let orchestrator = booted.orchestrator;
    let leptos = leptos::config::LeptosOptions::builder()
        .output_name("prt-console")
        .site_root(config.site_root.display().to_string())
        .site_pkg_dir("pkg")
        .build();
    let stop = CancellationToken::new();
    tokio::spawn(wait_for_signal(stop.clone()));
    tracing::info!(url = config.public_url, "serving");
    serve::serve(
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
    drop(booted.lock);
    Ok(())
}

async fn wait_for_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    if let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        stop.cancel();
    }
}

//! `prt-console`: serves the console and its API, and a few commands around it.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, error::ErrorKind, value_parser};
use prt_boot::{
    Config,
    backup::{self, Copied},
    config, telemetry,
};
use prt_console::server::{openapi, rest, serve};

/// Gives memory back that a build's log took for a while (`docs/decisions/0013-memory-is-given-back.md`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn command() -> Command {
    let file = |help: &'static str| {
        Arg::new("file")
            .value_name("FILE")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    Command::new("prt-console")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Self-hosted console for building container images and running workers on them")
        .after_help("Settings come from the defaults, the file, the environment and the flags; later ones win.")
        .args(config::args())
        .subcommand(Command::new("serve").about("Serve the console (the default)"))
        .subcommand(Command::new("migrate").about("Bring the database's schema up to date and end"))
        .subcommand(
            Command::new("backup")
                .about("Write database, key and build logs into one tar file; the console may run")
                .arg(file("The new file; keep it secret, as it has the key")),
        )
        .subcommand(
            Command::new("restore")
                .about("Put a backup into an empty data_dir; the console must not run")
                .arg(file("A file that `prt-console backup` wrote")),
        )
        .subcommand(Command::new("openapi").about("Print the OpenAPI document of /api/v1 and end"))
}

fn main() {
    let matches = command().get_matches();
    let ended = match matches.subcommand() {
        Some(("openapi", _)) => print_openapi(),
        subcommand => match config::load(&matches) {
            Ok(config) => run(&config, subcommand),
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

fn print(text: &str) -> Ended {
    Ok(std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?)
}

fn print_openapi() -> Ended {
    print(&openapi::complete(rest::v1::router().into_openapi()).to_pretty_json()?)
}

#[tokio::main]
async fn run(config: &Config, subcommand: Option<(&str, &ArgMatches)>) -> Ended {
    let _telemetry = telemetry::start(config)?;
    let file = |matches: &ArgMatches| matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    match subcommand {
        Some(("migrate", _)) => {
            prt_boot::open_store(config).await?.close().await;
            Ok(())
        }
        Some(("backup", matches)) => {
            let file = file(matches);
            let copied = backup::write(config, &file).await?;
            print(&format!("{} has {}.\n", file.display(), words(copied)))
        }
        Some(("restore", matches)) => {
            let copied = backup::restore(config, &file(matches)).await?;
            print(&format!(
                "Restored {} to {}.\n",
                words(copied),
                config.data_dir.display()
            ))
        }
        _ => serve::console(config).await,
    }
}

fn words(copied: Copied) -> String {
    let key = if copied.key {
        "the key"
    } else {
        "no key (it is not in data_dir: keep secret_key yourself)"
    };
    format!("the database, {key} and {} files of build logs", copied.logs)
}

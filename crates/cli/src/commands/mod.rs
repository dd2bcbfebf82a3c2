//! The commands: one file each, grouped as people type them.

mod build;
mod build_container_image;
mod builders;
mod builds;
mod certificates;
mod completions;
mod credential;
mod image;
mod login;
mod logout;
mod pick_worker;
mod retention;
mod run_build;
mod secret;
mod security_context;
mod size;
mod token;
mod whoami;
mod worker;

use clap::Subcommand;

use crate::{args::Cli, error::Result, session::Session};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Log in with name and password, and save an API token
    Login(login::Args),
    /// Revoke and forget the saved login
    Logout,
    /// Show who is logged in
    Whoami,
    /// Start, look at and end workers
    #[command(subcommand, visible_alias = "workers")]
    Worker(worker::Command),
    /// Container images that may be run
    #[command(subcommand, visible_alias = "images")]
    Image(image::Command),
    /// Kept registry credentials, picked by name for pulls and builds
    #[command(subcommand, visible_alias = "credentials")]
    Credential(credential::Command),
    /// Secrets that workers get as environment variables, by name
    #[command(subcommand, visible_alias = "secrets")]
    Secret(secret::Command),
    /// Private certificates that builders get (admins)
    #[command(subcommand, visible_alias = "certificate")]
    Certificates(certificates::Command),
    /// The builders' images, and what the host lacks for them (admins)
    #[command(subcommand)]
    Builders(builders::Command),
    /// API tokens for scripts and pipelines
    #[command(subcommand, visible_alias = "tokens")]
    Token(token::Command),
    /// Worker sizes that may be used
    #[command(subcommand, visible_alias = "sizes")]
    Size(size::Command),
    /// Security contexts: what the containers of a worker may do (admins only)
    #[command(subcommand, visible_alias = "security-contexts")]
    SecurityContext(security_context::Command),
    /// Build an image from a local folder, or from one in the worker's build folder
    Build(Box<build::Args>),
    /// Build an image from the worker's build folder, with the parameters of `build_image` in Python
    BuildContainerImage(build_container_image::Args),
    /// Look at, cancel and repeat builds
    #[command(subcommand)]
    Builds(builds::Command),
    /// How long things are stored, and deleting what is older (admins)
    #[command(subcommand)]
    Retention(retention::Command),
    /// Print a shell's completion script
    Completions(completions::Args),
}

/// Does it.
pub async fn run(cli: Cli) -> Result<()> {
    let open = || Session::open(&cli.global);
    match cli.command {
        Command::Login(args) => login::run(args, &cli.global).await,
        Command::Logout => logout::run(&cli.global).await,
        Command::Whoami => whoami::run(&open()?).await,
        Command::Worker(command) => worker::run(command, &open()?).await,
        Command::Image(command) => image::run(command, &open()?).await,
        Command::Credential(command) => credential::run(command, &open()?).await,
        Command::Secret(command) => secret::run(command, &open()?).await,
        Command::Certificates(command) => certificates::run(command, &open()?).await,
        Command::Builders(command) => builders::run(command, &open()?).await,
        Command::Token(command) => token::run(command, &open()?).await,
        Command::Size(command) => size::run(command, &open()?).await,
        Command::SecurityContext(command) => security_context::run(command, &open()?).await,
        Command::Build(args) => build::run(*args, &open()?).await,
        Command::BuildContainerImage(args) => build_container_image::run(args, &open()?).await,
        Command::Builds(command) => builds::run(command, &open()?).await,
        Command::Retention(command) => retention::run(command, &open()?).await,
        Command::Completions(args) => completions::run(args),
    }
}

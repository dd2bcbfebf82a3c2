//! A running build on the screen: the live display of a terminal, the plain log, or raw records.

pub mod frame;
pub mod live;
pub mod screen;
mod sink;
pub mod state;
mod upload_bar;
mod watch;

use clap::ValueEnum;

pub use sink::Sink;
pub use upload_bar::upload;
pub use watch::{Interrupts, Watched, watch};

use crate::output::Out;

/// `--progress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressMode {
    /// tty on a terminal, else plain.
    #[default]
    Auto,
    /// The live display.
    Tty,
    /// The log, line by line.
    Plain,
    /// Each record as a line of JSON.
    Rawjson,
}

/// Which stream progress goes to: not to the one that carries the result as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub fn of(out: &Out) -> Self {
        if out.is_json() { Self::Stderr } else { Self::Stdout }
    }

    pub fn is_terminal(self, out: &Out) -> bool {
        match self {
            Self::Stdout => out.stdout_terminal,
            Self::Stderr => out.stderr_terminal,
        }
    }
}

impl ProgressMode {
    /// `Auto` decided.
    pub fn resolve(self, terminal: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match self {
            Self::Auto if terminal && !dumb => Self::Tty,
            Self::Auto => Self::Plain,
            other => other,
        }
    }
}

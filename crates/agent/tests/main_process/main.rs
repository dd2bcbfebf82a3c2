//! The agent as a main process, and its terminal: the real program, without a container.

mod primary;
mod terminal;

use std::process::Command;

fn agent() -> Command {
    Command::new(env!("CARGO_BIN_EXE_prt-agent"))
}

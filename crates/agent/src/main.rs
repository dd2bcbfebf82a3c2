//! The console's hand in a container: keeps build contexts, runs builds, serves the build folder.
//!
//! One static program, put into a container by the engine, started by the console for each piece of work and gone after it; in builders,
//! and in workers with a startup script or secrets, it is the main process, too. What the console and it say to each other is in
//! `prt-agent-protocol`. It runs as the container's user, opens what belongs to users only beneath the folder that was named, and needs no
//! other program in the image but BuildKit's.
//!
//! | where | what |
//! |---|---|
//! | `store/` | contexts: contents by their hash, folders made of them |
//! | `launch/` | builds: start, follow, cancel |
//! | `files/` | the build folder: list, read and write files, unpack archives |
//! | `builder/` | BuildKit: readiness, configuration, what the builder finds, what the host has |
//! | `main_process/` | the agent as a container's first process: startup script, BuildKit's supervision |
//! | `terminal.rs` | a terminal |
//! | `tools/` | what the Python package runs in its own worker: files, tasks, processes |
//! | `confined.rs` | a thread that reaches nothing but the folders that it works on |
//! | `facts.rs`, `figures.rs`, `memory.rs` | what a container is and uses; tokens and secrets in memory |
//! | `request.rs` | requests that are answered at once |

mod builder;
mod confined;
mod facts;
mod figures;
mod files;
mod launch;
mod main_process;
mod memory;
mod private;
mod process;
mod request;
mod store;
mod terminal;
mod tools;

use std::process::ExitCode;

use prt_agent_protocol::tools::TOOL;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let code = match words.as_slice() {
        ["request"] => request::serve(),
        ["launch"] => launch::launch(),
        ["follow", spool, build, offset] => launch::follow(spool, build, offset),
        ["cancel", spool, build, signal @ ("term" | "kill")] => launch::cancel(spool, build, signal),
        ["remove", spool, build] => launch::remove(spool, build),
        ["run", spool, login] => launch::run(spool, login),
        ["terminal"] => terminal::terminal(),
        ["terminal-command", command @ ..] => terminal::become_command(command),
        [TOOL, tool @ ..] => tools::run(tool),
        ["overlay", state] => builder::host::overlay(state),
        _ => main_process::run(&words).unwrap_or_else(|| {
            eprintln!("This program is run by the console: see crates/agent-protocol.");
            2
        }),
    };
    // The codes are small; see `Exit`.
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

//! The console's hand in a container: keeps build contexts, runs builds, serves the build folder.
//!
//! One static program, put into a container by the engine, started by the console for each piece of work and gone after it. What the
//! console and it say to each other is in `prt-agent-protocol`. It runs as the container's user, opens what belongs to users only beneath
//! the folder that was named, and needs no other program in the image but `buildctl`.
//!
//! | where | what |
//! |---|---|
//! | `store/` | contexts: contents by their hash, folders made of them |
//! | `launch/` | builds: start, follow, cancel |
//! | `files/` | the build folder: list, read and write files, unpack archives |
//! | `request.rs` | requests that are answered at once |

mod files;
mod launch;
mod request;
mod store;

use std::process::ExitCode;

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
        _ => {
            eprintln!("This program is run by the console: see crates/agent-protocol.");
            2
        }
    };
    // The codes are small; see `Exit`.
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

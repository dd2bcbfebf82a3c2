//! A terminal: a command on a pseudo-terminal, between two streams. `prt_agent_protocol::terminal` says how.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::{Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use prt_agent_protocol::{
    frame,
    main_process::NOT_FOUND,
    terminal::{INPUT, LARGEST_INPUT, Open, RESIZE, Size},
};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::process::exit_code;

/// How long a command has to end after the hang-up.
const HANG_UP: Duration = Duration::from_secs(2);

/// Opens a terminal between standard input and output.
pub fn terminal() -> i64 {
    let mut input = io::stdin();
    let open = match frame::read(&mut input, LARGEST_INPUT) {
        Ok(Some(frame)) => serde_json::from_slice::<Open>(&frame).map_err(io::Error::from),
        Ok(None) => return 1,
        Err(error) => Err(error),
    };
    let ran = open.and_then(|open| run(&open, input, &mut io::stdout()));
    match ran {
        Ok(status) => exit_code(status).into(),
        Err(error) => {
            eprintln!("The terminal cannot be opened: {error}.");
            NOT_FOUND.into()
        }
    }
}

/// Becomes the command of a terminal, which is this process' standard input: that needs a session of its own.
pub fn become_command(command: &[&str]) -> i64 {
    let terminal = rustix::process::setsid().and_then(|_| rustix::process::ioctl_tiocsctty(io::stdin().as_fd()));
    if let Err(error) = terminal {
        eprintln!("No terminal of its own: {error}.");
    }
    let shell = [shell()];
    let words: Vec<&str> = if command.is_empty() {
        shell.iter().map(String::as_str).collect()
    } else {
        command.to_vec()
    };
    let error = Command::new(words[0]).args(&words[1..]).exec();
    eprintln!("exec {}: {error}", words[0]);
    NOT_FOUND.into()
}

/// The first of these that the image has.
fn shell() -> String {
    let own = std::env::var("SHELL").ok();
    let all = own.iter().map(String::as_str).chain(["/bin/bash", "/bin/sh"]);
    let there = all.into_iter().find(|shell| std::path::Path::new(shell).exists());
    there.unwrap_or("/bin/sh").to_owned()
}

fn run(open: &Open, input: impl Read + Send + 'static, output: &mut dyn Write) -> io::Result<ExitStatus> {
    let (near, far) = pair()?;
    tcsetwinsize(&near, winsize(open.size))?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("terminal-command")
        .args(&open.command)
        .stdin(far.try_clone()?)
        .stdout(far.try_clone()?)
        .stderr(Stdio::from(far))
        .spawn()?;
    let (leader, typed) = (Pid::from_child(&child), near.try_clone()?);
    // Ends with its input, or with this process.
    thread::spawn(move || {
        if let Err(error) = type_in(input, typed) {
            eprintln!("The input of the terminal is broken: {error}.");
        }
        _ = kill_process(leader, Signal::HUP);
        // The end of this process closes the terminal for a command that does not heed that.
        thread::sleep(HANG_UP);
        std::process::exit(128 + 1);
    });
    let mut screen = File::from(near);
    let mut part = [0; 16 * 1024];
    loop {
        match screen.read(&mut part) {
            Ok(0) => break,
            Ok(count) => {
                output.write_all(&part[..count])?;
                output.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The kernel's way to say that no process has the terminal open any more.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::IO) => break,
            Err(error) => return Err(error),
        }
    }
    child.wait()
}

/// Both ends of a new pseudo-terminal. The near one is kept from the command.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let far = rustix::fs::open(
        ptsname(&near, vec![])?,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    Ok((near, far))
}

/// Passes what is typed to the terminal, until the end of the input.
fn type_in(mut input: impl Read, terminal: OwnedFd) -> io::Result<()> {
    let mut terminal = File::from(terminal);
    while let Some(frame) = frame::read(&mut input, LARGEST_INPUT)? {
        match frame.split_first() {
            Some((&INPUT, bytes)) => terminal.write_all(bytes)?,
            Some((&RESIZE, json)) => tcsetwinsize(&terminal, winsize(serde_json::from_slice(json)?))?,
            Some(_) | None => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(())
}

fn winsize(size: Size) -> Winsize {
    Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

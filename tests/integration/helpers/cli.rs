//! `prtcli` as a user runs it.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{Console, USER_PASSWORD};

/// A home folder with a login.
pub struct Cli {
    home: PathBuf,
}

impl Cli {
    /// Logs a user of [`Console::user`] in.
    pub fn login(console: &Console, username: &str) -> Self {
        Self::login_with(console, username, USER_PASSWORD)
    }

    pub fn login_with(console: &Console, username: &str, given: &str) -> Self {
        let cli = Self::of(console, username);
        let mut login = cli
            .command(&[
                "login",
                "--url",
                &console.url,
                "--username",
                username,
                "--password-stdin",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("prtcli starts");
        let mut password = login.stdin.take().expect("a pipe");
        password.write_all(given.as_bytes()).expect("prtcli reads the password");
        drop(password);
        assert!(login.wait().expect("prtcli ends").success(), "{username} cannot log in");
        cli
    }

    /// Without a login.
    pub fn nobody(console: &Console) -> Self {
        Self::of(console, "nobody")
    }

    fn of(console: &Console, username: &str) -> Self {
        Self {
            home: console.folder.path().join(format!("home-{username}")),
        }
    }

    /// A call with these arguments.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args);
        self.surround(&mut command);
        command
    }

    /// A line for a shell that finds `prtcli`.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        self.surround(&mut command);
        let folder = program().parent().expect("a folder").to_owned();
        command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        command
    }

    fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("XDG_CONFIG_HOME", &self.home)
            .env("HOME", &self.home)
            .env("NO_COLOR", "1");
    }
}

fn program() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_prt-console")).with_file_name("prtcli");
    assert!(
        program.exists(),
        "{} is missing: cargo build -p prt-cli",
        program.display()
    );
    program
}

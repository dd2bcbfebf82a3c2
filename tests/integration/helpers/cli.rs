//! `prtcli` as a user runs it.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
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

    pub fn login_with(console: &Console, username: &str, password: &str) -> Self {
        let cli = Self::of(console, username);
        let args = [
            "login",
            "--url",
            &console.url,
            "--username",
            username,
            "--password-stdin",
        ];
        let login = cli.run(&args, password);
        assert!(login.status.success(), "{username} cannot log in: {login:?}");
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

    /// A whole call that reads `input`.
    pub fn run(&self, args: &[&str], input: &str) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("prtcli starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It may end before it has read anything.
        _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("prtcli ends")
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

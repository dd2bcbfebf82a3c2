//! A folder that stands for a builder.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use prt_agent_protocol::{ContextSource, Launch, LaunchInput, MemoryFile, frame};
use tempfile::TempDir;

pub struct Builder {
    dir: TempDir,
}

impl Builder {
    /// A builder whose `buildctl` runs `script`.
    pub fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let builder = Self { dir };
        fs::create_dir_all(builder.path("bin")).unwrap();
        fs::create_dir_all(builder.path("build/docker")).unwrap();
        builder.buildctl(script);
        builder
    }

    pub fn buildctl(&self, script: &str) {
        let path = self.path("bin/buildctl");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Of its own for each test: `/dev/shm` is the same for all.
    pub fn build(&self) -> String {
        let name = self.dir.path().file_name().unwrap().to_str().unwrap();
        name.trim_start_matches('.').to_owned()
    }

    /// A file of the build.
    pub fn of_build(&self, name: &str) -> String {
        self.path(&format!("spool/{}/{name}", self.build()))
    }

    pub fn request(&self) -> Launch {
        let dockerfile = self.of_build("dockerfile");
        let words = ["buildctl", "build", "--local", "context=.", "--local"];
        let mut command: Vec<String> = words.map(str::to_owned).into();
        command.push(format!("dockerfile={dockerfile}"));
        command.extend(["--opt".to_owned(), "filename=web.Dockerfile".to_owned()]);
        Launch {
            spool: self.path("spool"),
            build: self.build(),
            store: self.path("store"),
            source: ContextSource::Folder {
                folder: self.path("build"),
                path: String::new(),
            },
            dockerfile: "docker/web.Dockerfile".into(),
            command,
            read: false,
        }
    }

    /// The same of a folder below the build folder.
    pub fn request_of(&self, path: &str) -> Launch {
        Launch {
            source: ContextSource::Folder {
                folder: self.path("build"),
                path: path.into(),
            },
            ..self.request()
        }
    }

    pub fn input() -> LaunchInput {
        Self::input_with(&[("config.json", "hunter2!"), ("pulls", ""), ("split", "")])
    }

    pub fn input_with(files: &[(&str, &str)]) -> LaunchInput {
        let files = files.iter().map(|(name, content)| MemoryFile {
            name: (*name).into(),
            content: (*content).into(),
        });
        LaunchInput {
            dockerfile: "FROM scratch\n".into(),
            files: files.collect(),
        }
    }

    pub fn agent(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prt-agent"));
        command
            .args(words)
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin")))
            .env("T", self.dir.path())
            .env("B", self.build())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn start(&self, launch: &Launch, input: Option<&LaunchInput>) -> Child {
        let mut child = self.agent(&["launch"]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut bytes = frame::encode(&serde_json::to_vec(launch).unwrap());
        if let Some(input) = input {
            bytes.extend(frame::encode(&serde_json::to_vec(input).unwrap()));
        }
        // A start that is refused before it reads is no error here.
        _ = stdin.write_all(&bytes);
        child
    }

    pub fn run(&self, launch: &Launch) -> Output {
        let child = self.start(launch, Some(&Self::input()));
        child.wait_with_output().unwrap()
    }

    pub fn follow(&self, offset: u64) -> Child {
        let spool = self.path("spool");
        let words = ["follow", &spool, &self.build(), &offset.to_string()];
        self.agent(&words).spawn().unwrap()
    }

    pub fn followed(&self, offset: u64) -> Output {
        self.follow(offset).wait_with_output().unwrap()
    }

    pub fn cancel(&self, signal: &str) {
        let spool = self.path("spool");
        let words = ["cancel", &spool, &self.build(), signal];
        assert!(self.agent(&words).status().unwrap().success());
    }

    pub fn pipe(&self, name: &str) {
        let made = Command::new("mkfifo").arg(self.path(name)).status();
        assert!(made.unwrap().success());
    }

    /// Blocks until the fake `buildctl` gets there: opening a named pipe waits for the other side.
    pub fn await_pipe(&self, name: &str) {
        let mut text = String::new();
        let mut pipe = fs::File::open(self.path(name)).unwrap();
        pipe.read_to_string(&mut text).unwrap();
    }

    pub fn logins(&self) -> String {
        format!("/dev/shm/prt-login.{}", self.build())
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        // A killed runner cannot tidy up; in a real builder the next build or the container's end does.
        _ = fs::set_permissions(self.logins(), fs::Permissions::from_mode(0o700));
        _ = fs::remove_dir_all(self.logins());
    }
}

pub fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

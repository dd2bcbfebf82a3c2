//! The scripts themselves, run by this machine's `sh` with a `buildctl` that does what each test needs.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::StreamExt as _;
use tempfile::TempDir;

use super::*;

mod turns;

struct Builder {
    dir: TempDir,
    /// Where programs are found.
    tools: String,
}

impl Builder {
    /// A builder whose `buildctl` runs `script`.
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(dir.path().join("build")).unwrap();
        fs::write(bin.join("buildctl"), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(bin.join("buildctl"), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            dir,
            tools: "/usr/bin:/bin".into(),
        }
    }

    /// The same with busybox' programs, as on Alpine.
    fn with_busybox(script: &str) -> Self {
        assert!(
            Path::new("/bin/busybox").exists(),
            "the test needs busybox: run scripts/setup/system-packages.sh"
        );
        let mut builder = Self::new(script);
        builder.tools = builder.path("tools");
        fs::create_dir_all(&builder.tools).unwrap();
        for name in
            "sh tail cat chmod head readlink mkdir mkfifo mv rm tar mktemp setsid sleep grep sed sort date base64 tr kill"
                .split(' ')
        {
            std::os::unix::fs::symlink("/bin/busybox", builder.path("tools") + "/" + name).unwrap();
        }
        builder
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Of its own for each test: `/dev/shm` is the same for all.
    fn build(&self) -> String {
        self.dir
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_start_matches('.')
            .to_owned()
    }

    fn spool(&self) -> String {
        self.path("spool")
    }

    fn launch(&self, context: &str) -> ExecSpec {
        self.made(context, launch_below)
    }

    fn launch_with(&self, credentials: &[RegistryCredential], push: bool) -> ExecSpec {
        self.made("", |spool, launch| {
            let launch = Launch {
                push,
                credentials,
                ..launch.clone()
            };
            launch_below(spool, &launch)
        })
    }

    fn read_and_launch(&self, context: &str) -> ExecSpec {
        self.made(context, read_and_launch_below)
    }

    fn made<T>(&self, context: &str, make: impl FnOnce(&str, &Launch<'_>) -> T) -> T {
        let credentials = [RegistryCredential {
            host: "r:5000".into(),
            username: "robot".into(),
            password: "hunter2!".into(),
            only: None,
        }];
        make(
            &self.spool(),
            &Launch {
                build: &self.build(),
                folder: &self.path("build"),
                context,
                dockerfile: "docker/web.Dockerfile",
                dockerfile_text: "FROM scratch\n",
                reference: "r:5000/a:1",
                build_args: &BTreeMap::new(),
                push: true,
                insecure_registry: false,
                no_cache: false,
                options: &[],
                credentials: &credentials,
            },
        )
    }

    fn start(&self, spec: ExecSpec) -> Child {
        let mut child = Command::new(&spec.argv[0])
            .args(&spec.argv[1..])
            .env("PATH", format!("{}:{}", self.path("bin"), self.tools))
            .env("T", self.dir.path())
            .env("B", self.build())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        if let Some(input) = spec.stdin {
            let bytes = futures::executor::block_on(input.collect::<Vec<_>>()).concat();
            // A script that stops before it reads is no error here.
            _ = stdin.write_all(&bytes);
        }
        child
    }

    fn run(&self, spec: ExecSpec) -> Output {
        self.start(spec).wait_with_output().unwrap()
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        // A killed runner cannot tidy up; in a real builder the next build or the container's end does.
        let ours = format!("prt-login.{}.", self.build());
        for entry in fs::read_dir("/dev/shm").unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&ours) {
                _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

/// Blocks until the fake `buildctl` gets there: opening a named pipe waits for the other side.
fn await_pipe(builder: &Builder, name: &str) {
    let mut text = String::new();
    fs::File::open(builder.path(name))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
}

fn pipe(builder: &Builder, name: &str) {
    assert!(
        Command::new("mkfifo")
            .arg(builder.path(name))
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_build_runs_with_its_logins_in_memory_only() {
    let builder = Builder::new(
        r#"echo '{"n":1}' >&2; ls -ld "$DOCKER_CONFIG" >"$T/mode"; echo "$DOCKER_CONFIG" >"$T/where"; cat "$DOCKER_CONFIG/config.json" >"$T/config"
        printf '%s\n' "$@" >"$T/args"; cat "$T/spool/$B/dockerfile/web.Dockerfile" "$T/spool/$B/dockerfile/web.Dockerfile.dockerignore" >"$T/staged"
        printf '{\n "containerimage.digest": "sha256:abc"\n}' >"$T/spool/$B/metadata"; echo 'error: x' >&2; exit 1"#,
    );
    fs::write(builder.path("build/.dockerignore"), "*.tmp").unwrap();
    let spec = builder.launch("");
    assert!(!format!("{:?}{:?}", spec.argv, spec.env).contains("hunter2"));
    let output = builder.run(spec);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"n\":1}\nerror: x\n");
    let trailer = Trailer::parse(&output.stderr);
    assert_eq!(
        trailer,
        Trailer {
            exit_code: Some(1),
            digest: Some("sha256:abc".into()),
            lost: false,
            words: String::new()
        },
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let read = |name: &str| fs::read_to_string(builder.path(name)).unwrap();
    assert_eq!(
        read("config"),
        format!(
            r#"{{"auths":{{"r:5000":{{"auth":"{}"}}}}}}"#,
            STANDARD.encode("robot:hunter2!")
        )
    );
    assert!(read("mode").starts_with("drwx------"));
    assert!(read("where").starts_with(&format!("/dev/shm/prt-login.{}.", builder.build())));
    assert!(!exists(read("where").trim()), "the logins are gone");
    assert_eq!(read("staged"), "FROM scratch\n*.tmp\n/build.log\n");
    assert!(read("args").contains("filename=web.Dockerfile"));

    // The same bytes again, from anywhere.
    let again = builder.run(follow_below(&builder.spool(), &builder.build(), 0));
    assert_eq!(again.stdout, output.stdout);
    assert_eq!(Trailer::parse(&again.stderr), trailer);
    assert_eq!(
        builder.run(follow_below(&builder.spool(), &builder.build(), 8)).stdout,
        b"error: x\n"
    );
    // And no second start.
    assert_eq!(builder.run(builder.launch("")).status.code(), Some(EXIT_EXISTS as i32));
}

#[test]
fn busybox_does_as_well() {
    let builder =
        Builder::with_busybox(r#"echo one >&2; sleep 0.2; echo two >&2; cat "$DOCKER_CONFIG/config.json" >&2; exit 3"#);
    let output = builder.run(builder.launch(""));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        text.starts_with("one\ntwo\n{\"auths\""),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(Trailer::parse(&output.stderr).exit_code, Some(3));
    assert_eq!(
        builder.run(follow_below(&builder.spool(), &builder.build(), 0)).stdout,
        output.stdout
    );
}

#[test]
fn a_build_goes_on_when_its_readers_are_killed() {
    let builder = Builder::new(
        r#"echo one >&2; echo >"$T/reached"; read -r _ <"$T/go"; i=0
        while [ $i -lt 3000 ]; do echo "line $i of the part that nobody reads at first, long enough to fill any pipe" >&2; i=$((i + 1)); done
        echo >"$T/reached"; read -r _ <"$T/go"; echo last >&2"#,
    );
    pipe(&builder, "reached");
    pipe(&builder, "go");
    let mut first = builder.start(builder.launch(""));
    await_pipe(&builder, "reached");
    // Nobody reads this one's output; then it is gone without a word.
    let mut stuck = builder.start(follow_below(&builder.spool(), &builder.build(), 0));
    first.kill().unwrap();
    first.wait().unwrap();
    fs::write(builder.path("go"), "\n").unwrap();
    await_pipe(&builder, "reached");
    stuck.kill().unwrap();
    stuck.wait().unwrap();
    let follower = builder.start(follow_below(&builder.spool(), &builder.build(), 0));
    fs::write(builder.path("go"), "\n").unwrap();
    let output = follower.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 3002);
    assert!(text.starts_with("one\nline 0 ") && text.ends_with("\nlast\n"));
    assert_eq!(Trailer::parse(&output.stderr).exit_code, Some(0));
}

#[test]
fn a_cancel_reaches_a_running_build() {
    let builder =
        Builder::new(r#"trap 'echo canceled >&2; exit 7' TERM; echo >"$T/reached"; while :; do sleep 0.01; done"#);
    pipe(&builder, "reached");
    let child = builder.start(builder.launch(""));
    await_pipe(&builder, "reached");
    for _ in 0..2 {
        assert!(
            builder
                .run(cancel_below(&builder.spool(), &builder.build(), false))
                .status
                .success()
        );
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"canceled\n");
    assert_eq!(Trailer::parse(&output.stderr).exit_code, Some(7));
}

#[test]
fn a_cancel_before_the_start_keeps_it_from_starting() {
    let builder = Builder::new("touch $T/ran");
    builder.run(cancel_below(&builder.spool(), &builder.build(), false));
    assert_eq!(builder.run(builder.launch("")).status.code(), Some(EXIT_EXISTS as i32));
    assert_eq!(
        builder
            .run(follow_below(&builder.spool(), &builder.build(), 0))
            .status
            .code(),
        Some(EXIT_NOT_STARTED as i32)
    );
    assert!(!exists(&builder.path("ran")));
}

#[test]
fn a_build_that_vanished_is_lost() {
    // The runner notes the command's number after it has started it.
    let builder = Builder::new(
        r#"echo one >&2; until [ -s "$T/spool/$B/command" ]; do sleep 0.01; done; echo >"$T/reached"
while :; do sleep 0.01; done"#,
    );
    pipe(&builder, "reached");
    let child = builder.start(builder.launch(""));
    await_pipe(&builder, "reached");
    let command = fs::read_to_string(builder.path(&format!("spool/{}/command", builder.build()))).unwrap();
    let runner = fs::read_to_string(builder.path(&format!("spool/{}/runner", builder.build()))).unwrap();
    let runner = runner.split_whitespace().next().unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", runner, command.trim()])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"one\n");
    assert!(Trailer::parse(&output.stderr).lost);
}

#[test]
fn a_link_in_the_place_of_the_context_leads_nowhere_and_logins_are_not_listed() {
    let builder = Builder::new(
        r#"mv "$T/build/app" "$T/build/was" && ln -s / "$T/build/app"
for word; do case $word in context=*) ls "${word#context=}" >&2 ;; esac; done
stat -c %a "${DOCKER_CONFIG%/*}" >&2"#,
    );
    fs::create_dir(builder.path("build/app")).unwrap();
    fs::write(builder.path("build/app/mine"), "").unwrap();
    let output = builder.run(builder.launch("app"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "mine\n300\n", "{output:?}");
}

#[test]
fn what_keeps_a_build_from_starting_is_said() {
    let builder = Builder::new("true");
    std::os::unix::fs::symlink("/etc", builder.path("build/out")).unwrap();
    let output = builder.run(builder.launch("out"));
    assert_eq!(output.status.code(), Some(EXIT_OUTSIDE as i32));
    assert!(
        Trailer::parse(&output.stderr)
            .words
            .contains("leads out of the build folder, to /etc.")
    );
    let mut spec = builder.launch("");
    let at = spec.argv.iter().rposition(|arg| arg == "buildctl").unwrap();
    spec.argv[at] = "no-such-buildctl".into();
    let output = builder.run(spec);
    assert_eq!(output.status.code(), Some(EXIT_NO_BUILDCTL as i32));
    assert_eq!(
        Trailer::parse(&output.stderr).words,
        "The builder image has no no-such-buildctl.\n"
    );
    assert_eq!(
        builder
            .run(follow_below(&builder.spool(), &builder.build(), 0))
            .status
            .code(),
        Some(EXIT_NOT_STARTED as i32)
    );
}

#[test]
fn a_build_waits_for_the_word_to_start() {
    let builder = Builder::new(r#"cat "$T/spool/$B/dockerfile/web.Dockerfile" >&2"#);
    fs::create_dir_all(builder.path("build/docker")).unwrap();
    fs::write(builder.path("build/docker/web.Dockerfile"), "FROM read\n").unwrap();
    let other = builder.path("spool/other");
    fs::create_dir_all(&other).unwrap();

    // Not wanted: nothing has happened.
    let output = builder.run(builder.read_and_launch(""));
    assert_eq!(output.stdout, b"FROM read\n\0");
    assert!(exists(&other) && !exists(&builder.path(&format!("spool/{}", builder.build()))));
    let ours = format!("prt-login.{}.", builder.build());
    let left = fs::read_dir("/dev/shm").unwrap().flatten();
    assert!(
        !left
            .into_iter()
            .any(|entry| entry.file_name().to_string_lossy().starts_with(&ours))
    );

    // Wanted: with the Dockerfile that it is given then.
    let spec = builder
        .read_and_launch("")
        .stdin(builder.made("", |_, launch| input(launch)));
    let output = builder.run(spec);
    assert_eq!(output.stdout, b"FROM read\n\0FROM scratch\n");
    assert_eq!(Trailer::parse(&output.stderr).exit_code, Some(0));
    assert!(!exists(&other), "what earlier builds left is gone");
}

#[test]
fn a_dockerfile_is_read_from_the_build_folder_only() {
    let builder = Builder::new("true");
    let read = || builder.run(builder.read_and_launch(""));
    assert_eq!(read().status.code(), Some(REFUSED_DOCKERFILE as i32));
    let file = builder.path("build/docker/web.Dockerfile");
    fs::create_dir_all(builder.path("build/docker")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
    let output = read();
    assert_eq!(
        (output.status.code(), output.stdout.len()),
        (Some(REFUSED_OUTSIDE as i32), 0)
    );
    fs::remove_file(&file).unwrap();
    fs::write(builder.path("build/real"), "FROM a\0b\n").unwrap();
    std::os::unix::fs::symlink("../real", &file).unwrap();
    assert_eq!(read().stdout, b"FROM a\xffb\n\0");
    fs::write(builder.path("build/real"), vec![b'#'; LONGEST_DOCKERFILE + 9]).unwrap();
    assert_eq!(read().stdout.len(), LONGEST_DOCKERFILE + 2);
    std::os::unix::fs::symlink("/etc", builder.path("build/out")).unwrap();
    assert_eq!(
        builder.run(builder.read_and_launch("out")).status.code(),
        Some(REFUSED_OUTSIDE as i32)
    );
    assert_eq!(
        builder.run(builder.read_and_launch("none")).status.code(),
        Some(REFUSED_CONTEXT as i32)
    );
}

//! Start, follow, cancel, end.

use std::{fs, process::Command};

use prt_agent_protocol::{EXIT, LONGEST_DOCKERFILE, Launch};

use crate::builder::{Builder, err, exists, out};

#[test]
fn a_build_runs_with_its_logins_in_memory_only() {
    let builder = Builder::new(
        r#"echo '{"n":1}' >&2; ls -ld "$DOCKER_CONFIG" "${DOCKER_CONFIG%/*}" >"$T/mode"; echo "$DOCKER_CONFIG" >"$T/where"
        cat "$DOCKER_CONFIG/config.json" >"$T/config"; printf '%s\n' "$@" >"$T/args"
        cat "$T/spool/$B/dockerfile/web.Dockerfile" "$T/spool/$B/dockerfile/web.Dockerfile.dockerignore" >"$T/staged"
        printf '{\n "containerimage.digest": "sha256:abc"\n}' >"$T/spool/$B/metadata"; echo 'error: x' >&2; exit 1"#,
    );
    fs::write(builder.path("build/.dockerignore"), "*.tmp\n").unwrap();
    let output = builder.run(&builder.request());
    assert_eq!(out(&output), "{\"n\":1}\nerror: x\n");
    let trailer = "metadata { \"containerimage.digest\": \"sha256:abc\"}\nexit 1\n";
    assert_eq!(err(&output), trailer);
    assert_eq!(builder.read("config"), "hunter2!");
    let mode = builder.read("mode");
    let modes = mode.lines().map(|line| &line[..10]).collect::<Vec<_>>();
    assert_eq!(modes, ["d-wx------", "drwx------"], "{mode}");
    assert!(builder.read("where").starts_with(&builder.logins()));
    assert!(!exists(&builder.logins()), "the logins are gone");
    assert_eq!(builder.read("staged"), "FROM scratch\n*.tmp\n");
    assert!(builder.read("args").contains("filename=web.Dockerfile"));

    // The same bytes again, from anywhere.
    let again = builder.followed(0);
    assert_eq!((out(&again), err(&again)), (out(&output), trailer.to_owned()));
    assert_eq!(out(&builder.followed(8)), "error: x\n");
    // And no second start.
    assert_eq!(builder.run(&builder.request()).status.code(), Some(EXIT.exists as i32));
}

#[test]
fn a_secret_is_a_file_in_memory_for_as_long_as_the_build_runs() {
    let builder = Builder::new(
        r#"printf '%s\n' "$@" >"$T/args"
        for word; do case $word in id=*) cat "${word#*,src=}" >>"$T/secrets"; echo "${word#*,src=}" >>"$T/where" ;; esac; done"#,
    );
    let input = Builder::input_with(&[
        ("config.json", "{}"),
        ("secrets/.npmrc", "hunter2!\n"),
        ("secrets/key", "k"),
    ]);
    let output = builder
        .start(&builder.request(), Some(&input))
        .wait_with_output()
        .unwrap();
    assert_eq!(err(&output), "exit 0\n");
    let read = builder.read("secrets");
    assert!(read == "hunter2!\nk" || read == "khunter2!\n", "{read}");
    let args = builder.read("args");
    assert!(
        args.contains("--secret\nid=.npmrc,src=/dev/shm/") && !args.contains("hunter2"),
        "{args}"
    );
    let gone = builder.read("where");
    assert_eq!(gone.lines().filter(|path| exists(path)).count(), 0, "{gone}");
}

#[test]
fn a_build_goes_on_when_its_readers_are_killed() {
    let builder = Builder::new(
        r#"echo one >&2; echo >"$T/reached"; read -r _ <"$T/go"; i=0
        while [ $i -lt 3000 ]; do echo "line $i of the part that nobody reads at first, long enough to fill any pipe" >&2; i=$((i + 1)); done
        echo >"$T/reached"; read -r _ <"$T/go"; echo last >&2"#,
    );
    builder.pipe("reached");
    builder.pipe("go");
    let mut first = builder.start(&builder.request(), Some(&Builder::input()));
    builder.await_pipe("reached");
    // Nobody reads this one's output; then it is gone without a word.
    let mut stuck = builder.follow(0);
    first.kill().unwrap();
    first.wait().unwrap();
    fs::write(builder.path("go"), "\n").unwrap();
    builder.await_pipe("reached");
    stuck.kill().unwrap();
    stuck.wait().unwrap();
    let follower = builder.follow(0);
    fs::write(builder.path("go"), "\n").unwrap();
    let output = follower.wait_with_output().unwrap();
    let text = out(&output);
    assert_eq!(text.lines().count(), 3002);
    assert!(text.starts_with("one\nline 0 ") && text.ends_with("\nlast\n"));
    assert_eq!(err(&output), "exit 0\n");
}

#[test]
fn a_cancel_reaches_a_running_build() {
    let builder =
        Builder::new(r#"trap 'echo canceled >&2; exit 7' TERM; echo >"$T/reached"; while :; do sleep 0.01; done"#);
    builder.pipe("reached");
    let child = builder.start(&builder.request(), Some(&Builder::input()));
    builder.await_pipe("reached");
    for _ in 0..2 {
        builder.cancel("term");
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!((out(&output), err(&output)), ("canceled\n".into(), "exit 7\n".into()));
}

#[test]
fn a_build_that_does_not_heed_is_killed() {
    let builder = Builder::new(r#"trap '' TERM; echo >"$T/reached"; while :; do sleep 0.01; done"#);
    builder.pipe("reached");
    let child = builder.start(&builder.request(), Some(&Builder::input()));
    builder.await_pipe("reached");
    builder.cancel("term");
    builder.cancel("kill");
    assert_eq!(err(&child.wait_with_output().unwrap()), "exit 137\n");
}

#[test]
fn a_cancel_before_the_start_keeps_it_from_starting() {
    let builder = Builder::new("touch $T/ran");
    builder.cancel("term");
    assert_eq!(builder.run(&builder.request()).status.code(), Some(EXIT.exists as i32));
    assert_eq!(builder.followed(0).status.code(), Some(EXIT.not_started as i32));
    assert!(!exists(&builder.path("ran")));
}

#[test]
fn a_build_ends_with_its_command_even_if_its_runner_is_killed() {
    let builder = Builder::new(
        r#"echo one >&2; until [ -s "$T/spool/$B/command" ]; do sleep 0.01; done; echo >"$T/reached"; read -r _ <"$T/go"; echo two >&2"#,
    );
    builder.pipe("reached");
    builder.pipe("go");
    let child = builder.start(&builder.request(), Some(&Builder::input()));
    builder.await_pipe("reached");
    let runner = fs::read_to_string(builder.of_build("runner")).unwrap();
    let killed = Command::new("kill")
        .args(["-9", runner.split(' ').next().unwrap()])
        .status();
    assert!(killed.unwrap().success());
    // What could still push is not lost: it is waited for.
    fs::write(builder.path("go"), "\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((out(&output), err(&output)), ("one\ntwo\n".into(), "lost\n".into()));
}

#[test]
fn what_keeps_a_build_from_starting_is_said() {
    let builder = Builder::new("true");
    std::os::unix::fs::symlink("/etc", builder.path("build/out")).unwrap();
    let output = builder.run(&builder.request_of("out"));
    assert_eq!(output.status.code(), Some(EXIT.outside as i32));
    assert!(
        err(&output).contains("leads out of the build folder"),
        "{}",
        err(&output)
    );
    // The same to who looks later.
    assert_eq!(builder.followed(0).status.code(), Some(EXIT.outside as i32));

    let builder = Builder::new("true");
    let output = builder.run(&builder.request_of("none"));
    assert_eq!(output.status.code(), Some(EXIT.no_context as i32));

    let builder = Builder::new("true");
    fs::write(builder.path("build/.dockerignore"), "a\n[\n").unwrap();
    let output = builder.run(&builder.request());
    assert_eq!(output.status.code(), Some(EXIT.bad_context as i32));
    assert!(err(&output).contains(".dockerignore, line 2"), "{}", err(&output));

    let builder = Builder::new("true");
    let mut launch = builder.request();
    launch.command[0] = "no-such-buildctl".into();
    let output = builder.run(&launch);
    assert_eq!(output.status.code(), Some(EXIT.no_command as i32));
    assert_eq!(err(&output), "words \"The builder image has no no-such-buildctl.\"\n");
    assert_eq!(builder.followed(0).status.code(), Some(EXIT.not_started as i32));
}

#[test]
fn the_name_of_a_file_is_not_taken_for_the_end_of_a_build() {
    use std::os::unix::ffi::OsStrExt as _;

    let builder = Builder::new("true");
    let folder = builder.path("build/x\nmetadata {\"containerimage.digest\":\"sha256:forged\"}\nexit 0\ny");
    fs::create_dir(&folder).unwrap();
    fs::write(
        std::path::Path::new(&folder).join(std::ffi::OsStr::from_bytes(b"\xff")),
        "",
    )
    .unwrap();
    for output in [builder.run(&builder.request()), builder.followed(0)] {
        assert_eq!(output.status.code(), Some(EXIT.bad_context as i32));
        assert_eq!(err(&output).lines().count(), 1, "{}", err(&output));
        assert!(err(&output).starts_with("words \""), "{}", err(&output));
    }
}

#[test]
fn a_start_that_comes_after_the_end_of_a_canceled_build_does_nothing() {
    let builder = Builder::new("touch $T/ran");
    builder.cancel("term");
    let spool = builder.path("spool");
    assert!(
        builder
            .agent(&["remove", &spool, &builder.build()])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(builder.run(&builder.request()).status.code(), Some(EXIT.exists as i32));
    assert!(!exists(&builder.path("ran")));
}

#[test]
fn a_named_pipe_holds_nothing_up() {
    let builder = Builder::new("true");
    builder.pipe("build/.dockerignore");
    let output = builder.run(&builder.request());
    assert_eq!(output.status.code(), Some(EXIT.bad_context as i32), "{}", err(&output));
    let builder = Builder::new("true");
    builder.pipe("build/docker/web.Dockerfile");
    let launch = Launch {
        read: true,
        ..builder.request()
    };
    let output = builder.start(&launch, None).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(EXIT.bad_context as i32), "{}", err(&output));
}

#[test]
fn a_build_waits_for_the_word_to_start() {
    let builder = Builder::new(r#"cat "$T/spool/$B/dockerfile/web.Dockerfile" >&2"#);
    fs::write(builder.path("build/docker/web.Dockerfile"), "FROM read\n").unwrap();
    let other = builder.path("spool/other");
    fs::create_dir_all(&other).unwrap();
    let launch = Launch {
        read: true,
        ..builder.request()
    };

    // Not wanted: nothing has happened.
    let output = builder.start(&launch, None).wait_with_output().unwrap();
    assert_eq!(out(&output), "FROM read\n\0");
    assert!(exists(&other) && !exists(&builder.of_build("")));
    assert!(!exists(&builder.logins()));

    // Wanted: with the Dockerfile that it is given then.
    let output = builder.run(&launch);
    assert_eq!(out(&output), "FROM read\n\0FROM scratch\n");
    assert_eq!(err(&output), "exit 0\n");
    assert!(!exists(&other), "what earlier builds left is gone");
}

#[test]
fn a_dockerfile_is_read_from_the_build_folder_only() {
    let builder = Builder::new("true");
    let read = |path: &str| {
        let launch = Launch {
            read: true,
            ..builder.request_of(path)
        };
        builder.start(&launch, None).wait_with_output().unwrap()
    };
    let code = |path: &str| read(path).status.code();
    assert_eq!(code(""), Some(EXIT.no_dockerfile as i32));
    let file = builder.path("build/docker/web.Dockerfile");
    for outside in ["/etc/hostname", "/proc/self/environ", "../../../../../etc/hostname"] {
        std::os::unix::fs::symlink(outside, &file).unwrap();
        let output = read("");
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(EXIT.outside as i32), 0)
        );
        fs::remove_file(&file).unwrap();
    }
    fs::write(builder.path("build/real"), "FROM a\0b\n").unwrap();
    std::os::unix::fs::symlink("../real", &file).unwrap();
    assert_eq!(read("").stdout, b"FROM a\xffb\n\0");
    fs::write(builder.path("build/real"), vec![b'#'; LONGEST_DOCKERFILE + 9]).unwrap();
    assert_eq!(read("").stdout.len(), LONGEST_DOCKERFILE + 2);
    std::os::unix::fs::symlink("/etc", builder.path("build/out")).unwrap();
    assert_eq!(code("out"), Some(EXIT.outside as i32));
    assert_eq!(code("none"), Some(EXIT.no_context as i32));
}

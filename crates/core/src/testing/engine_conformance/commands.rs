//! Commands in a running worker, and files in and out of it.

use super::*;

pub(super) async fn commands(bed: &Bed) {
    let worker = bed.start_plain().await;
    let done = bed.run(worker, PRIMARY, shell("echo out; echo err >&2; exit 7")).await;
    assert_eq!(
        (done.exit_code, done.stdout.as_slice(), done.stderr.as_slice()),
        (7, &b"out\n"[..], &b"err\n"[..])
    );

    let big = Bytes::from(vec![b'x'; 1 << 20]);
    let pieces = stream::iter(vec![big; 4]).boxed();
    let done = bed
        .run(worker, PRIMARY, shell("wc -c; echo closed").stdin_stream(pieces))
        .await;
    assert_eq!(
        String::from_utf8_lossy(&done.stdout),
        "4194304\nclosed\n",
        "the end of the input reaches the command"
    );
    let done = bed
        .run(worker, PRIMARY, shell("exit 3").stdin(vec![b'x'; 1 << 20]))
        .await;
    assert_eq!(done.exit_code, 3, "a command need not read its input");
    let done = bed.run(worker, PRIMARY, shell("cat").stdin(Bytes::new())).await;
    assert_eq!((done.exit_code, done.stdout.len()), (0, 0));

    let mut spec = shell("id -u; id -g; pwd; echo $EXTRA").user("1000:1000");
    spec.workdir = Some("/tmp".into());
    spec.env = vec![("EXTRA".into(), "x=y z".into())];
    let done = bed.run(worker, PRIMARY, spec).await;
    assert_eq!(String::from_utf8_lossy(&done.stdout), "1000\n1000\n/tmp\nx=y z\n");

    let done = bed.run(worker, PRIMARY, shell("head -c 8000000 /dev/zero")).await;
    assert_eq!((done.exit_code, done.stdout.len()), (0, 8_000_000));
    let all = async |n: usize| bed.run(worker, PRIMARY, shell(&format!("exit {n}"))).await.exit_code;
    assert_eq!(join_all((0..8).map(all)).await, (0..8).collect::<Vec<i64>>());

    let handle = bed
        .engine
        .exec(worker, PRIMARY, ExecSpec::new(["no-such-program"]))
        .await;
    let refused = match handle {
        Ok(handle) => finish(handle).await.1.unwrap_err(),
        Err(refused) => refused,
    };
    assert_eq!(refused.kind, EngineErrorKind::CannotStart, "{refused}");
    let missing = bed.engine.exec(worker, BUILDER, shell("true")).await.err().unwrap();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchContainer, "{missing}");
}

/// Reads a command's output to its end.
pub(super) async fn finish(mut handle: ExecHandle) -> (Vec<u8>, crate::engine::EngineResult<i64>) {
    let mut out = Vec::new();
    while let Some(piece) = handle.output.next().await {
        if let Ok(ExecOutput::Stdout(bytes)) = piece {
            out.extend_from_slice(&bytes);
        }
    }
    (out, handle.exit_code.await)
}

pub(super) async fn interactive(bed: &Bed) {
    let worker = bed.start_plain().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let spec =
        shell("while read line; do echo got $line; done; echo end").stdin_stream(ReceiverStream::new(receiver).boxed());
    let mut handle = bed.engine.exec(worker, PRIMARY, spec).await.unwrap();
    for word in ["one", "two"] {
        sender.send(format!("{word}\n").into()).await.unwrap();
        let answer = handle.output.next().await.unwrap().unwrap();
        assert_eq!(
            answer,
            ExecOutput::Stdout(format!("got {word}\n").into()),
            "each answer arrives while the command runs"
        );
    }
    drop(sender);
    let (rest, code) = finish(handle).await;
    assert_eq!((rest.as_slice(), code.unwrap()), (&b"end\n"[..], 0));
}

pub(super) async fn dropped_command(bed: &Bed) {
    let worker = bed.start_plain().await;
    bed.sh(worker, PRIMARY, "mkfifo /tmp/done").await;
    let script =
        "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; cat > /tmp/input; echo completed > /tmp/done";
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let mut handle = bed
        .engine
        .exec(
            worker,
            PRIMARY,
            shell(script).stdin_stream(ReceiverStream::new(receiver).boxed()),
        )
        .await
        .unwrap();
    handle.output.next().await.unwrap().unwrap();
    drop(handle);
    sender.send("typed".into()).await.unwrap();
    drop(sender);
    // Opening the pipe waits for the writer, which comes after all of the output.
    assert_eq!(
        bed.sh(worker, PRIMARY, "cat /tmp/done /tmp/input").await,
        "completed\ntyped"
    );

    // A command that does not want its input lets go of it with its end.
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let unread = shell("exit 3").stdin_stream(ReceiverStream::new(receiver).boxed());
    let done = exec_collect(&*bed.engine, worker, PRIMARY, unread, 1000).await.unwrap();
    assert_eq!(done.exit_code, 3);
    let let_go = tokio::time::timeout(Duration::from_secs(30), sender.closed()).await;
    let_go.expect("the input is let go of");

    // The output is given up, the exit code is not.
    let ExecHandle { output, exit_code } = bed
        .engine
        .exec(worker, PRIMARY, shell("head -c 20000000 /dev/zero; exit 5"))
        .await
        .unwrap();
    drop(output);
    assert_eq!(exit_code.await.unwrap(), 5);
}

pub(super) async fn vanished(bed: &Bed) {
    let worker = bed.start_plain().await;
    let mut handle = bed
        .engine
        .exec(worker, PRIMARY, shell("echo up; sleep 100000"))
        .await
        .unwrap();
    assert_eq!(
        handle.output.next().await.unwrap().unwrap(),
        ExecOutput::Stdout("up\n".into())
    );
    bed.engine.stop(worker).await.unwrap();
    let (_, code) = finish(handle).await;
    assert_eq!(code.unwrap_err().kind, EngineErrorKind::NoSuchContainer);
}

/// A tar stream in pieces of an awkward size.
fn tar_stream(entries: &[(&str, &[u8])]) -> Pin<Box<dyn futures::Stream<Item = std::io::Result<Bytes>> + Send>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o640);
        header.set_uid(1000);
        header.set_gid(1002);
        tar.append_data(&mut header, path, *content).unwrap();
    }
    let pieces: Vec<_> = tar
        .into_inner()
        .unwrap()
        .chunks(10_007)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Box::pin(stream::iter(pieces))
}

/// The name and content of the first entry.
fn first_entry(tar: &[u8]) -> (String, Vec<u8>) {
    let mut archive = tar::Archive::new(tar);
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
    (entry.path().unwrap().display().to_string(), content)
}

pub(super) async fn copies(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.mounts = vec![mount("data", "/data", false)];
    let worker = bed.start(&bed.plan(primary)).await;
    let engine = &bed.engine;
    let big: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();

    engine
        .copy_in(
            worker,
            PRIMARY,
            "/data",
            tar_stream(&[("a/big", &big), ("small", b"s")]),
        )
        .await
        .unwrap();
    assert_eq!(
        bed.sh(worker, PRIMARY, "stat -c '%u %g %a %s' /data/a/big /data/small")
            .await,
        "1000 1002 640 8000000\n1000 1002 640 1"
    );

    let mut pieces = engine.copy_out(worker, PRIMARY, "/data/a/big").await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    let (name, content) = first_entry(&bytes);
    assert_eq!(name, "big");
    assert!(content == big, "what comes out is what went in");

    let missing = engine.copy_out(worker, PRIMARY, "/data/none").await.err().unwrap();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchFile, "{missing}");
    let missing = engine
        .copy_in(worker, PRIMARY, "/none/at/all", tar_stream(&[("x", &big)]))
        .await
        .unwrap_err();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchFile, "{missing}");
    let missing = engine.copy_out(worker, BUILDER, "/data/none").await.err().unwrap();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchContainer, "{missing}");

    let broken = stream::iter([
        Ok(Bytes::from_static(&[0; 100])),
        Err(std::io::Error::other("the client went away")),
    ]);
    assert!(
        engine
            .copy_in(worker, PRIMARY, "/data", Box::pin(broken))
            .await
            .is_err()
    );
}

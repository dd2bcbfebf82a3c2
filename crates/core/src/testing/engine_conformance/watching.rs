//! What the engine tells: logs, events, ends; and what the network lets through.

use super::*;

pub(super) async fn logs(bed: &Bed) {
    let script = "for i in $(seq 1 5000); do echo line $i; done; echo last >&2; exit 4";
    let mut events = bed.engine.events().await.unwrap();
    let worker = bed.start(&bed.plan(bed.container(script))).await;
    next_event(&mut events, worker, "die").await;

    let seen = bed.engine.observe(worker).await.unwrap().unwrap();
    let container = seen.container(PRIMARY).unwrap();
    assert_eq!(
        (container.state, container.exit_code, container.oom_killed),
        (ContainerState::Exited, Some(4), false)
    );
    let all = String::from_utf8(bed.engine.logs(worker, PRIMARY, 1 << 20).await.unwrap()).unwrap();
    assert_eq!(all.lines().count(), 5001);
    // The two outputs are two pipes: each is in order, but not one beside the other.
    let (out, err): (Vec<&str>, Vec<&str>) = all.lines().partition(|line| line.starts_with("line "));
    assert!(out.into_iter().eq((1..=5000).map(|number| format!("line {number}"))));
    assert_eq!(err, ["last"]);
    let tail = bed.engine.logs(worker, PRIMARY, 100).await.unwrap();
    assert_eq!(tail.len(), 100);
    assert!(String::from_utf8_lossy(&tail).contains("line 5000"));
    let gone = bed.engine.exec(worker, PRIMARY, shell("true")).await.err().unwrap();
    assert_eq!(gone.kind, EngineErrorKind::NoSuchContainer, "it does not run: {gone}");
    let missing = bed.engine.logs(worker, BUILDER, 100).await.unwrap_err();
    assert_eq!(missing.kind, EngineErrorKind::NoSuchContainer, "{missing}");
}

pub(super) async fn out_of_memory(bed: &Bed) {
    // Not at once: an engine may listen for this only a moment after the start.
    let mut primary = bed.container("until [ -e /tmp/go ]; do sleep 0.1; done; exec tail /dev/zero");
    primary.limits.memory_mib = 16;
    let plan = bed.plan(primary);
    let mut events = bed.engine.events().await.unwrap();
    let worker = bed.start(&plan).await;
    bed.run(worker, PRIMARY, ExecSpec::new(["touch", "/tmp/go"])).await;
    assert_eq!(
        next_event(&mut events, plan.worker_id, "die").await.exit_code,
        Some(137)
    );
    let seen = bed.engine.observe(plan.worker_id).await.unwrap().unwrap();
    let container = seen.container(PRIMARY).unwrap();
    assert_eq!(
        (container.state, container.exit_code),
        (ContainerState::Exited, Some(137))
    );
    if !container.oom_killed {
        next_event(&mut events, plan.worker_id, "oom").await;
    }
}

pub(super) async fn child_out_of_memory(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.limits.memory_mib = 16;
    let mut events = bed.engine.events().await.unwrap();
    let worker = bed.start(&bed.plan(primary)).await;
    let done = bed.run(worker, PRIMARY, ExecSpec::new(["tail", "/dev/zero"])).await;
    assert_eq!(done.exit_code, 137);
    next_event(&mut events, worker, "oom").await;
    let seen = bed.engine.observe(worker).await.unwrap().unwrap();
    let container = seen.container(PRIMARY).unwrap();
    assert_eq!(
        (container.state, container.oom_killed),
        (ContainerState::Running, false)
    );
}

pub(super) async fn events(bed: &Bed) {
    let mut events = bed.engine.events().await.unwrap();
    let worker = bed.start_plain().await;
    bed.sh(worker, PRIMARY, "echo canary").await;
    bed.engine.stop(worker).await.unwrap();
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|kind| kind != "destroy") {
        let event = timeout(PATIENCE / 2, events.next())
            .await
            .expect("events arrive")
            .unwrap();
        if event.worker_id == worker {
            assert_eq!(event.role, PRIMARY);
            assert!(event.at_ms > 1_500_000_000_000, "{event:?}");
            kinds.push(event.kind);
        }
    }
    let known: Vec<_> = kinds
        .iter()
        .map(String::as_str)
        .filter(|kind| matches!(*kind, "create" | "start" | "die" | "destroy"))
        .collect();
    assert_eq!(known, ["create", "start", "die", "destroy"], "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind.contains("exec")), "{kinds:?}");
}

pub(super) async fn network(bed: &Bed) {
    let served = bed.start_plain().await;
    let other = bed.start_plain().await;
    // The server returns to the shell when it listens.
    bed.sh(
        served,
        PRIMARY,
        "mkdir -p /www && echo hello > /www/index.html && httpd -p 8080 -h /www",
    )
    .await;

    let mut stream = bed.engine.connect(served, 8080).await.unwrap();
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello\n"), "{answer}");
    let refused = bed.engine.connect(served, 8081).await.err().unwrap();
    assert_eq!(refused.kind, EngineErrorKind::Other, "{refused}");

    let address = bed.sh(served, PRIMARY, "hostname -i").await;
    // Not wget: static glibc programs that resolve names may crash in an image without its libraries.
    let fetch = format!("printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {address} 8080 | tail -n 1");
    assert_eq!(bed.sh(served, PRIMARY, &fetch).await, "hello", "the address is right");
    assert_eq!(
        bed.sh(other, PRIMARY, &fetch).await,
        "",
        "one worker must not reach another"
    );

    bed.engine.stop(served).await.unwrap();
    let gone = bed.engine.connect(served, 8080).await.err().unwrap();
    assert_eq!(gone.kind, EngineErrorKind::NoSuchContainer, "{gone}");
}

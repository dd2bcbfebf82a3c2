//! An engine that accepts connections, reads what comes, and never answers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, future::BoxFuture};
use prt_core::{
    clock::new_id,
    engine::{Engine, EngineErrorKind, EngineResult, ExecSpec},
};
use prt_engine_docker::DockerEngine;
use prt_types::{container_images::PullPolicy, ids::WorkerId, workers::ContainerRole};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
    time::Instant,
};

/// What the engine says before it falls silent.
const VERSION: &str = r#"{"Version":"20.10.24","ApiVersion":"1.41","Components":[]}"#;

/// Answers the first `answers` requests like an engine, then none.
fn engine(answers: usize) -> (tempfile::TempDir, DockerEngine) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let left = Arc::new(std::sync::atomic::AtomicUsize::new(answers));
        while let Ok((mut stream, _)) = listener.accept().await {
            let left = Arc::clone(&left);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{VERSION}",
                        VERSION.len()
                    );
                    let may = left.fetch_update(
                        std::sync::atomic::Ordering::SeqCst,
                        std::sync::atomic::Ordering::SeqCst,
                        |left| left.checked_sub(1),
                    );
                    if may.is_ok() && stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let engine = DockerEngine::connect("test", Some(&format!("unix://{}", path.display()))).unwrap();
    (folder, engine)
}

fn dropped<T>(result: EngineResult<T>) -> EngineResult<()> {
    result.map(drop)
}

/// Each call with its name.
fn calls(engine: &DockerEngine) -> Vec<(&'static str, BoxFuture<'_, EngineResult<()>>)> {
    let worker = WorkerId(new_id());
    let role = ContainerRole::Primary;
    vec![
        ("probe", Box::pin(async { dropped(engine.probe().await) })),
        (
            "ensure_image",
            Box::pin(async {
                let quiet: prt_core::engine::OnProgress = Arc::new(|_| ());
                dropped(engine.ensure_image("a/b:1", PullPolicy::Always, None, quiet).await)
            }),
        ),
        (
            "observe",
            Box::pin(async move { dropped(engine.observe(worker).await) }),
        ),
        ("list", Box::pin(async { dropped(engine.list().await) })),
        ("events", Box::pin(async { dropped(engine.events().await) })),
        ("stop", Box::pin(async move { engine.stop(worker).await })),
        (
            "logs",
            Box::pin(async move { dropped(engine.logs(worker, role, 10).await) }),
        ),
        (
            "exec",
            Box::pin(async move { dropped(engine.exec(worker, role, ExecSpec::new(["true"])).await) }),
        ),
        (
            "copy_in",
            Box::pin(async move {
                let tar = futures::stream::empty::<std::io::Result<Bytes>>().boxed();
                engine.copy_in(worker, role, "/", tar).await
            }),
        ),
        (
            "copy_out",
            Box::pin(async move { dropped(engine.copy_out(worker, role, "/x").await) }),
        ),
        (
            "connect",
            Box::pin(async move { dropped(engine.connect(worker, 80).await) }),
        ),
    ]
}

/// The clock runs ahead whenever nothing else is to be done, so nobody waits for these limits.
#[tokio::test(start_paused = true)]
async fn every_call_ends_in_time() {
    // Silent from the first request, and after the version is agreed upon.
    for answers in [0, 2] {
        let (_folder, engine) = engine(answers);
        for (name, call) in calls(&engine) {
            let begun = Instant::now();
            let error = call.await.expect_err(name);
            assert_eq!(error.kind, EngineErrorKind::Unreachable, "{name}: {error}");
            assert!(
                begun.elapsed() <= Duration::from_mins(1),
                "{name} with {answers} answers took {:?}",
                begun.elapsed()
            );
        }
    }
}

/// Who waits for others to find that out does not wait for all of them.
#[tokio::test(start_paused = true)]
async fn many_calls_at_once_end_in_time() {
    let (_folder, engine) = engine(0);
    let begun = Instant::now();
    let all = futures::future::join_all((0..20).map(|_| engine.probe())).await;
    assert!(all.into_iter().all(|answer| answer.is_err()));
    assert!(begun.elapsed() <= Duration::from_mins(1), "{:?}", begun.elapsed());
}

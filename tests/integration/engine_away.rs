//! An engine that does not answer: what the console serves, and what it tells of builds meanwhile.

use prt_types::{
    build_events::BuildEvent,
    builds::BuildStatus,
    workers::{ContainerState, WorkerStatus},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::helpers::{
    ADMIN_PASSWORD, Browser, Console, builder_container, builder_worker, docker, engine_behind, eventually,
    plain_worker, shell_image,
};

/// Takes connections and never answers.
async fn silent_engine() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("tcp://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let mut held = vec![];
        loop {
            held.push(listener.accept().await.expect("a connection"));
        }
    });
    (address, task)
}

#[tokio::test]
async fn the_console_serves_its_pages_while_the_engine_hangs_or_is_gone() {
    let mut console = Console::start().await;
    let worker = console.worker(&console.admin, &plain_worker("X-Small")).await;
    let (silent, _task) = silent_engine().await;
    for address in [silent.as_str(), "unix:///nonexistent/engine.sock"] {
        console.kill();
        console.run_with_engine(address).await;
        let seen = console.admin.worker(&worker.name).await.unwrap();
        assert_eq!(seen.status, WorkerStatus::Running, "{address}: {}", seen.message);
        assert_eq!(seen.containers[0].state, ContainerState::Unknown, "{address}");
        let admin = Browser::login_with(&console, "admin", ADMIN_PASSWORD).await;
        eventually("the pages say that the engine is away", || async {
            let page = admin.page("/workers").await;
            assert!(page.says(&worker.name), "{}", page.html);
            page.says("The container engine does not answer").then_some(())
        })
        .await;
        let ready = admin.http.get(format!("{}/health/readiness/", console.url));
        assert_eq!(ready.send().await.unwrap().status(), 503, "{address}");
    }
}

#[tokio::test]
async fn a_canceled_build_in_a_paused_builder_is_canceling_and_never_pushes() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Medium")).await;
    let dockerfile = format!("FROM {}\nRUN echo started; sleep 5; date >/x\n", shell_image());
    console.dockerfile(&admin, &worker.name, &dockerfile).await;
    let build = admin
        .build_create(&console.build_request(&worker.name, "paused", "1"))
        .await
        .unwrap();
    eventually("the step runs", || async {
        let records = admin.build_records(build.number, 0, None).await.unwrap();
        let started = |event: &BuildEvent| matches!(event, BuildEvent::Log(line) if line.text == "started");
        records.iter().any(|record| started(&record.event)).then_some(())
    })
    .await;
    let builder = builder_container(&worker);
    docker(&["pause", &builder]);
    let canceling = admin.build_cancel(build.number).await.unwrap();
    assert_eq!(canceling.status, BuildStatus::Canceling);
    let says_why = || async {
        let build = admin.build(build.number).await.unwrap();
        assert_eq!(build.status, BuildStatus::Canceling, "{}", build.message);
        build
            .message
            .starts_with("Canceling: the builder is paused.")
            .then_some(())
    };
    eventually("the build says why", says_why).await;
    console.kill();
    console.run().await;
    eventually("the build says why after a restart", says_why).await;
    let page = Browser::login_with(&console, "admin", ADMIN_PASSWORD).await;
    let page = page.page(&format!("/builds/{}", build.number)).await;
    assert!(page.says("Canceling: the builder is paused."), "{}", page.html);
    docker(&["unpause", &builder]);
    let ended = console.build_end(&admin, build.number).await;
    assert_eq!(ended.status, BuildStatus::Canceled, "{}", ended.message);
    // Nothing of it runs any more, so nothing can push.
    let none =
        r"for f in /proc/[0-9]*/cmdline; do tr '\0' ' ' <$f | grep -q '[b]uildctl build' && exit 1; done; exit 0";
    assert!(crate::helpers::holds(&builder, none));
    let tag = format!("/v2/{}/paused/manifests/1", console.instance);
    assert!(!crate::helpers::registry().requests().contains(&format!("PUT {tag}")));
}

#[tokio::test]
async fn a_build_goes_on_while_the_engine_is_away_and_its_log_is_whole() {
    let (address, between) = engine_behind().await;
    let console = Console::start_with(&[("PRT_DOCKER_HOST", &address)]).await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Medium")).await;
    let loop_text = "for i in $(seq 1 200); do echo counting $i; sleep 0.02; done";
    let dockerfile = format!("FROM {}\nRUN {loop_text}\n", shell_image());
    console.dockerfile(&admin, &worker.name, &dockerfile).await;
    let mut request = console.build_request(&worker.name, "away", "1");
    request.push_image = false;
    let build = admin.build_create(&request).await.unwrap();
    eventually("lines are there", || async {
        (admin.build(build.number).await.unwrap().lines > 20).then_some(())
    })
    .await;
    between.abort();
    let exit = format!("test -e /tmp/prt-builds/{}/exit", build.id);
    eventually("the build ends in the builder", || async {
        let seen = admin.build(build.number).await.unwrap();
        assert_eq!(seen.status, BuildStatus::Running, "{}", seen.message);
        crate::helpers::holds(&builder_container(&worker), &exit).then_some(())
    })
    .await;
    let listener = TcpListener::bind(address.trim_start_matches("tcp://")).await.unwrap();
    let socket = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
    let socket = socket.trim_start_matches("unix://").to_owned();
    let _between = crate::helpers::forward(listener, move || tokio::net::UnixStream::connect(socket.clone()));
    let ended = console.build_end(&admin, build.number).await;
    assert_eq!(ended.status, BuildStatus::Succeeded, "{}", ended.message);
    let records = admin.build_records(build.number, 0, None).await.unwrap();
    let counted: Vec<String> = records
        .iter()
        .filter_map(|record| match &record.event {
            BuildEvent::Log(line) if line.text.starts_with("counting") => Some(line.text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(counted, (1..=200).map(|i| format!("counting {i}")).collect::<Vec<_>>());
}

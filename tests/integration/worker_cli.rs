//! `prtcli` inside a worker: the environment tells it its console, its login and its worker.

use std::env;

use prt_types::{
    access::{Door, Me},
    builds::BuildStatus,
    workers::WorkerView,
};
use tokio::net::{TcpListener, TcpStream};

use crate::helpers::{Console, builder_worker, forward, registry, sh};

/// A console that listens on this machine only, and a way to it for containers.
async fn console_for_workers() -> Console {
    let bridge = env::var("PRT_REGISTRY_BRIDGE_IP").expect(
        "PRT_REGISTRY_BRIDGE_IP is not set: run scripts/setup/registries.sh and load the registries.env that it writes",
    );
    let listener = TcpListener::bind((bridge.as_str(), 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let console = Console::start_with(&[("PRT_WORKER_URL", &url)]).await;
    let address = console.url.trim_start_matches("http://").to_owned();
    forward(listener, move || TcpStream::connect(address.clone()));
    console
}

#[tokio::test]
async fn the_command_line_of_a_worker_knows_its_console_and_its_worker() {
    let console = console_for_workers().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    // Hers too: there is more than one that could be meant.
    let other = console.worker(&alice, &builder_worker("Small")).await;
    let run = async |line: &str| sh(&alice, &worker.name, line).await;

    let me = run("prtcli whoami --output json").await;
    assert_eq!(me.exit_code, 0, "{me:?}");
    let me: Me = serde_json::from_str(&me.stdout).unwrap();
    assert_eq!(
        (me.username.as_str(), me.worker.as_deref()),
        ("alice", Some(&*worker.name))
    );
    let shown = run("prtcli worker show --output json").await;
    assert_eq!(shown.exit_code, 0, "{shown:?}");
    let shown: WorkerView = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        (&shown.name, shown.instance_id, shown.ready),
        (&worker.name, worker.instance_id, true)
    );
    // It is the environment that tells.
    for (line, code) in [
        ("env -u PRT_WORKER prtcli worker show", 2),
        ("env -u PRT_URL prtcli whoami", 2),
        ("env -u PRT_TOKEN_FILE prtcli whoami", 3),
    ] {
        let done = run(line).await;
        assert_eq!(done.exit_code, code, "{line}: {done:?}");
    }

    console
        .dockerfile(&alice, &worker.name, "FROM scratch\nCOPY Dockerfile /\n")
        .await;
    let name = format!("{}/{}/from-inside", registry().host, console.instance);
    let built = run(&format!("prtcli build ~/build -t {name}:1")).await;
    assert_eq!(built.exit_code, 0, "{built:?}");
    assert!(
        format!("{}{}", built.stdout, built.stderr).contains(&format!("built {name}:1, not pushed")),
        "{built:?}"
    );
    let builds = alice.builds(None, None, None, None).await.unwrap();
    let [build] = &builds[..] else { panic!("{builds:#?}") };
    assert_eq!(
        (&build.worker, &*build.owner, build.door),
        (&worker.name, "alice", Door::Cli)
    );
    assert_eq!(
        (&*build.reference, build.push_image, build.status),
        (&*format!("{name}:1"), false, BuildStatus::Succeeded),
        "{}",
        build.message
    );
    // The folder is the builder's already: nothing was sent.
    assert_eq!(build.context, "");

    console
        .dockerfile(&alice, &worker.name, "FROM scratch\nCOPY missing /\n")
        .await;
    let failed = run(&format!("prtcli build ~/build -t {name}:2")).await;
    assert_eq!(failed.exit_code, 1, "{failed:?}");
    let newest = &alice.builds(Some(&worker.name), None, Some(1), None).await.unwrap()[0];
    assert_eq!(
        (&*newest.tag, newest.status),
        ("2", BuildStatus::Failed),
        "{}",
        newest.message
    );
    assert!(
        alice
            .builds(Some(&other.name), None, None, None)
            .await
            .unwrap()
            .is_empty()
    );
}

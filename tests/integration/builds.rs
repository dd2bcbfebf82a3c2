//! Builds with real BuildKit and real registries.

use std::time::Instant;

use futures::StreamExt;
use prt_types::{
    ErrorCode,
    build_events::BuildEvent,
    builds::{BuildReason, BuildStatus, RerunRequest},
    container_images::ContainerImageInput,
    workers::{ExecRequest, ImageConfig, WorkerConfig},
};

use crate::helpers::{
    Console, base_image, builder_worker, docker, eventually, http_registry, plain_worker, postgres_database, registry,
    remove_image, shell_image,
};

#[tokio::test]
async fn the_journey_of_the_seed() {
    journey(&Console::start().await).await;
}

#[tokio::test]
async fn the_journey_of_the_seed_on_postgres() {
    journey(&Console::start_with(&[("PRT_DATABASE_URL", &postgres_database())]).await).await;
}

async fn journey(console: &Console) {
    let registry = registry();
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    alice
        .worker_put_file(
            &worker.name,
            "hello.txt",
            "Hello from the custom container image!".into(),
        )
        .await
        .unwrap();
    let dockerfile = format!(
        "FROM {}\nARG WHO=nobody\nCOPY hello.txt /home/ubuntu/hello.txt\nRUN echo \"built for $WHO\" | tee /home/ubuntu/who.txt\n",
        base_image()
    );
    console.dockerfile(&alice, &worker.name, &dockerfile).await;
    let mut request = console.build_request(&worker.name, "practicus-minimal-my", "25.5.3");
    request.build_args.insert("WHO".into(), "the seed".into());
    let build = alice.build_create(&request).await.unwrap();
    assert_eq!(
        build.reference,
        format!("{}/{}/practicus-minimal-my:25.5.3", registry.host, console.instance)
    );
    let build = console.build_end(&alice, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    let digest = build.digest.clone().expect("a digest");
    assert_eq!(build.dockerfile_text, dockerfile);
    let push = format!("PUT /v2/{}/practicus-minimal-my/manifests/25.5.3", console.instance);
    assert!(registry.requests().contains(&push), "the registry has seen no {push}");

    // The log: complete, in order, the same in every form.
    let records = alice.build_records(build.number, 0, None).await.unwrap();
    let numbers: Vec<u64> = records.iter().map(|record| record.seq).collect();
    assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>());
    assert!(
        records
            .iter()
            .any(|record| matches!(&record.event, BuildEvent::Log(line) if line.text.contains("built for the seed")))
    );
    let ends = records
        .iter()
        .filter(|record| matches!(record.event, BuildEvent::End(_)))
        .count();
    assert_eq!(ends, 1);
    let in_folder = console.build_log_file(&alice, &worker.name, build.number).await;
    assert!(!in_folder.is_empty());

    // The result runs, once its image is granted.
    let custom = WorkerConfig {
        worker_image: build.reference.clone(),
        image_config: ImageConfig {
            repo_username: Some(registry.username.clone()),
            repo_password: Some(registry.password.as_str().into()),
            ..ImageConfig::default()
        },
        ..plain_worker("X-Small")
    };
    assert_eq!(
        alice.worker_create(&custom).await.unwrap_err().code(),
        Some(ErrorCode::Forbidden)
    );
    let rule = ContainerImageInput {
        image: format!("^{}\\/{}\\/", registry.host.replace('.', "\\."), console.instance),
        users: vec!["alice".into()],
        ..ContainerImageInput::default()
    };
    console.admin.container_image_create(&rule).await.unwrap();
    let result = console.worker(&alice, &custom).await;
    assert_eq!(result.image_digest.as_deref(), Some(digest.as_str()));
    let cat = ExecRequest {
        command: ["cat", "/home/ubuntu/hello.txt", "/home/ubuntu/who.txt"]
            .map(str::to_owned)
            .to_vec(),
    };
    let done = alice.worker_exec(&result.name, &cat).await.unwrap();
    assert_eq!(
        done.stdout,
        "Hello from the custom container image!built for the seed\n"
    );
    remove_image(&build.reference);
}

#[tokio::test]
async fn bad_requests_are_refused_before_anything_runs() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    let good = console.build_request(&worker.name, "x", "1");
    let field = async |request: &prt_types::builds::BuildRequest, name: &str| {
        let error = alice.build_create(request).await.expect_err(name);
        let api = error.api().cloned().unwrap_or_else(|| panic!("{error}"));
        assert_eq!(api.code, ErrorCode::InvalidInput, "{api}");
        api.field(name)
            .unwrap_or_else(|| panic!("{name} is not named in {api:?}"))
            .to_owned()
    };
    // No Dockerfile yet.
    assert!(field(&good, "dockerfile").await.contains("Dockerfile"));
    console
        .dockerfile(&alice, &worker.name, "FROM scratch\nCOPY Dockerfile /\n")
        .await;
    let mut request = good.clone();
    request.name = "UPPER/Case".into();
    field(&request, "name").await;
    request.name.clone_from(&good.name);
    request.tag = "no spaces".into();
    field(&request, "tag").await;
    request.tag = "1".into();
    request.context = "../..".into();
    field(&request, "context").await;
    let mut request = good.clone();
    request
        .registry_credentials
        .push(request.registry_credentials[0].clone());
    field(&request, "registry_credentials").await;

    let mut request = good.clone();
    request.registry_credentials[0].password = "wrong".into();
    let start = Instant::now();
    let message = field(&request, "registry_credentials").await;
    assert!(
        start.elapsed().as_secs_f64() < 5.0,
        "the wrong password took {:?} to be told",
        start.elapsed()
    );
    assert!(
        message.contains(&registry().host) && message.contains(&registry().username) && !message.contains("wrong "),
        "{message}"
    );
    assert!(
        alice.builds(None, None, None, None).await.unwrap().is_empty(),
        "a refused request leaves no build"
    );
}

#[tokio::test]
async fn failures_are_told_in_plain_words() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    let base = shell_image();
    for (dockerfile, reason, words) in [
        (
            "FROM scratch\nFORM scratch\n".to_owned(),
            BuildReason::DockerfileInvalid,
            "FORM",
        ),
        (
            format!("FROM {base}\nRUN echo before; exit 7\n"),
            BuildReason::StepFailed,
            "7",
        ),
        (
            format!("FROM {}/nothing/here:1\n", registry().host),
            BuildReason::NoSuchImage,
            "nothing/here",
        ),
        (
            "FROM scratch\nCOPY missing.txt /\n".to_owned(),
            BuildReason::StepFailed,
            "missing.txt",
        ),
    ] {
        console.dockerfile(&alice, &worker.name, &dockerfile).await;
        let build = alice
            .build_create(&console.build_request(&worker.name, "x", "1"))
            .await
            .unwrap();
        let build = console.build_end(&alice, build.number).await;
        assert_eq!(
            (build.status, build.reason),
            (BuildStatus::Failed, Some(reason)),
            "{dockerfile}: {}",
            build.message
        );
        assert!(build.message.contains(words), "{dockerfile}: {}", build.message);
    }
}

#[tokio::test]
async fn one_build_at_a_time_cancel_and_run_again() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium")).await;
    let dockerfile = format!("FROM {}\nRUN echo started; sleep 300\n", shell_image());
    console.dockerfile(&alice, &worker.name, &dockerfile).await;
    let mut request = console.build_request(&worker.name, "slow", "1");
    let slow = alice.build_create(&request).await.unwrap();
    let second = alice.build_create(&request).await.unwrap_err();
    assert_eq!(second.code(), Some(ErrorCode::Conflict));
    assert!(second.to_string().contains(&format!("#{}", slow.number)), "{second}");
    assert_eq!(
        alice.worker(&worker.name).await.unwrap().active_build,
        Some(slow.number)
    );
    eventually("the step runs", || async {
        let records = alice.build_records(slow.number, 0, None).await.unwrap();
        records
            .iter()
            .any(|record| matches!(&record.event, BuildEvent::Log(line) if line.text == "started"))
            .then_some(())
    })
    .await;
    alice.build_cancel(slow.number).await.unwrap();
    let ended = console.build_end(&alice, slow.number).await;
    assert_eq!(ended.status, BuildStatus::Canceled);
    assert_eq!(
        alice.build_cancel(slow.number).await.unwrap().status,
        BuildStatus::Canceled
    );

    console
        .dockerfile(&alice, &worker.name, "FROM scratch\nCOPY Dockerfile /\n")
        .await;
    let asks = alice
        .build_rerun(slow.number, &RerunRequest::default())
        .await
        .unwrap_err();
    assert!(
        asks.api().unwrap().field("registry_credentials").is_some(),
        "logins are not kept: {asks}"
    );
    request.registry_credentials = vec![registry().login()];
    let rerun = RerunRequest {
        registry_credentials: request.registry_credentials.clone(),
        registry_secrets: vec![],
        no_cache: true,
        ..RerunRequest::default()
    };
    let again = alice.build_rerun(slow.number, &rerun).await.unwrap();
    assert_eq!((again.rerun_of, again.no_cache), (Some(slow.number), true));
    let again = console.build_end(&alice, again.number).await;
    assert_eq!(again.status, BuildStatus::Succeeded, "{}", again.message);
    // The same inputs from the cache; the log of an earlier build in the folder spoils nothing.
    console
        .dockerfile(&alice, &worker.name, "FROM scratch\nCOPY . /all\n")
        .await;
    let first = console
        .build_end(&alice, alice.build_create(&request).await.unwrap().number)
        .await;
    let cached = console
        .build_end(&alice, alice.build_create(&request).await.unwrap().number)
        .await;
    assert_eq!(
        (first.status, cached.status),
        (BuildStatus::Succeeded, BuildStatus::Succeeded)
    );
    assert!(cached.steps_cached > 0, "{cached:?}");
    assert_eq!(first.digest, cached.digest);
}

#[tokio::test]
async fn push_false_leaves_the_registry_alone_and_http_is_for_those_who_ask() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    console
        .dockerfile(&alice, &worker.name, "FROM scratch\nCOPY Dockerfile /\n")
        .await;
    let host = http_registry();
    let mut request = console.build_request(&worker.name, "x", "1");
    request.name = format!("{host}/{}/x", console.instance);
    request.registry_credentials.clear();
    request.push_image = false;
    let tags = async || {
        let url = format!("http://{host}/v2/{}/x/tags/list", console.instance);
        reqwest::Client::builder()
            .build()
            .unwrap()
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    let built = console
        .build_end(&alice, alice.build_create(&request).await.unwrap().number)
        .await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);
    assert!(tags().await.contains("NAME_UNKNOWN"), "{}", tags().await);
    request.push_image = true;
    request.insecure_registry = true;
    let pushed = console
        .build_end(&alice, alice.build_create(&request).await.unwrap().number)
        .await;
    assert_eq!(pushed.status, BuildStatus::Succeeded, "{}", pushed.message);
    assert!(tags().await.contains("\"1\""), "{}", tags().await);
}

#[tokio::test]
async fn a_lost_builder_ends_its_build_once() {
    let console = Console::start().await;
    let worker = console.worker(&console.admin, &builder_worker("Small")).await;
    let dockerfile = format!("FROM {}\nRUN sleep 300\n", shell_image());
    console.dockerfile(&console.admin, &worker.name, &dockerfile).await;
    let build = console
        .admin
        .build_create(&console.build_request(&worker.name, "x", "1"))
        .await
        .unwrap();
    eventually("the step runs", || async {
        let records = console.admin.build_records(build.number, 0, None).await.unwrap();
        records
            .iter()
            .any(|record| matches!(&record.event, BuildEvent::Step(step) if step.name.contains("sleep")))
            .then_some(())
    })
    .await;
    docker(&["kill", &format!("prt-{}-builder", worker.instance_id)]);
    let build = console.build_end(&console.admin, build.number).await;
    assert_eq!(
        (build.status, build.reason),
        (BuildStatus::Failed, Some(BuildReason::BuilderLost)),
        "{}",
        build.message
    );
    let records = console.admin.build_records(build.number, 0, None).await.unwrap();
    assert_eq!(
        records
            .iter()
            .filter(|record| matches!(record.event, BuildEvent::End(_)))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_late_viewer_gets_line_one_and_many_viewers_the_same() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium")).await;
    let dockerfile = format!(
        "FROM {}\nRUN for i in $(seq 1 3000); do echo line $i; done; sleep 2; echo last\n",
        shell_image()
    );
    console.dockerfile(&alice, &worker.name, &dockerfile).await;
    let mut request = console.build_request(&worker.name, "x", "1");
    request.push_image = false;
    let build = alice.build_create(&request).await.unwrap();
    let viewers = (0..10).map(|_| {
        let follower = alice.follow(build.number, 0, prt_client::FollowOptions::default());
        async move {
            let mut follower = std::pin::pin!(follower);
            let mut seen = Vec::new();
            while let Some(item) = follower.next().await {
                if let prt_client::Followed::Record(record) = item.unwrap() {
                    seen.push(record);
                }
            }
            seen
        }
    });
    let all = futures::future::join_all(viewers).await;
    assert!(all.iter().all(|seen| *seen == all[0]), "viewers saw different logs");
    let lines: Vec<u64> = all[0]
        .iter()
        .filter_map(|record| match &record.event {
            BuildEvent::Log(line) => Some(line.line),
            _ => None,
        })
        .collect();
    assert_eq!(lines, (1..=lines.len() as u64).collect::<Vec<_>>());
    assert!(lines.len() >= 3001);
}

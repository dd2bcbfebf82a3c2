//! Additional parameters, custom commands, and what makes a digest the same everywhere.

use prt_types::builds::{BuildRequest, BuildStatus, BuildView, RerunRequest};

use crate::helpers::{Cli, Console, builder_worker, registry};

const STAGES: &str =
    "FROM scratch AS web\nARG WHO\nCOPY Dockerfile /web\nFROM scratch AS last\nCOPY Dockerfile /last\n";

async fn run(console: &Console, client: &prt_client::Client, request: &BuildRequest) -> BuildView {
    let build = client.build_create(request).await.unwrap();
    let ended = console.build_end(client, build.number).await;
    assert_eq!(ended.status, BuildStatus::Succeeded, "{}", ended.message);
    ended
}

#[tokio::test]
async fn parameters_and_commands_choose_what_is_built() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    console.dockerfile(&alice, &worker.name, STAGES).await;
    let plain = console.build_request(&worker.name, "options", "1");
    let last = run(&console, &alice, &plain).await;

    let with_params = BuildRequest {
        additional_build_params: "--opt target=web --label 'made by=a $(test)'".into(),
        ..plain.clone()
    };
    let web = run(&console, &alice, &with_params).await;
    assert_ne!(web.digest, last.digest);
    assert_eq!(web.additional_build_params, with_params.additional_build_params);

    let command = BuildRequest {
        custom_build_command:
            "buildctl build --frontend dockerfile.v0 --local context=/build --local dockerfile=/build \
                               --opt target=web --opt 'label:made by=a $(test)'"
                .into(),
        ..plain.clone()
    };
    let by_command = run(&console, &alice, &command).await;
    assert_eq!(by_command.digest, web.digest, "two ways to say the same");

    let rerun = RerunRequest {
        registry_credentials: vec![registry().login()],
        ..RerunRequest::default()
    };
    let again = alice.build_rerun(by_command.number, &rerun).await.unwrap();
    let again = console.build_end(&alice, again.number).await;
    assert_eq!((again.status, &again.digest), (BuildStatus::Succeeded, &web.digest));
    assert_eq!(again.custom_build_command, command.custom_build_command);

    // Refused before anything is recorded, with the same words by the command line.
    let before = alice.builds(None, None, None, None).await.unwrap().len();
    let refused = BuildRequest {
        additional_build_params: "--output type=local,dest=/tmp".into(),
        ..plain.clone()
    };
    let error = alice.build_create(&refused).await.unwrap_err();
    let words = "--output is refused: the result goes where `name`, `tag` and `push_image` say.";
    assert_eq!(error.api().unwrap().field("additional_build_params"), Some(words));
    let cli = Cli::login(&console, "alice");
    let out = cli
        .command(&[
            "build-container-image",
            "--worker",
            &worker.name,
            "-p",
            &format!("name={}", plain.name),
            "tag=1",
            "additional_build_params=--output type=local,dest=/tmp",
        ])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && stderr.contains(words), "{stderr}");
    for (params, command, field) in [
        ("--secret id=a,src=/dev/shm/x", "", "additional_build_params"),
        ("", "sh -c id", "custom_build_command"),
        ("", "buildctl build --local context=/dev/shm", "custom_build_command"),
        ("--no-cache", "buildctl build", "additional_build_params"),
    ] {
        let request = BuildRequest {
            additional_build_params: params.into(),
            custom_build_command: command.into(),
            ..plain.clone()
        };
        let error = alice.build_create(&request).await.unwrap_err();
        assert!(
            error.api().unwrap().field(field).is_some(),
            "{params} {command}: {error}"
        );
    }
    assert_eq!(alice.builds(None, None, None, None).await.unwrap().len(), before);
}

/// Two builders have no cache in common and get the files at different times.
#[tokio::test]
async fn source_date_epoch_gives_one_digest_in_every_builder() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let mut digests = vec![];
    for tag in ["1", "2"] {
        let worker = console.worker(&alice, &builder_worker("Small")).await;
        console.dockerfile(&alice, &worker.name, STAGES).await;
        let mut request = console.build_request(&worker.name, "same", tag);
        let plain = run(&console, &alice, &request).await.digest;
        request
            .build_args
            .insert("SOURCE_DATE_EPOCH".into(), "1767225600".into());
        let dated = run(&console, &alice, &request).await.digest;
        assert!(plain.is_some() && dated.is_some());
        digests.push((plain, dated));
        request.build_args.insert("SOURCE_DATE_EPOCH".into(), "now".into());
        let error = alice.build_create(&request).await.unwrap_err();
        assert_eq!(
            error.api().unwrap().field("build_args"),
            Some("SOURCE_DATE_EPOCH is a whole number of seconds since 1970.")
        );
    }
    assert_eq!(digests[0].1, digests[1].1);
    assert_ne!(digests[0].0, digests[1].0, "without it the time of the files counts");
}

/// Build without a push, change the login, build with a push: nothing is pulled again.
#[tokio::test]
async fn separate_logins_for_pull_and_push_meet_in_the_cache() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium")).await;
    let text = format!("FROM {}\nRUN echo hello > /tmp/hello\n", crate::helpers::shell_image());
    console.dockerfile(&alice, &worker.name, &text).await;
    let mut request = console.build_request(&worker.name, "pull-push", "1");
    request.push_image = false;
    let pulled = run(&console, &alice, &request).await;
    let before = registry().requests().len();
    request.push_image = true;
    let pushed = run(&console, &alice, &request).await;
    // BuildKit counts FROM as looked up, not as cached; that nothing of it was fetched again is for the registry to say, below.
    assert_eq!(
        (pulled.steps_cached, pushed.steps_cached),
        (0, 1),
        "the RUN step: {pushed:?}"
    );
    let own = format!("/v2/{}/pull-push/", console.instance);
    let requests = registry().requests();
    let fresh = requests.get(before..).unwrap_or_default();
    let push = fresh
        .lines()
        .find(|line| line.contains("\"PUT ") && line.contains(&own))
        .unwrap_or_else(|| panic!("nothing was pushed: {fresh}"));
    // Other tests' builders use the registry too; this one's address is known from its push.
    let address = push.split(' ').next().unwrap_or_default();
    let blobs: Vec<&str> = fresh
        .lines()
        .filter(|line| line.starts_with(&format!("{address} ")) && line.contains("\"GET ") && line.contains("/blobs/"))
        .collect();
    assert!(blobs.is_empty(), "{blobs:?}");
}

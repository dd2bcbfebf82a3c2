//! What `docker build` can be told, by REST and by the command line: the same words, the same effect.

use std::{collections::BTreeMap, fs};

use prt_client::Client;
use prt_types::{
    Secret,
    builds::{BuildRequest, BuildSecret, BuildStatus, BuildView, RerunRequest},
    named_secrets::{NamedSecretInput, SecretKind},
};
use serde_json::{Value, json};

use crate::helpers::{Cli, Console, USER_PASSWORD, builder_worker, docker, files_with, registry, shell_image};

async fn ended(console: &Console, client: &Client, request: &BuildRequest) -> BuildView {
    let build = client.build_create(request).await.unwrap();
    console.build_end(client, build.number).await
}

/// A manifest as the registry has it.
async fn manifest(repository: &str, tag: &str) -> Value {
    let registry = registry();
    let ca = reqwest::Certificate::from_pem(&fs::read(&registry.ca_file).unwrap()).unwrap();
    let http = reqwest::Client::builder().add_root_certificate(ca).build().unwrap();
    let accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, \
                  application/vnd.oci.image.index.v1+json";
    let answer = http
        .get(format!("https://{}/v2/{repository}/manifests/{tag}", registry.host))
        .basic_auth(&registry.username, Some(&registry.password))
        .header("accept", accept)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{repository}:{tag}");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_build_is_told_what_docker_build_would_be() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    let checks = "grep '192.0.2.7.*db.example.com' /etc/hosts && test \"$(ulimit -n)\" = 1024 && \
                  test \"$(ulimit -H -n)\" = 2048 && df -k /dev/shm | grep 16384 && test \"$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')\" = lo";
    // It is not in the build folder.
    let text = format!(
        "FROM {} AS web\nRUN {checks}\nFROM scratch\nCOPY nothing /\n",
        shell_image()
    );
    console
        .dockerfile(&alice, &worker.name, "FROM scratch\nRUN wrong\n")
        .await;
    let plain = console.build_request(&worker.name, "options", "1");
    let request = BuildRequest {
        dockerfile_text: Some(text.clone()),
        additional_tags: vec![format!("{}:2", plain.name), format!("{}-more", plain.name)],
        target: "web".into(),
        platforms: vec!["linux/amd64".into()],
        labels: BTreeMap::from([("made by".replace(' ', "-"), "a, \"b\"".into())]),
        pull: true,
        network: "none".into(),
        add_hosts: vec!["db.example.com:192.0.2.7".into()],
        shm_size: "16m".into(),
        ulimits: vec!["nofile=1024:2048".into()],
        cache_to: vec!["type=inline".into()],
        oci_mediatypes: Some(false),
        ..plain.clone()
    };
    let build = ended(&console, &alice, &request).await;
    assert_eq!(
        build.status,
        BuildStatus::Succeeded,
        "{}: {}",
        build.message,
        console.build_log_file(&alice, &worker.name, build.number).await
    );
    assert_eq!(
        (build.dockerfile_text.as_str(), build.options.target.as_str()),
        (text.as_str(), "web")
    );
    assert_eq!(build.options.additional_tags[1], format!("{}-more:1", plain.name));
    let repository = plain.name.split_once('/').unwrap().1;
    let first = manifest(repository, "1").await;
    assert_eq!(
        first["mediaType"], "application/vnd.docker.distribution.manifest.v2+json",
        "{first}"
    );
    for (repository, tag) in [(repository, "2"), (&format!("{repository}-more"), "1")] {
        assert_eq!(manifest(repository, tag).await, first, "{repository}:{tag}");
    }

    // Again, with the Dockerfile that came along and all that was said.
    let logins = RerunRequest {
        registry_credentials: vec![registry().login()],
        ..RerunRequest::default()
    };
    let again = alice.build_rerun(build.number, &logins).await.unwrap();
    let again = console.build_end(&alice, again.number).await;
    assert_eq!(
        (again.status, &again.digest),
        (BuildStatus::Succeeded, &build.digest),
        "{}",
        again.message
    );
    assert_eq!(again.options, build.options);

    // The login of the test registry may not push there; it is known before the build.
    let elsewhere = BuildRequest {
        additional_tags: vec!["registry.invalid/demo/app:1".into()],
        ..request.clone()
    };
    let error = alice.build_create(&elsewhere).await.unwrap_err();
    assert!(error.to_string().contains("registry.invalid"), "{error}");
    let twice = BuildRequest {
        additional_build_params: "--opt target=last".into(),
        ..request
    };
    let error = alice.build_create(&twice).await.unwrap_err();
    let message = error
        .api()
        .unwrap()
        .field("additional_build_params")
        .unwrap_or_default()
        .to_owned();
    assert!(message.contains("target is given twice"), "{error}");
}

#[tokio::test]
async fn a_secret_mount_is_read_by_its_step_and_found_nowhere() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    let value = format!("first-line-{0}\nsecond-line-{0}\n", console.instance);
    let text = format!(
        "FROM {}\nRUN --mount=type=secret,id=.npmrc --mount=type=secret,id=stored \
         cat /run/secrets/.npmrc; base64 /run/secrets/.npmrc; wc -c /run/secrets/.npmrc; cat /run/secrets/stored\n",
        shell_image()
    );
    console.dockerfile(&alice, &worker.name, &text).await;
    let stored = format!("stored-{}", console.instance);
    let input = NamedSecretInput {
        name: "NPM_TOKEN".into(),
        kind: SecretKind::Personal,
        value: Some(Secret::new(stored.clone())),
        ..NamedSecretInput::default()
    };
    alice.secret_create(&input).await.unwrap();
    let by_name = BuildSecret {
        id: "stored".into(),
        personal_secret: Some("NPM_TOKEN".into()),
        ..BuildSecret::default()
    };
    let typed = BuildSecret {
        id: ".npmrc".into(),
        value: Some(Secret::new(value.clone())),
        ..BuildSecret::default()
    };
    let request = BuildRequest {
        push_image: false,
        registry_credentials: vec![registry().login()],
        secrets: vec![typed.clone(), by_name.clone()],
        ..console.build_request(&worker.name, "secret", "1")
    };
    let since = docker(&["info", "-f", "{{.SystemTime}}"]);
    let build = ended(&console, &alice, &request).await;
    let text = console.build_log_file(&alice, &worker.name, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}: {text}", build.message);
    assert!(text.contains(&format!("{} /run/secrets/.npmrc", value.len())), "{text}");
    let until = docker(&["info", "-f", "{{.SystemTime}}"]);
    let events = docker(&["events", "--since", &since, "--until", &until]);
    for needle in value.lines().chain([stored.as_str()]) {
        assert!(!text.contains(needle) && text.contains("***"), "{text}");
        assert_eq!(files_with(console.folder.path(), needle), "");
        assert!(!events.contains(needle), "engine events show it");
        let search = format!("grep -rlaF '{needle}' /home/user/.docker /tmp /dev/shm /etc /run 2>/dev/null || true");
        let builder = format!("prt-{}-builder", worker.instance_id);
        assert_eq!(docker(&["exec", "-u", "0", &builder, "sh", "-c", &search]), "");
    }
    let ids: Vec<&str> = build.options.secrets.iter().map(|secret| secret.id.as_str()).collect();
    assert_eq!(ids, [".npmrc", "stored"]);
    assert_eq!(build.options.secrets[1].personal_secret.as_deref(), Some("NPM_TOKEN"));

    // What was typed is given again, what is stored is not.
    let mut again = RerunRequest {
        registry_credentials: vec![registry().login()],
        ..RerunRequest::default()
    };
    let error = alice.build_rerun(build.number, &again).await.unwrap_err();
    assert!(
        error
            .api()
            .unwrap()
            .field("secrets")
            .is_some_and(|message| message.contains(".npmrc")),
        "{error}"
    );
    again.secrets = vec![typed];
    let again = alice.build_rerun(build.number, &again).await.unwrap();
    let again = console.build_end(&alice, again.number).await;
    assert_eq!(again.status, BuildStatus::Succeeded, "{}", again.message);
    let unknown = BuildSecret {
        personal_secret: Some("NOTHING".into()),
        ..by_name
    };
    let error = alice
        .build_create(&BuildRequest {
            secrets: vec![unknown],
            ..request
        })
        .await
        .unwrap_err();
    assert!(
        error
            .api()
            .unwrap()
            .field("secrets")
            .is_some_and(|message| message.contains("NPM_TOKEN")),
        "{error}"
    );
}

#[tokio::test]
async fn prtcli_takes_dockers_options() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    let cli = Cli::login(&console, "alice");
    let folder = tempfile::tempdir().unwrap();
    let context = folder.path().join("app");
    fs::create_dir(&context).unwrap();
    fs::write(context.join("a"), "a").unwrap();
    let text = format!(
        "FROM {} AS web\nARG V\nCOPY a /a\nRUN --mount=type=secret,id=token test \"$V\" = 1.10 && cat /run/secrets/token\nFROM web\nRUN false\n",
        shell_image()
    );
    let outside = folder.path().join("Dockerfile.ci");
    fs::write(&outside, &text).unwrap();
    let iid = folder.path().join("iid");
    let metadata = folder.path().join("metadata.json");
    let password = folder.path().join("password");
    fs::write(&password, &registry().password).unwrap();
    let name = console.build_request(&worker.name, "cli", "1").name;
    let credential = format!("{},{},@{}", registry().host, registry().username, password.display());
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    for (file, input) in [(path(&outside), ""), ("-".to_owned(), text.as_str())] {
        let (first, second) = (format!("{name}:1"), format!("{name}:2"));
        let (iid_file, metadata_file, folder) = (path(&iid), path(&metadata), path(&context));
        let args = [
            "build",
            "-w",
            &worker.name,
            "-t",
            &first,
            "-t",
            &second,
            "--push",
            "-f",
            &file,
            "--target",
            "web",
            "--label",
            "a=b",
            "--platform",
            "linux/amd64",
            "--pull",
            "--build-arg",
            "V=1.10",
            "--secret",
            "id=token,env=HOME",
            "--add-host",
            "db:192.0.2.7",
            "--iidfile",
            &iid_file,
            "--metadata-file",
            &metadata_file,
            "--registry-credential",
            &credential,
            &folder,
        ];
        let out = cli.run(&args, input);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{file}: {stderr}");
        let build = &alice.builds(None, None, Some(1), None).await.unwrap()[0];
        let digest = build.digest.clone().unwrap();
        assert_eq!(fs::read_to_string(&iid).unwrap(), digest);
        let metadata: Value = serde_json::from_str(&fs::read_to_string(&metadata).unwrap()).unwrap();
        assert_eq!(
            metadata,
            json!({ "containerimage.digest": digest, "image.name": format!("{first},{second}") })
        );
        assert_eq!(build.options.secrets[0].id, "token");
        assert_eq!(build.options.labels["a"], "b");
    }

    // Digits as they are written, whatever they come by.
    let args = "build_args={\"V\": 1.10, \"W\": 0.30, \"X\": 1E5, \"Y\": 12345678901234567890123, \"Z\": true}";
    let out = cli.run(
        &[
            "build-container-image",
            "--worker",
            &worker.name,
            "--detach",
            "-p",
            &format!("name={name}"),
            "tag=3",
            "push_image=false",
            args,
            "dockerfile_text=FROM scratch\nLABEL a=b",
            "registry_credentials=[]",
        ],
        "",
    );
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let wanted: BTreeMap<String, String> = [
        ("V", "1.10"),
        ("W", "0.30"),
        ("X", "1E5"),
        ("Y", "12345678901234567890123"),
        ("Z", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let build = alice.builds(None, None, Some(1), None).await.unwrap().remove(0);
    assert_eq!(build.build_args, wanted);
    console.build_end(&alice, build.number).await;
    let token = console.token("alice", USER_PASSWORD).await;
    let body = format!(
        "{{\"worker\": \"{}\", \"name\": \"{name}\", \"tag\": \"4\", \"push_image\": false, \"dockerfile_text\": \"FROM scratch\\nLABEL a=b\", \
         \"build_args\": {{\"V\": 1.10, \"W\": 0.30, \"X\": 1E5, \"Y\": 12345678901234567890123, \"Z\": true}}}}",
        worker.name
    );
    let answer = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(format!("{}/api/v1/builds", console.url))
        .bearer_auth(token.expose())
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["build_args"], json!(wanted), "{answer}");
}

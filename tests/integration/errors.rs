//! The same refusal reads the same in every door, and leaves everything as it was.
//!
//! What is wrong, and the words for it, is in `tests/bad-input.json`. `sdk/python/tests/test_console.py` tries the same by the SDK.

use std::{collections::BTreeMap, fs};

use prt_types::{
    build_config::BuildConfigInput,
    builds::RegistryCredential,
    certificates::CertificatesInput,
    workers::{ExecRequest, ImageConfig, TerminateRequest, WorkerConfig},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::helpers::{
    ADMIN_PASSWORD, Authority, Browser, Cli, Console, WORKER_IMAGE, builder_worker, eventually, plain_worker, registry,
    sh, shell_image,
};

const IMAGE: &str = "registry.example.com/demo/x:1";

#[derive(Deserialize)]
struct BadInput {
    workers: Vec<Bad<Value>>,
    build_configurations: Vec<Bad<BuildConfigInput>>,
    build_configurations_with_a_word: Vec<Bad<BuildConfigInput>>,
}

#[derive(Deserialize)]
struct Bad<T> {
    input: T,
    #[serde(default)]
    prtcli: Vec<String>,
    /// What is typed into the form; absent where that cannot be typed.
    form: Option<BTreeMap<String, String>>,
    #[serde(default)]
    field: String,
    message: String,
}

impl<T> Bad<T> {
    fn typed(&self) -> Option<Vec<(&str, &str)>> {
        let form = self.form.as_ref()?;
        Some(
            form.iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        )
    }
}

fn bad_input() -> BadInput {
    serde_json::from_str(include_str!("../bad-input.json")).expect("bad-input.json is as it should be")
}

/// The exit code of `prtcli` and what it says on standard error.
fn prtcli(cli: &Cli, args: &[&str], input: &str) -> (Option<i32>, String) {
    let out = cli.run(args, input);
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[tokio::test]
async fn a_refused_image() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let config = WorkerConfig {
        worker_image: IMAGE.into(),
        ..plain_worker("X-Small")
    };
    let golden = "No rule allows the image registry.example.com/demo/x:1 for alice. \
                  An admin can grant it in Infrastructure > Container Images.";

    let rest = alice.worker_create(&config).await.unwrap_err();
    assert_eq!(rest.api().unwrap().message, golden);

    let cli = Cli::login(&console, "alice");
    let (code, said) = prtcli(&cli, &["worker", "create", "--image", IMAGE, "--size", "X-Small"], "");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.starts_with(&format!("error: {golden}\n")), "{said}");

    let browser = Browser::login(&console, "alice").await;
    let page = browser
        .submit("/workers/new", &[("worker_image", IMAGE), ("worker_size", "X-Small")])
        .await;
    assert!(page.says(golden), "{page:?}");
    assert!(
        page.html.contains(&format!("value=\"{IMAGE}\"")),
        "what was typed is still there"
    );
}

#[tokio::test]
async fn wrong_workers() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let cli = Cli::login(&console, "alice");
    let browser = Browser::login(&console, "alice").await;
    let image = "practicus-minimal";
    let long = "x".repeat(32 * 1024);
    let too_long = Bad {
        input: json!({ "additional_params": { "a": long } }),
        prtcli: vec!["--additional-param".into(), format!("a={long}")],
        form: Some(BTreeMap::from([(
            "additional_params".to_owned(),
            format!(r#"{{"a":"{long}"}}"#),
        )])),
        field: "additional_params".into(),
        message: "The parameters are longer than 32 KiB as JSON.".into(),
    };
    for bad in bad_input().workers.iter().chain([&too_long]) {
        let mut input = bad.input.clone();
        input["worker_image"] = image.into();
        let config: WorkerConfig = serde_json::from_value(input).unwrap();
        let error = alice.worker_create(&config).await.unwrap_err();
        let words = bad.message.as_str();
        assert_eq!(error.api().unwrap().field(&bad.field), Some(words), "{error}");
        let args: Vec<&str> = bad.prtcli.iter().map(String::as_str).collect();
        let (code, said) = prtcli(
            &cli,
            &[&["worker", "create", "--image", image], args.as_slice()].concat(),
            "p",
        );
        assert!(code == Some(2) && said.contains(words), "{words}: {code:?} {said}");
        if let Some(typed) = bad.typed() {
            let page = browser
                .submit("/workers/new", &[&[("worker_image", image)], typed.as_slice()].concat())
                .await;
            assert!(page.says(words), "{words}: {page:?}");
        }
    }
    assert!(alice.workers(true).await.unwrap().is_empty(), "nothing was made");
    assert_eq!(console.engine_things(), Vec::<String>::new());
}

#[tokio::test]
async fn wrong_build_configurations() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let name = worker.name.as_str();
    let cli = Cli::login(&console, "alice");
    let browser = Browser::login(&console, "alice").await;
    let page = format!("/workers/{name}/build-config");
    let by_prtcli = |input: &BuildConfigInput| {
        let mut args = vec!["worker", "build-config", "set", name];
        for host in input.insecure_registries.iter().flatten() {
            args.extend(["--insecure-registry", host]);
        }
        if input.config_content.is_some() {
            args.extend(["--file", "-"]);
        }
        prtcli(&cli, &args, input.config_content.as_deref().unwrap_or_default())
    };
    let BadInput {
        build_configurations,
        build_configurations_with_a_word,
        ..
    } = bad_input();
    let before = alice.build_config(name).await.unwrap();
    for bad in &build_configurations {
        let words = bad.message.as_str();
        let error = alice.build_config_update(name, &bad.input).await.unwrap_err();
        assert!(
            error
                .api()
                .unwrap()
                .field(&bad.field)
                .is_some_and(|said| said.starts_with(words)),
            "{error}"
        );
        let (code, said) = by_prtcli(&bad.input);
        assert!(code == Some(2) && said.contains(words), "{words}: {code:?} {said}");
        if let Some(typed) = bad.typed() {
            let page = browser.submit(&page, &typed).await;
            assert!(page.says(words), "{words}: {page:?}");
        }
    }
    // The page has a form for each of the two, so only who writes a request can send both.
    let both = build_configurations
        .iter()
        .find(|bad| bad.input.config_content.is_some() && bad.input.insecure_registries.is_some());
    let request = browser
        .http
        .post(format!("{}/_fn/apply_build_config", console.url))
        .header("accept", "text/html")
        .header("sec-fetch-site", "same-origin")
        .header("referer", format!("{}{page}", console.url))
        .form(&[
            ("input[worker]", name),
            ("input[full]", "true"),
            ("input[config_content]", "[worker.oci]\n"),
            ("input[insecure_registries]", "a"),
        ]);
    assert!(request.send().await.unwrap().status().is_redirection());
    assert!(browser.page(&page).await.says(&both.unwrap().message));
    assert_eq!(alice.build_config(name).await.unwrap(), before, "nothing was changed");

    // What is taken, but not in silence. The form first: its page shows what was said last.
    for bad in &build_configurations_with_a_word {
        let words = bad.message.as_str();
        if let Some(typed) = bad.typed() {
            let page = browser.submit(&page, &typed).await;
            assert!(page.says(words), "{words}: {page:?}");
        }
        let view = alice.build_config_update(name, &bad.input).await.unwrap();
        assert!(
            view.findings.iter().any(|finding| finding.to_string() == words),
            "{words}: {:?}",
            view.findings
        );
        let (code, said) = by_prtcli(&bad.input);
        assert!(code == Some(0) && said.contains(words), "{words}: {code:?} {said}");
    }
}

#[tokio::test]
async fn wrong_certificates() {
    let console = Console::start().await;
    let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);
    let browser = Browser::login_with(&console, "admin", ADMIN_PASSWORD).await;
    let before = console.admin.certificates().await.unwrap();
    let old = Authority::until("Old Root CA", 2021).pem();
    for (pem, part) in [("not a certificate", "This is no PEM"), (&old, "expired on 2021-01-01")] {
        let input = CertificatesInput {
            pem: Some(pem.into()),
            ..CertificatesInput::default()
        };
        let error = console.admin.certificates_set(&input).await.unwrap_err();
        let words = error.api().unwrap().field("pem").unwrap().to_owned();
        assert!(words.contains(part), "{words}");
        let (code, said) = prtcli(&cli, &["certificates", "set", "-"], pem);
        assert!(code == Some(2) && said.contains(&words), "{words}: {code:?} {said}");
        let page = browser.submit("/infrastructure/certificates", &[("pem", pem)]).await;
        assert!(page.says(&words), "{words}: {page:?}");
    }
    assert_eq!(
        console.admin.certificates().await.unwrap(),
        before,
        "nothing was changed"
    );
}

#[tokio::test]
async fn builds_that_cannot_be() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let cli = Cli::login(&console, "alice");
    let browser = Browser::login(&console, "alice").await;
    let dockerfile = format!("FROM {}\nRUN sleep 300\n", shell_image());
    console.dockerfile(&alice, &worker.name, &dockerfile).await;
    let right = console.build_request(&worker.name, "x", "1");
    let mut wrong_password = right.clone();
    wrong_password.registry_credentials = vec![RegistryCredential {
        password: "wrong".into(),
        ..registry().login()
    }];
    let mut unknown_host = right.clone();
    unknown_host.name = "nowhere.invalid/demo/x".into();
    unknown_host.registry_credentials = vec![RegistryCredential {
        host: "nowhere.invalid".into(),
        password: "p".into(),
        ..registry().login()
    }];
    let slow = alice.build_create(&right).await.unwrap();
    // A worker that builds already is what is told first, so this needs one of its own.
    let idle = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    console.dockerfile(&alice, &idle.name, &dockerfile).await;
    for (mut request, worker, part, code) in [
        (wrong_password, &idle.name, "demo-robot", 2),
        (unknown_host, &idle.name, "nowhere.invalid", 2),
        (right, &worker.name, "is busy with build #1", 1),
    ] {
        request.worker.clone_from(worker);
        let error = alice.build_create(&request).await.unwrap_err();
        let error = error.api().unwrap();
        let words = error.fields.first().map_or(&error.message, |field| &field.message);
        assert!(words.contains(part), "{words}");
        let given = &request.registry_credentials[0];
        let credentials = format!(
            "registry_credentials=[(\"{}\", \"{}\", \"{}\")]",
            given.host,
            given.username,
            given.password.expose()
        );
        let (name, tag) = (format!("name={}", request.name), format!("tag={}", request.tag));
        let args = [
            "build-container-image",
            "--worker",
            worker,
            "-p",
            &name,
            &tag,
            &credentials,
        ];
        let (exit, said) = prtcli(&cli, &args, "");
        assert!(exit == Some(code) && said.contains(words), "{words}: {exit:?} {said}");
        let typed = [
            ("worker", worker.as_str()),
            ("dockerfile_text", "FROM scratch\n"),
            ("name", &request.name),
            ("tag", &request.tag),
            ("push_image", "true"),
            ("registry_credentials[0][host]", &given.host),
            ("registry_credentials[0][username]", &given.username),
            ("registry_credentials[0][password]", given.password.expose()),
        ];
        let page = browser.submit("/builds/new", &typed).await;
        assert!(page.says(words), "{words}: {page:?}");
    }
    let builds = alice.builds(None, None, None, None).await.unwrap();
    assert_eq!(
        builds.iter().map(|build| build.number).collect::<Vec<_>>(),
        [slow.number],
        "no other was begun"
    );

    // What the running build reads stays: the form's files. A folder that prtcli sends is a context of its own.
    sh(
        &alice,
        &worker.name,
        "mkdir -p ~/build/cli/app && echo kept > ~/build/cli/app/mark",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("Dockerfile"), "FROM scratch\nCOPY data /\n").unwrap();
    fs::write(app.join("data"), vec![7; 64 * 1024 * 1024]).unwrap();
    let app = app.display().to_string();
    let tag = format!("{}:1", console.build_request(&worker.name, "x", "1").name);
    let (exit, said) = prtcli(&cli, &["build", &app, "--worker", &worker.name, "-t", &tag], "");
    assert!(
        exit == Some(1) && said.contains("is busy with build #1"),
        "{exit:?} {said}"
    );
    let left = sh(&alice, &worker.name, "cat ~/build/cli/app/mark ~/build/Dockerfile").await;
    assert_eq!(left.stdout, format!("kept\n{dockerfile}"));
}

#[tokio::test]
async fn workers_that_cannot_start() {
    let console = Console::start().await;
    console.allow_all().await;
    let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);
    let browser = Browser::login_with(&console, "admin", ADMIN_PASSWORD).await;
    let registry = registry();
    let private = format!("{}/practicusai/practicus-minimal:25.5.3-missing", registry.host);
    let wrong_password = WorkerConfig {
        worker_image: private.clone(),
        image_config: ImageConfig {
            repo_username: Some(registry.username.clone()),
            repo_password: Some("wrong".into()),
            ..ImageConfig::default()
        },
        ..plain_worker("X-Small")
    };
    let mut no_buildkit = builder_worker("Medium-restricted");
    no_buildkit.image_config.custom_builder_url = Some(WORKER_IMAGE.into());
    for (config, part, args) in [
        (
            wrong_password,
            "be pulled by demo-robot",
            vec![
                "--image",
                &private,
                "--size",
                "X-Small",
                "--repo-username",
                &registry.username,
                "--repo-password-stdin",
            ],
        ),
        (
            no_buildkit,
            "is no builder",
            vec![
                "--image",
                "practicus-minimal",
                "--size",
                "Medium-restricted",
                "--builder",
                "--custom-builder-url",
                WORKER_IMAGE,
            ],
        ),
    ] {
        let worker = console.admin.worker_create(&config).await.unwrap();
        let worker = console.admin.worker_wait(&worker.name, 60).await.unwrap();
        let words = worker.message.as_str();
        assert!(words.contains(part), "{words}");
        let (code, said) = prtcli(&cli, &[&["worker", "create"], args.as_slice()].concat(), "wrong");
        assert!(code == Some(1) && said.contains(words), "{words}: {code:?} {said}");
        let page = browser.page(&format!("/workers/{}", worker.name)).await;
        assert!(page.says(words), "{words}: {page:?}");
    }
    let end = TerminateRequest::default();
    for worker in console.admin.workers(true).await.unwrap() {
        console.admin.worker_terminate(&worker.name, &end).await.unwrap();
    }
    eventually("nothing is left of them", || async {
        console.engine_things().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_token_of_a_worker_that_is_gone() {
    // Workers get a token where they can reach the console; this one's is used from here.
    let console = Console::start_with(&[("PRT_WORKER_URL", "http://console.invalid")]).await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &plain_worker("X-Small")).await;
    let read = ExecRequest {
        command: ["sh", "-c", "cat \"$PRT_TOKEN_FILE\""].map(str::to_owned).to_vec(),
    };
    let token = alice
        .worker_exec(&worker.name, &read)
        .await
        .unwrap()
        .stdout
        .trim()
        .to_owned();
    let its = prt_client::Client::new(&console.url, Some(token.as_str().into())).unwrap();
    assert_eq!(its.me().await.unwrap().username, "alice");
    alice
        .worker_terminate(&worker.name, &TerminateRequest::default())
        .await
        .unwrap();
    let error = its.me().await.unwrap_err();
    let words = error.api().unwrap().message.clone();
    assert_eq!(words, "This API token is unknown, has ended or was revoked.");
    let out = Cli::nobody(&console)
        .command(&["worker", "list"])
        .env("PRT_URL", &console.url)
        .env("PRT_TOKEN", &token)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(3) && said.contains(&words), "{words}: {said}");
}

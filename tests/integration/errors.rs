//! The same refusal reads the same in every door.

use prt_types::workers::WorkerConfig;

use crate::helpers::{Cli, Console, USER_PASSWORD, plain_worker};

const IMAGE: &str = "registry.example.com/demo/x:1";

fn decode(html: &str) -> String {
    html.replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&amp;", "&")
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
    let out = cli
        .command(&["worker", "create", "--image", IMAGE, "--size", "X-Small"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(3), "{stderr}");
    assert!(stderr.starts_with(&format!("error: {golden}\n")), "{stderr}");

    // The console's form, as a browser without scripts sends it.
    let http = reqwest::Client::builder().cookie_store(true).build().unwrap();
    let page = form(
        &http,
        &console,
        "/login",
        &[("username", "alice"), ("password", USER_PASSWORD)],
    )
    .await;
    assert!(page.contains("Workers"), "{page}");
    let page = form(
        &http,
        &console,
        "/workers/new",
        &[("worker_image", IMAGE), ("worker_size", "X-Small")],
    )
    .await;
    assert!(decode(&page).contains(golden), "{}", decode(&page));
    assert!(page.contains(IMAGE), "what was typed is still there");
}

/// Reads the page's own form, fills in `values` and sends it; the page that comes back.
async fn form(http: &reqwest::Client, console: &Console, path: &str, values: &[(&str, &str)]) -> String {
    let url = format!("{}{path}", console.url);
    let page = http.get(&url).send().await.unwrap().text().await.unwrap();
    let main = page.split("<main").nth(1).unwrap_or(&page);
    let action = main
        .split("action=\"/_fn")
        .nth(1)
        .unwrap_or_else(|| panic!("no form in {page}"))
        .split('"')
        .next()
        .unwrap();
    let names: Vec<&str> = main
        .split("name=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let filled: Vec<(String, String)> = values
        .iter()
        .map(|(key, value)| {
            let name = names
                .iter()
                .find(|name| **name == *key || name.ends_with(&format!("[{key}]")));
            (
                (*name.unwrap_or_else(|| panic!("no field {key} in {names:?}"))).to_owned(),
                (*value).to_owned(),
            )
        })
        .collect();
    let answer = http
        .post(format!("{}/_fn{action}", console.url))
        .header("accept", "text/html")
        .header("sec-fetch-site", "same-origin")
        .header("referer", url)
        .form(&filled)
        .send()
        .await
        .unwrap();
    answer.text().await.unwrap()
}

/// Fields that do not go together, and values that cannot be: the same words by REST, command line and SDK's JSON.
#[tokio::test]
async fn wrong_worker_fields() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let cli = Cli::login(&console, "alice");
    let image = "practicus-minimal";
    let long = "x".repeat(32 * 1024);
    let (long_params, long_param) = (
        format!(r#"{{"additional_params":{{"a":"{long}"}}}}"#),
        format!("a={long}"),
    );
    for (json, args, field, words) in [
        (
            r#"{"image_config":{"builder":true,"builder_capacity":100}}"#,
            vec!["--builder", "--builder-capacity", "100"],
            "image_config.builder_capacity",
            "builder_capacity is a whole percentage from 1 to 99.",
        ),
        (
            r#"{"image_config":{"builder":true,"builder_capacity":"x"}}"#,
            vec!["--builder", "--builder-capacity", "x"],
            "image_config.builder_capacity",
            "builder_capacity is a whole percentage from 1 to 99.",
        ),
        (
            r#"{"image_config":{"builder":true,"builder_capacity":50.5}}"#,
            vec!["--builder", "--builder-capacity", "50.5"],
            "image_config.builder_capacity",
            "builder_capacity is a whole percentage from 1 to 99.",
        ),
        (
            r#"{"image_config":{"builder_capacity":60}}"#,
            vec!["--builder-capacity", "60"],
            "image_config.builder_capacity",
            "builder_capacity needs builder=True.",
        ),
        (
            r#"{"image_config":{"custom_builder_url":"r.io/b:1"}}"#,
            vec!["--custom-builder-url", "r.io/b:1"],
            "image_config.custom_builder_url",
            "custom_builder_url needs builder=True.",
        ),
        (
            r#"{"image_config":{"repo_username":"u"}}"#,
            vec!["--repo-username", "u"],
            "image_config.repo_password",
            "repo_username needs repo_password.",
        ),
        (
            r#"{"log_level":"LOUD"}"#,
            vec!["--log-level", "LOUD"],
            "log_level",
            "log_level is one of DEBUG, INFO, WARNING, ERROR, CRITICAL.",
        ),
        (
            r#"{"network_protocol":"https"}"#,
            vec!["--network-protocol", "https"],
            "network_protocol",
            "network_protocol must be http: workers are reached through the console, and its public address is http.",
        ),
        (
            r#"{"personal_secrets":["MINE"]}"#,
            vec!["--personal-secret", "MINE"],
            "personal_secrets",
            "There is no personal secret \"MINE\" that you may use. You may use none; they are kept in Infrastructure > Secrets.",
        ),
        (
            r#"{"shared_secrets":["OURS"]}"#,
            vec!["--shared-secret", "OURS"],
            "shared_secrets",
            "There is no shared secret \"OURS\" that you may use. You may use none; they are kept in Infrastructure > Secrets.",
        ),
        (
            r#"{"personal_secrets":["A"],"env_variables":{"A":"1"}}"#,
            vec!["--personal-secret", "A", "--env", "A=1"],
            "personal_secrets",
            "A is in env_variables, too; a variable has one value.",
        ),
        (
            long_params.as_str(),
            vec!["--additional-param", long_param.as_str()],
            "additional_params",
            "The parameters are longer than 32 KiB as JSON.",
        ),
    ] {
        let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
        value["worker_image"] = image.into();
        let config: WorkerConfig = serde_json::from_value(value).unwrap();
        let error = alice.worker_create(&config).await.unwrap_err();
        assert_eq!(error.api().unwrap().field(field), Some(words), "{error}");
        let out = cli
            .command(&[&["worker", "create", "--image", image], args.as_slice()].concat())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success() && stderr.contains(words), "{stderr}");
    }
    assert!(alice.workers(true).await.unwrap().is_empty(), "nothing was made");
}

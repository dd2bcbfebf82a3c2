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

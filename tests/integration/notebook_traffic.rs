//! What passes through to a notebook: much of it, as it is, and nothing of the console's.

use std::fs;

use prt_client::Client as Prt;
use prt_types::workers::NotebookRequest;
use reqwest::{Body, Client, Method, RequestBuilder, StatusCode, header, redirect::Policy};

use crate::helpers::{ADMIN_PASSWORD, Console, plain_worker, sh};

const MIB: usize = 1024 * 1024;
/// What a console may grow by while it hands bodies of this size on.
const BIG: usize = 256 * MIB;
const GROWTH: usize = 48 * MIB;

/// A browser that was let in.
struct Visitor {
    http: Client,
    origin: String,
    cookie: String,
}

impl Visitor {
    async fn enter(console: &Console, client: &Prt, worker: &str, dark_mode: bool) -> Self {
        let host = format!("{}.workers.localhost", worker.to_lowercase());
        let http = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .resolve(&host, console.url.strip_prefix("http://").unwrap().parse().unwrap())
            .build()
            .unwrap();
        let link = client
            .notebook_open(worker, &NotebookRequest { dark_mode })
            .await
            .unwrap();
        let entered = http.get(link.url).send().await.unwrap();
        let cookie = entered.headers()[header::SET_COOKIE].to_str().unwrap();
        Self {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            origin: console.url.replace("127.0.0.1", &host),
            http,
        }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.origin))
            .header(header::COOKIE, &self.cookie)
    }

    async fn theme(&self) -> String {
        let path = "/lab/api/settings/@jupyterlab/apputils-extension:themes";
        let answer = self.ask(Method::GET, path).send().await.unwrap();
        let settings: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        settings["settings"].to_string()
    }
}

/// Bytes of a process in memory.
fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn large_bodies_pass_through_both_ways_in_little_memory() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &plain_worker("Medium")).await;
    let visitor = Visitor::enter(&console, &alice, &worker.name, true).await;
    let made = sh(
        &alice,
        &worker.name,
        &format!("head -c {BIG} /dev/urandom >~/big && sha256sum <~/big"),
    )
    .await;

    let before = resident(console.pid());
    let mut most = before;
    let mut hash = <sha2::Sha256 as sha2::Digest>::new();
    let mut got = 0;
    let mut download = visitor.ask(Method::GET, "/files/big").send().await.unwrap();
    assert_eq!(download.status(), StatusCode::OK);
    while let Some(piece) = download.chunk().await.unwrap() {
        sha2::Digest::update(&mut hash, &piece);
        got += piece.len();
        if got % (16 * MIB) < piece.len() {
            most = most.max(resident(console.pid()));
        }
    }
    assert_eq!(got, BIG);
    assert_eq!(
        hex::encode(sha2::Digest::finalize(hash)),
        made.stdout.split(' ').next().unwrap()
    );
    assert!(
        most - before < GROWTH,
        "the console grew by {} MiB on a download",
        (most - before) / MIB
    );

    // One upload, as JupyterLab sends a file; Jupyter itself takes it as a whole, so it is a smaller one.
    let head: &[u8] = br#"{"type":"file","format":"text","content":""#;
    let piece = "0123456789abcdef".repeat(MIB / 16);
    let pieces = std::iter::once(head.to_vec())
        .chain(std::iter::repeat_n(piece.into_bytes(), 128))
        .chain([br#""}"#.to_vec()])
        .map(Ok::<_, std::io::Error>);
    let before = resident(console.pid());
    let upload = visitor
        .ask(Method::PUT, "/api/contents/up.txt")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::wrap_stream(futures::stream::iter(pieces)))
        .send();
    let watching = async {
        let mut most = before;
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            tick.tick().await;
            let now = resident(console.pid());
            if now > most {
                most = now;
                assert!(
                    most - before < GROWTH,
                    "the console grew by {} MiB on an upload",
                    (most - before) / MIB
                );
            }
        }
    };
    let uploaded = tokio::select! { answer = upload => answer.unwrap(), () = watching => unreachable!() };
    assert_eq!(uploaded.status(), StatusCode::CREATED);
    let size = sh(&alice, &worker.name, "stat -c %s ~/up.txt").await.stdout;
    assert_eq!(size.trim(), (128 * MIB).to_string());
}

#[tokio::test]
async fn a_download_breaks_off_when_its_visitor_logs_out() {
    let console = Console::start().await;
    let worker = console.worker(&console.admin, &plain_worker("X-Small")).await;
    let visitor = Visitor::enter(&console, &console.admin, &worker.name, true).await;
    sh(&console.admin, &worker.name, &format!("head -c {BIG} /dev/zero >~/big")).await;
    let mut download = visitor.ask(Method::GET, "/files/big").send().await.unwrap();
    let mut got = download.chunk().await.unwrap().unwrap().len();

    let http = Client::builder().no_proxy().cookie_store(true).build().unwrap();
    let admin = [("username", "admin"), ("password", ADMIN_PASSWORD)];
    for (call, form) in [("login", &admin[..]), ("log_out", &[])] {
        let post = http.post(format!("{}/_fn/{call}", console.url));
        let done = post
            .header(header::ORIGIN, &console.url)
            .form(form)
            .send()
            .await
            .unwrap();
        assert!(done.status().is_success(), "{call}: {}", done.status());
    }
    assert_eq!(
        visitor.ask(Method::GET, "/api/status").send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    // Slowly enough for the next look at who is there.
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    let broken = loop {
        tick.tick().await;
        match download.chunk().await {
            Ok(Some(piece)) => got += piece.len(),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(broken.is_some() && got < BIG, "all {got} bytes came");
}

#[tokio::test]
async fn the_theme_follows_the_link_and_pages_are_confined() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &plain_worker("X-Small")).await;

    // JupyterLab's own two themes follow the link; the user's other settings stay.
    let visitor = Visitor::enter(&console, &alice, &worker.name, true).await;
    assert_eq!(visitor.theme().await, r#"{"theme":"JupyterLab Dark"}"#);
    let settings = "~/.jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings";
    let kept = r#"{"theme":"JupyterLab Dark","theme-scrollbars":true}"#;
    sh(&alice, &worker.name, &format!("printf %s '{kept}' >{settings}")).await;
    let visitor = Visitor::enter(&console, &alice, &worker.name, false).await;
    assert_eq!(
        visitor.theme().await,
        r#"{"theme":"JupyterLab Light","theme-scrollbars":true}"#
    );

    // Another host's page can neither embed nor frame what is here.
    let lab = visitor.ask(Method::GET, "/lab").send().await.unwrap();
    assert_eq!(lab.headers()["cross-origin-resource-policy"], "same-origin");
    let policies = lab.headers().get_all(header::CONTENT_SECURITY_POLICY);
    assert!(policies.iter().any(|policy| policy == "frame-ancestors 'self'"));
}

#[tokio::test]
async fn a_request_that_shows_two_sessions_is_nobodys() {
    let console = Console::start().await;
    let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let login = http
        .post(format!("{}/_fn/login", console.url))
        .header(header::ORIGIN, &console.url)
        .form(&[("username", "admin"), ("password", ADMIN_PASSWORD)])
        .send()
        .await
        .unwrap();
    let cookie = login.headers()[header::SET_COOKIE].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap();
    assert!(cookie.starts_with("prt_session="), "{cookie}");
    let workers = async |cookies: String| {
        let get = http.get(format!("{}/api/v1/workers", console.url));
        get.header(header::COOKIE, cookies).send().await.unwrap().status()
    };
    assert_eq!(workers(cookie.to_owned()).await, StatusCode::OK);
    // As a notebook would set it for the whole domain, to make the visitor act as another user.
    assert_eq!(
        workers(format!("{cookie}; prt_session=tossed")).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        workers(format!("prt_session=tossed; {cookie}")).await,
        StatusCode::UNAUTHORIZED
    );
}

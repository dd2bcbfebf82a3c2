//! Planted faults: each is named truly, with its line in the Dockerfile and with advice that helps.
//!
//! One builder and one registry serve all; most faults need no container of their own.

mod builds;
mod starts;

use std::{fs, io::Write as _};

use prt_client::Client;
use prt_types::builds::{BuildReason, BuildRequest, BuildStatus};

use self::builds::{FILES, PULLS, PUSHES, STEPS};
use crate::helpers::{Console, FaultyRegistry, OwnRegistry, builder_worker};

/// A build that fails.
struct Planted {
    name: &'static str,
    /// `HOST` is the faulty registry, `CLOSED` an address where nothing listens, `TLS` a registry that nobody trusts.
    dockerfile: &'static str,
    /// Repository to push to.
    push: Option<&'static str>,
    options: &'static str,
    reason: BuildReason,
    /// 0 where no line is to blame.
    line: u32,
    /// What happened, in words that only this cause has.
    words: &'static str,
    /// What to do.
    advice: &'static str,
}

/// A console that knows the registry.
struct Site {
    console: Console,
    faulty: FaultyRegistry,
    tls: OwnRegistry,
    closed: String,
}

impl Site {
    async fn start() -> Self {
        let faulty = FaultyRegistry::start().await;
        let tls = OwnRegistry::tls().start().await;
        let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = closed.expect("a free port").port();
        let closed = format!("{}:{port}", faulty.host.split(':').next().expect("an address"));
        let mut console = Console::start().await;
        console.kill();
        let config = console.folder.path().join("console.toml");
        let mut config = fs::OpenOptions::new()
            .append(true)
            .open(config)
            .expect("the configuration");
        writeln!(config, "[registries.\"{}\"]\nhttp = true", faulty.host).expect("it can be written");
        console.run().await;
        Self {
            console,
            faulty,
            tls,
            closed,
        }
    }

    fn text(&self, text: &str) -> String {
        text.replace("OK", &format!("{}/ok/base:1", self.faulty.host))
            .replace("HOST", &self.faulty.host)
            .replace("CLOSED", &self.closed)
            .replace("TLS", &self.tls.host)
    }

    fn request(&self, worker: &str, push: Option<&str>) -> BuildRequest {
        BuildRequest {
            name: format!("{}/{}", self.faulty.host, push.unwrap_or("ok/result")),
            push_image: push.is_some(),
            registry_credentials: vec![],
            ..self.console.build_request(worker, "x", "1")
        }
    }

    /// Reason and message; a build that is refused at the check has no reason of its own.
    async fn run(&self, user: &Client, worker: &str, planted: &Planted) -> (Option<BuildReason>, String) {
        self.console
            .dockerfile(user, worker, &self.text(planted.dockerfile))
            .await;
        let request = BuildRequest {
            additional_build_params: planted.options.into(),
            ..self.request(worker, planted.push)
        };
        match user.build_create(&request).await {
            Ok(started) => {
                let build = self.console.build_end(user, started.number).await;
                assert_eq!(build.status, BuildStatus::Failed, "{}: {}", planted.name, build.message);
                (build.reason, build.message)
            }
            Err(error) => {
                let api = error.api().unwrap_or_else(|| panic!("{}: {error}", planted.name));
                let words = ["name", "registry_credentials"]
                    .iter()
                    .find_map(|field| api.field(field));
                (
                    None,
                    words.unwrap_or_else(|| panic!("{}: {api:?}", planted.name)).to_owned(),
                )
            }
        }
    }
}

/// Counts what was named and advised rightly, and tells what was not.
#[derive(Default)]
struct Score {
    all: usize,
    named: usize,
    advised: usize,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, name: &str, named: bool, advised: bool, told: &str) {
        self.all += 1;
        self.named += usize::from(named);
        self.advised += usize::from(advised);
        if !(named && advised) {
            self.wrong.push(format!("{name}: {told}"));
        }
    }

    fn end(self, what: &str) {
        let Self {
            all,
            named,
            advised,
            wrong,
            ..
        } = self;
        let line = format!("{what}: {named} of {all} planted faults named rightly, {advised} with the right advice");
        std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes()).unwrap();
        assert!(
            wrong.is_empty(),
            "{what}, {named} and {advised} of {all}:\n{}",
            wrong.join("\n")
        );
    }
}

async fn builds(planted: &[&[Planted]], what: &str) {
    let site = Site::start().await;
    let user = site.console.user("alice", &[]).await;
    let worker = site.console.worker(&user, &builder_worker("Small")).await.name;
    let mut score = Score::default();
    for planted in planted.iter().copied().flatten() {
        let (reason, message) = site.run(&user, &worker, planted).await;
        // The check names what the registry refuses before the build.
        let reason_named = reason.is_none_or(|reason| reason == planted.reason);
        let line_named = planted.line == 0 || message.contains(&format!("line {}", planted.line));
        let named = reason_named && line_named && message.contains(planted.words);
        let advised = message.contains(planted.advice);
        score.add(planted.name, named, advised, &format!("{reason:?}: {message}"));
    }
    score.end(what);
}

#[tokio::test]
async fn failures_of_steps_and_dockerfiles_are_named_truly() {
    builds(&[STEPS, FILES], "steps and Dockerfiles").await;
}

#[tokio::test]
async fn failures_of_registries_are_named_truly() {
    builds(&[PULLS, PUSHES], "pulls and pushes").await;
}

#[tokio::test]
async fn a_check_that_learns_nothing_lets_the_build_go() {
    let site = Site::start().await;
    let user = site.console.user("alice", &[]).await;
    let worker = site.console.worker(&user, &builder_worker("Small")).await.name;
    site.console
        .dockerfile(&user, &worker, "FROM scratch\nCOPY Dockerfile /\n")
        .await;
    for repository in ["slow-2/a", "once-429/a", "once-503/a"] {
        let request = site.request(&worker, Some(repository));
        let build = user
            .build_create(&request)
            .await
            .unwrap_or_else(|error| panic!("{repository}: {error:?}"));
        let build = site.console.build_end(&user, build.number).await;
        assert_eq!(build.status, BuildStatus::Succeeded, "{repository}: {}", build.message);
    }
}

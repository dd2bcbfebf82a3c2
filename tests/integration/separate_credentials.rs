//! Several logins for one registry in one build, at a registry that tells accounts apart.

use std::{fs, io::Write as _};

use futures::TryStreamExt as _;
use prt_client::{Client, ClientError};
use prt_types::{
    build_events::{BuildEvent, Step, StepState},
    builds::{
        BuildReason, BuildRequest, BuildStatus, BuildView, CredentialUse, CredentialView, RegistryCredential,
        RerunRequest,
    },
    registry_credentials::RegistryCredentialInput,
};

use crate::helpers::{Account, Asks, Cli, Console, Gate, builder_worker, eventually};

const PULL: Option<CredentialUse> = Some(CredentialUse::Pull);
const PUSH: Option<CredentialUse> = Some(CredentialUse::Push);

/// A console that knows the registry, a user and their builder.
struct Site {
    console: Console,
    gate: Gate,
    alice: Client,
    worker: String,
}

impl Site {
    /// Ada may pull `base/`, bob `tools/`, and eve pull from and push to `team/`.
    async fn start() -> Self {
        Self::at_one_that(Asks::Password).await
    }

    async fn at_one_that(asks: Asks) -> Self {
        let accounts = vec![
            Account::reader("ada", "base/"),
            Account::reader("bob", "tools/"),
            Account::writer("eve", "team/"),
        ];
        let gate = Gate::start(asks, accounts).await;
        gate.registry.push_busybox("base/bb", "1").await;
        gate.registry
            .push_files("tools/t", "1", &[("tool.txt", b"a tool")])
            .await;
        let mut console = Console::start().await;
        console.kill();
        let mut config = fs::OpenOptions::new()
            .append(true)
            .open(console.folder.path().join("console.toml"))
            .unwrap();
        writeln!(config, "[registries.\"{}\"]\nhttp = true", gate.host).unwrap();
        console.run().await;
        let alice = console.user("alice", &[]).await;
        let worker = console.worker(&alice, &builder_worker("Small")).await.name;
        Self {
            console,
            gate,
            alice,
            worker,
        }
    }

    async fn dockerfile(&self, text: &str) {
        let text = text.replace("HOST", &self.gate.host);
        self.console.dockerfile(&self.alice, &self.worker, &text).await;
    }

    fn request(&self, logins: Vec<RegistryCredential>) -> BuildRequest {
        BuildRequest {
            name: format!("{}/team/app", self.gate.host),
            registry_credentials: logins,
            ..self.console.build_request(&self.worker, "app", "1")
        }
    }

    fn three(&self) -> Vec<RegistryCredential> {
        vec![
            self.gate.login("ada", "/base", PULL),
            self.gate.login("bob", "/tools", None),
            self.gate.login("eve", "", PUSH),
        ]
    }

    async fn build(&self, request: &BuildRequest) -> BuildView {
        self.gate.asked();
        let started = self.alice.build_create(request).await.expect("the build starts");
        self.console.build_end(&self.alice, started.number).await
    }

    /// The steps as they were at last.
    async fn steps(&self, number: i64) -> Vec<Step> {
        let mut steps: Vec<Step> = vec![];
        for record in self.alice.build_records(number, 0, None).await.unwrap() {
            let BuildEvent::Step(step) = record.event else { continue };
            steps.retain(|known| known.step != step.step);
            steps.push(step);
        }
        steps.sort_by_key(|step| step.step);
        steps
    }

    async fn log(&self, number: i64) -> String {
        let pieces: Vec<_> = self.alice.build_log(number).await.unwrap().try_collect().await.unwrap();
        String::from_utf8(pieces.concat()).unwrap()
    }

    fn refused(error: &ClientError) -> String {
        let error = error.api().expect("an answer of the console");
        error
            .field("registry_credentials")
            .unwrap_or_else(|| panic!("{error:?}"))
            .to_owned()
    }
}

const BOTH: &str = "FROM HOST/base/bb:1 AS base\nRUN date > /made\nFROM base\nCOPY --from=HOST/tools/t:1 /tool.txt /\nRUN cat /tool.txt\n";

/// Each account asked for its own repositories, and besides them for nothing but these paths.
fn each_asked_for_their_own(asked: &[String], besides: &[&str]) {
    for (user, path) in [("ada", "/v2/base/"), ("bob", "/v2/tools/"), ("eve", "/v2/team/")] {
        let theirs: Vec<&str> = asked
            .iter()
            .filter(|line| line.contains(&format!(" {user} ")))
            .filter_map(|line| line.split(' ').next_back())
            .collect();
        assert!(
            theirs.iter().any(|asked| asked.starts_with(path))
                && theirs
                    .iter()
                    .all(|asked| asked.starts_with(path) || besides.contains(asked)),
            "{user}: {theirs:#?}"
        );
    }
}

#[tokio::test]
async fn one_build_takes_three_accounts_of_one_registry() {
    let site = Site::start().await;
    site.dockerfile(BOTH).await;
    let build = site.build(&site.request(site.three())).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);

    // Who asked what: nobody for anything that is not theirs, so nothing is refused to anybody.
    let asked = site.gate.asked();
    assert!(!asked.iter().any(|line| line.starts_with("403")), "{asked:#?}");
    each_asked_for_their_own(&asked, &["/v2/"]);
    let steps = site.steps(build.number).await;
    let pulls: Vec<String> = steps
        .iter()
        .filter(|step| step.name.starts_with("[pull]"))
        .map(|step| step.name.clone())
        .collect();
    let host = &site.gate.host;
    let mut sorted = pulls.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            format!("[pull] {host}/base/bb:1 as ada"),
            format!("[pull] {host}/tools/t:1 as bob")
        ]
    );
    assert!(
        steps
            .iter()
            .all(|step| matches!(step.state, StepState::Done | StepState::Cached)),
        "{steps:#?}"
    );
    let log = site.log(build.number).await;
    assert!(log.contains("a tool") && !log.contains("denied"), "{log}");

    // What it used is recorded, and no password anywhere.
    let used: Vec<String> = build.credentials.iter().map(CredentialView::text).collect();
    assert_eq!(
        used,
        [
            format!("ada at {host}/base, for pulls"),
            format!("bob at {host}/tools"),
            format!("eve at {host}, for the push")
        ]
    );
    let records = format!("{log}{:?}", site.console.admin.audit(None, None).await.unwrap());
    for login in site.three() {
        assert!(!records.contains(login.password.expose()));
    }

    // The same again asks for manifests only, and needs the same logins.
    let missing = site
        .alice
        .build_rerun(build.number, &RerunRequest::default())
        .await
        .unwrap_err();
    assert!(
        Site::refused(&missing).contains(&format!("pulls from {host}/base, {host}/tools, the push to {host}")),
        "{missing}"
    );
    site.gate.asked();
    let again = RerunRequest {
        registry_credentials: site.three(),
        ..RerunRequest::default()
    };
    let again = site.alice.build_rerun(build.number, &again).await.unwrap();
    let again = site.console.build_end(&site.alice, again.number).await;
    assert_eq!(
        (again.status, &again.digest),
        (BuildStatus::Succeeded, &build.digest),
        "{}",
        again.message
    );
    let blobs: Vec<String> = site
        .gate
        .asked()
        .into_iter()
        .filter(|line| line.contains(" GET ") && line.contains("/blobs/"))
        .collect();
    assert_eq!(blobs, Vec::<String>::new());
}

#[tokio::test]
async fn a_registry_that_gives_tokens_is_taken_the_same_way() {
    let site = Site::at_one_that(Asks::Token).await;
    site.dockerfile(BOTH).await;
    let build = site.build(&site.request(site.three())).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    let asked = site.gate.asked();
    each_asked_for_their_own(&asked, &["/v2/", "/token"]);
    for user in ["ada", "bob", "eve"] {
        assert!(asked.contains(&format!("200 {user} GET /token")), "{asked:#?}");
    }

    // Tokens that do not cover the image, in a builder that has nothing yet.
    let other = site.console.worker(&site.alice, &builder_worker("Small")).await.name;
    let text = BOTH.replace("HOST", &site.gate.host);
    site.console.dockerfile(&site.alice, &other, &text).await;
    let mut logins = site.three();
    logins[0] = site.gate.login("bob", "/base", PULL);
    let request = BuildRequest {
        worker: other,
        ..site.request(logins)
    };
    let denied = site.build(&request).await;
    assert_eq!(denied.reason, Some(BuildReason::PullDenied), "{}", denied.message);
    assert!(
        denied.message.contains("base/bb:1 be pulled by bob"),
        "{}",
        denied.message
    );
}

#[tokio::test]
async fn what_is_wrong_with_one_of_them_is_said_of_that_one() {
    let site = Site::start().await;
    site.dockerfile(BOTH).await;
    let host = &site.gate.host;
    // A wrong password, for pulls and for the push: before the build.
    for at in [0, 2] {
        let mut logins = site.three();
        logins[at].password = "wrong-canary".into();
        let user = logins[at].username.clone();
        let error = site.alice.build_create(&site.request(logins)).await.unwrap_err();
        let message = Site::refused(&error);
        assert!(message.contains(&user) && message.contains(host.as_str()), "{message}");
    }
    // Eve's right to push is looked at with eve's login, and not with one that is for pulls.
    let mut logins = site.three();
    logins[2] = site.gate.login("bob", "", PUSH);
    let message = Site::refused(&site.alice.build_create(&site.request(logins)).await.unwrap_err());
    assert!(message.contains("bob") && message.contains("team/app"), "{message}");
    // Two for the same.
    let mut logins = site.three();
    logins.push(site.gate.login("bob", "", PUSH));
    let message = Site::refused(&site.alice.build_create(&site.request(logins)).await.unwrap_err());
    assert_eq!(
        message,
        format!("There are two logins for the push to {host}; one is enough.")
    );
    assert!(
        site.alice.builds(None, None, None, None).await.unwrap().is_empty(),
        "nothing was started"
    );

    // A login that is known and may not pull.
    let mut logins = site.three();
    logins[1] = site.gate.login("ada", "/tools", None);
    let build = site.build(&site.request(logins)).await;
    assert_eq!(
        (build.status, build.reason),
        (BuildStatus::Failed, Some(BuildReason::PullDenied)),
        "{}",
        build.message
    );
    let wanted = format!("refused to let {host}/tools/t:1 be pulled by ada (Dockerfile, line 4)");
    assert!(build.message.contains(&wanted), "{}", build.message);
    assert!(build.step.unwrap().ends_with("tools/t:1 as ada"));
}

#[tokio::test]
async fn the_seeds_three_steps_work_with_accounts_that_differ() {
    let site = Site::start().await;
    site.dockerfile("FROM HOST/base/bb:1\nRUN date > /made\n").await;
    let first = BuildRequest {
        push_image: false,
        ..site.request(vec![site.gate.login("ada", "", None)])
    };
    let first = site.build(&first).await;
    assert_eq!(first.status, BuildStatus::Succeeded, "{}", first.message);

    let second = site.build(&site.request(vec![site.gate.login("eve", "", None)])).await;
    assert_eq!(second.status, BuildStatus::Succeeded, "{}", second.message);
    let asked = site.gate.asked();
    assert!(
        !asked
            .iter()
            .any(|line| line.contains(" GET ") && line.contains("/blobs/")),
        "{asked:#?}"
    );
    assert!(!asked.iter().any(|line| line.contains(" ada ")), "{asked:#?}");
    let steps = site.steps(second.number).await;
    let made = steps.iter().find(|step| step.name.contains("RUN date")).unwrap();
    assert_eq!(made.state, StepState::Cached, "{steps:#?}");
    let log = site.log(second.number).await;
    assert!(
        log.contains("Refused to eve; taken as an earlier build of this worker pulled it: sha256:"),
        "{log}"
    );
    assert!(site.gate.registry.digest("team/app", "1").await.is_some());

    // What no build has pulled stays closed.
    site.dockerfile("FROM HOST/tools/t:1\nCOPY Dockerfile /\n").await;
    let third = site.build(&site.request(vec![site.gate.login("eve", "", None)])).await;
    assert_eq!(third.reason, Some(BuildReason::PullDenied), "{}", third.message);
}

// More than one thread, because the registry answers while `prtcli` is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_ones_and_the_command_line_do_as_well() {
    let site = Site::start().await;
    site.dockerfile(BOTH).await;
    for (name, user) in [("reader", "ada"), ("tools", "bob"), ("writer", "eve")] {
        let login = site.gate.login(user, "", None);
        let input = RegistryCredentialInput {
            name: name.into(),
            host: login.host,
            username: login.username,
            password: Some(login.password),
            ..RegistryCredentialInput::default()
        };
        site.alice.registry_credential_create(&input).await.unwrap();
    }
    let names = ["reader:pull", "tools/tools", "writer:push"].map(str::to_owned);
    let request = BuildRequest {
        registry_secrets: names.to_vec(),
        ..site.request(vec![])
    };
    let wrong = BuildRequest {
        registry_secrets: vec!["writer:both".into()],
        ..request.clone()
    };
    let error = site.alice.build_create(&wrong).await.unwrap_err();
    let said = error.api().unwrap().field("registry_secrets").unwrap().to_owned();
    assert_eq!(said, "\"writer:both\": after the colon stands pull or push.");
    let build = site.build(&request).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    let kept: Vec<_> = build
        .credentials
        .iter()
        .map(|login| login.secret_name.clone().unwrap())
        .collect();
    assert_eq!(kept, ["reader", "tools", "writer"]);
    // Again, by the same names and for the same.
    let again = site
        .alice
        .build_rerun(build.number, &RerunRequest::default())
        .await
        .unwrap();
    assert_eq!(again.credentials, build.credentials);
    let again = site.console.build_end(&site.alice, again.number).await;
    assert_eq!(again.status, BuildStatus::Succeeded, "{}", again.message);

    let host = &site.gate.host;
    let cli = Cli::login(&site.console, "alice");
    let [ada, bob, eve] = &site.three()[..] else {
        unreachable!()
    };
    let list = format!(
        "registry_credentials=[('{host}/base', 'ada', '{}', 'pull'), ('{host}/tools', 'bob', '{}'), \
         {{'host': '{host}', 'username': 'eve', 'password': '{}', 'only': 'push'}}]",
        ada.password.expose(),
        bob.password.expose(),
        eve.password.expose()
    );
    let name = format!("name={host}/team/cli");
    let worker = format!("worker={}", site.worker);
    let out = cli
        .command(&["build-container-image", "-p", &name, "tag=1", &worker, &list])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(
        said.contains("as ada") && !said.contains(ada.password.expose()),
        "{said}"
    );
    assert!(site.gate.registry.digest("team/cli", "1").await.is_some());
}

#[tokio::test]
async fn a_console_that_is_killed_meanwhile_goes_on_reading() {
    let mut site = Site::start().await;
    site.dockerfile(&BOTH.replace("RUN cat /tool.txt", "RUN sleep 3; cat /tool.txt"))
        .await;
    let started = site.alice.build_create(&site.request(site.three())).await.unwrap();
    eventually("it is at work", || async {
        site.alice
            .build(started.number)
            .await
            .unwrap()
            .steps
            .gt(&0)
            .then_some(())
    })
    .await;
    site.console.kill();
    site.console.run().await;
    let build = site.console.build_end(&site.alice, started.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    let log = site.log(build.number).await;
    assert_eq!(log.matches("a tool").count(), 1, "{log}");
    assert_eq!(log.matches("as ada").count(), log.matches("as bob").count(), "{log}");
}

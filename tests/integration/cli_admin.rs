//! What an admin does by `prtcli`, and what comes of it in the console.

use std::fs;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Uri, header},
    response::Response,
};
use prt_types::{
    ErrorCode,
    build_config::{BuildConfigLint, BuildConfigMode, BuildConfigState, BuildConfigView},
    builders::{BuilderCache, BuildersView, Preflight, PrunedCache},
    builds::BuildStatus,
    certificates::CertificatesView,
    registry_credentials::{CredentialScope, CredentialTest, RegistryCredentialView},
    security_contexts::{SeccompProfile, SecurityContext, SecurityContextView, SecurityRights},
    worker_sizes::{WorkerSizeDetail, WorkerSizeView},
    workers::NotebookLink,
};
use reqwest::{StatusCode, redirect::Policy};
use serde::de::DeserializeOwned;

use crate::helpers::{ADMIN_PASSWORD, Authority, Cli, Console, builder_worker, registry, shell_image};

/// What a call prints that has to work.
fn done(cli: &Cli, args: &[&str], input: &str) -> String {
    let out = cli.run(args, input);
    assert!(out.status.success(), "{args:?}: {out:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// The same as JSON.
fn json<T: DeserializeOwned>(cli: &Cli, args: &[&str], input: &str) -> T {
    let text = done(cli, &[args, &["--output", "json"]].concat(), input);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
}

/// A call that ends with this exit code, and says these words on standard error.
fn refused(cli: &Cli, args: &[&str], input: &str, code: i32, words: &str) {
    let out = cli.run(args, input);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
    assert!(said.contains(words), "{args:?}: {said}");
}

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    let console = Console::start().await;
    console.user("alice", &[]).await;
    let alice = Cli::login(&console, "alice");
    for args in [
        ["size", "show", "Small"],
        ["security-context", "show", "Default"],
        ["certificates", "inject", "off"],
    ] {
        refused(&alice, &args, "", 3, "error: ");
    }
    let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);
    sizes(&console, &cli).await;
    contexts(&console, &cli).await;
    credentials(&console, &cli).await;
    certificates(&console, &cli).await;
    builders(&console, &cli).await;
}

async fn sizes(console: &Console, cli: &Cli) {
    let all = async || console.admin.worker_sizes_all().await.unwrap();
    let made: WorkerSizeDetail = json(
        cli,
        &[
            "size",
            "create",
            "team",
            "--cpu",
            "0.5",
            "--cpu-net",
            "450",
            "--memory",
            "1",
            "--memory-net",
            "960",
            "--node-selector",
            "disk=ssd",
            "--security-context",
            "Restricted",
            "--user",
            "alice",
        ],
        "",
    );
    assert_eq!((made.size.cpu_millis, made.size.cpu_net_millis), (500, 450));
    assert_eq!((made.size.memory_mib, made.size.memory_net_mib), (1024, 960));
    assert_eq!(made.size.node_selector["disk"], "ssd");
    assert_eq!(made.size.security_context, SecurityContext::Restricted);
    assert_eq!(made.users, ["alice"]);
    assert!(all().await.contains(&made));
    let listed: Vec<WorkerSizeView> = json(cli, &["size", "list", "--all"], "");
    assert!(listed.contains(&made.size), "{listed:?}");
    let own: Vec<WorkerSizeView> = json(cli, &["size", "list"], "");
    assert!(!own.is_empty() && !own.contains(&made.size), "it is alice's: {own:?}");

    let args = ["size", "update", "team", "--memory", "1.5", "--group", "Everyone"];
    let changed: WorkerSizeDetail = json(cli, &[&args, ["--rename", "crew"].as_slice()].concat(), "");
    let wanted = WorkerSizeDetail {
        size: WorkerSizeView {
            name: "crew".into(),
            memory_mib: 1536,
            ..made.size.clone()
        },
        groups: vec!["Everyone".into()],
        revision: made.revision + 1,
        updated_ms: changed.updated_ms,
        ..made
    };
    assert_eq!(changed, wanted);
    assert!(all().await.contains(&changed));
    let shown: WorkerSizeDetail = json(cli, &["size", "show", "crew"], "");
    assert_eq!(shown, changed);
    let own: Vec<WorkerSizeView> = json(cli, &["size", "list"], "");
    assert!(own.contains(&changed.size), "it is everyone's: {own:?}");

    let copy: WorkerSizeDetail = json(cli, &["size", "clone", "crew", "twin"], "");
    let wanted = WorkerSizeView {
        id: copy.size.id,
        name: "twin".into(),
        ..changed.size.clone()
    };
    assert_eq!(copy.size, wanted);
    assert!(copy.users.is_empty() && copy.groups.is_empty(), "{copy:?}");
    assert_eq!(done(cli, &["size", "delete", "crew"], ""), "crew is deleted\n");
    let left = all().await;
    assert!(left.contains(&copy), "{left:?}");
    assert!(left.iter().all(|one| one.size.id != changed.size.id), "{left:?}");
    refused(cli, &["size", "show", "crew"], "", 1, "there is no worker size crew");
}

async fn contexts(console: &Console, cli: &Cli) {
    let admin = &console.admin;
    let made: SecurityContextView = json(
        cli,
        &[
            "security-context",
            "create",
            "hardened",
            "--description",
            "For jobs",
            "--run-as-user",
            "1000",
            "--run-as-non-root",
            "--read-only-root",
            "--cap-add",
            "NET_BIND_SERVICE",
            "--cap-drop",
            "ALL",
            "--seccomp",
            "Unconfined",
        ],
        "",
    );
    let rights = SecurityRights {
        run_as_user: Some(1000),
        run_as_non_root: true,
        read_only_root: true,
        add_capabilities: vec!["NET_BIND_SERVICE".into()],
        drop_capabilities: vec!["ALL".into()],
        seccomp: SeccompProfile::Unconfined,
        allow_privilege_escalation: false,
        privileged: false,
    };
    assert_eq!(
        (&made.rights, &*made.description, made.revision),
        (&rights, "For jobs", 1)
    );
    assert_eq!(admin.security_context("hardened").await.unwrap(), made);
    let listed: Vec<SecurityContextView> = json(cli, &["security-context", "list"], "");
    assert!(listed.contains(&made), "{listed:?}");
    assert_eq!(listed, admin.security_contexts().await.unwrap());

    let update = ["security-context", "update", "hardened"];
    let updated = |args: &[&str]| -> SecurityContextView { json(cli, &[&update, args].concat(), "") };
    let softer = updated(&["--read-only-root=false", "--cap-add="]);
    let rights = SecurityRights {
        read_only_root: false,
        add_capabilities: vec![],
        ..rights
    };
    assert_eq!(
        (&softer.rights, &*softer.description, softer.revision),
        (&rights, "For jobs", 2)
    );
    let softer = updated(&["--run-as-user=", "--run-as-non-root=false", "--revision", "2"]);
    let rights = SecurityRights {
        run_as_user: None,
        run_as_non_root: false,
        ..rights
    };
    assert_eq!(
        (&softer.rights, &*softer.description, softer.revision),
        (&rights, "For jobs", 3)
    );

    for (args, code, words) in [
        (
            ["--description", "Too late", "--revision=2"],
            1,
            "Somebody else changed this security context",
        ),
        (
            ["--privileged", "--allow-privilege-escalation", "--cap-drop="],
            2,
            "confirm_privileged: hardened is privileged",
        ),
    ] {
        refused(cli, &[update, args].concat(), "", code, words);
    }
    let built_in = ["security-context", "update", "Default", "--description", "x"];
    refused(cli, &built_in, "", 1, "is built in");
    let shown: SecurityContextView = json(cli, &["security-context", "show", "hardened"], "");
    assert_eq!(shown, softer, "nothing was changed");
    assert_eq!(admin.security_context("hardened").await.unwrap(), softer);

    let all = updated(&[
        "--privileged",
        "--allow-privilege-escalation",
        "--cap-drop=",
        "--confirm-privileged",
    ]);
    let privileged = SecurityRights {
        drop_capabilities: vec![],
        allow_privilege_escalation: true,
        privileged: true,
        ..rights
    };
    assert_eq!(all.rights, privileged);
    let again = updated(&["--privileged=false"]);
    let rights = SecurityRights {
        privileged: false,
        ..privileged
    };
    assert_eq!(again.rights, rights);
    assert_eq!(admin.security_context("hardened").await.unwrap(), again);
    assert_eq!(
        done(cli, &["security-context", "delete", "hardened"], ""),
        "hardened is deleted\n"
    );
    let gone = admin.security_context("hardened").await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NotFound));
}

async fn credentials(console: &Console, cli: &Cli) {
    let kept = async || console.admin.registry_credentials().await.unwrap();
    let registry = registry();
    let made: RegistryCredentialView = json(
        cli,
        &[
            "credential",
            "create",
            "robot",
            "--registry",
            &registry.host,
            "--username",
            &registry.username,
            "--for-user",
            "alice",
            "--expires",
            "2099-01-31",
        ],
        "wrong",
    );
    assert_eq!((made.scope, &*made.owner), (CredentialScope::User, "alice"));
    assert_eq!((&made.host, &made.username), (&registry.host, &registry.username));
    assert!(made.expires_ms.is_some() && !made.usable, "{made:?}");
    assert_eq!(kept().await, std::slice::from_ref(&made));
    for words in [
        "password is not right",
        "hint: `prtcli credential update robot --password-stdin`",
    ] {
        refused(cli, &["credential", "test", "robot"], "", 1, words);
    }

    let args = ["credential", "update", "robot", "--password-stdin"];
    let changed: RegistryCredentialView = json(cli, &args, &format!("{}\n", registry.password));
    let wanted = RegistryCredentialView {
        revision: made.revision + 1,
        updated_ms: changed.updated_ms,
        ..made
    };
    assert_eq!(changed, wanted);
    let test: CredentialTest = json(cli, &["credential", "test", "robot"], "");
    assert!(test.ok, "it is the new password: {}", test.message);

    let args = ["credential", "update", "robot", "--rename", "crew-robot", "--everyone"];
    let changed: RegistryCredentialView = json(cli, &[&args, ["--expires="].as_slice()].concat(), "");
    let wanted = RegistryCredentialView {
        name: "crew-robot".into(),
        scope: CredentialScope::Everyone,
        owner: String::new(),
        expires_ms: None,
        usable: true,
        revision: wanted.revision + 1,
        updated_ms: changed.updated_ms,
        ..wanted
    };
    assert_eq!(changed, wanted);
    assert_eq!(
        done(cli, &["credential", "test", "crew-robot"], ""),
        format!("The registry {} let {} in.\n", registry.host, registry.username),
        "the password stayed"
    );
    let elsewhere = ["credential", "update", "crew-robot", "--registry", "h.example.com"];
    refused(cli, &elsewhere, "", 2, "The stored password is for");
    let moved: RegistryCredentialView = json(cli, &[&elsewhere, ["--password-stdin"].as_slice()].concat(), "p");
    assert_eq!((&*moved.host, moved.username), ("h.example.com", registry.username));
    let listed: Vec<RegistryCredentialView> = json(cli, &["credential", "list"], "");
    assert_eq!(&*listed[0].host, "h.example.com");
    assert_eq!(kept().await, listed);

    assert_eq!(
        done(cli, &["credential", "delete", "crew-robot"], ""),
        "crew-robot is deleted\n"
    );
    assert_eq!(kept().await, []);
    refused(cli, &elsewhere, "", 1, "there is no registry credential crew-robot");
}

async fn certificates(console: &Console, cli: &Cli) {
    let admin = &console.admin;
    refused(cli, &["certificates", "inject", "on"], "", 2, "Add the bundle first");
    let file = console.folder.path().join("bundle.pem");
    fs::write(&file, Authority::new("Corp Root CA").pem()).unwrap();
    let set: CertificatesView = json(cli, &["certificates", "set", file.to_str().unwrap()], "");
    assert_eq!((set.revision, set.inject, set.certificates.len()), (1, false, 1));
    assert!(set.certificates[0].subject.contains("Corp Root CA"), "{set:?}");
    assert_eq!(admin.certificates().await.unwrap(), set);

    let on: CertificatesView = json(cli, &["certificates", "inject", "on"], "");
    assert_eq!((on.revision, on.inject, &on.pem), (2, true, &set.pem));
    assert_eq!(admin.certificates().await.unwrap(), on);
    let off: CertificatesView = json(cli, &["certificates", "inject", "off"], "");
    assert_eq!((off.revision, off.inject, &off.pem), (3, false, &set.pem));

    let other = Authority::new("Other Root CA").pem();
    let set: CertificatesView = json(cli, &["certificates", "set", "-", "--inject"], &other);
    assert_eq!((set.revision, set.inject, set.certificates.len()), (4, true, 1));
    assert!(set.certificates[0].subject.contains("Other Root CA"), "{set:?}");
    let shown: CertificatesView = json(cli, &["certificates", "show"], "");
    assert_eq!(shown, set);
    assert_eq!(admin.certificates().await.unwrap(), set);
    assert_eq!(done(cli, &["certificates", "show", "--pem"], ""), set.pem);

    let removed: CertificatesView = json(cli, &["certificates", "remove"], "");
    assert_eq!((removed.revision, removed.inject, &*removed.pem), (5, false, ""));
    assert_eq!(admin.certificates().await.unwrap(), removed);
    refused(cli, &["certificates", "remove"], "", 1, "certificate bundle");
}

async fn builders(console: &Console, cli: &Cli) {
    let admin = &console.admin;
    let before: BuildersView = json(cli, &["builders", "show"], "");
    assert_eq!(before.preflight, None);
    assert_eq!(admin.builders().await.unwrap(), before);
    let shown = done(cli, &["builders", "show"], "");
    assert!(
        shown.contains(&before.restricted_image) && shown.contains("The host was not checked"),
        "{shown}"
    );
    let found: Preflight = json(cli, &["builders", "check"], "");
    assert!(found.ok && found.image == before.restricted_image, "{found:#?}");
    let shown = done(cli, &["builders", "show"], "");
    assert!(shown.contains(&found.summary), "{shown}");
    assert_eq!(admin.builders().await.unwrap().preflight, Some(found));
}

#[tokio::test]
async fn a_builder_worker_is_looked_after() {
    let console = Console::start().await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await.name;
    let name = worker.as_str();
    let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);

    let shown: BuildConfigView = json(&cli, &["worker", "build-config", "show", name], "");
    assert_eq!((shown.mode, shown.revision), (BuildConfigMode::Default, 0));
    assert_eq!(admin.build_config(name).await.unwrap(), shown);
    let text = "[worker.oci]\n  max-parallelism = 3\n";
    let lint = ["worker", "build-config", "lint", "-"];
    let right: BuildConfigLint = json(&cli, &[&lint, ["--worker", name].as_slice()].concat(), text);
    assert_eq!(right.translated.as_deref(), Some(text));
    let words = "error: line 2, column 1: BuildKit has no key worker.oci.foo.";
    refused(&cli, &lint, "[worker.oci]\nfoo = 1\n", 1, words);
    assert_eq!(admin.build_config(name).await.unwrap(), shown, "nothing was changed");

    let set = ["worker", "build-config", "set", name];
    let full: BuildConfigView = json(&cli, &[&set, ["--file", "-"].as_slice()].concat(), text);
    assert_eq!(
        (full.state, full.mode),
        (BuildConfigState::Active, BuildConfigMode::Full)
    );
    let now = admin.build_config(name).await.unwrap();
    assert_eq!(
        (now.config_content.as_deref(), &*now.active, now.revision),
        (Some(text), text, 1)
    );
    let hosts = ["--insecure-registry", "a.example.com:5000,b.example.com"];
    let simple: BuildConfigView = json(&cli, &[set.as_slice(), hosts.as_slice()].concat(), "");
    assert_eq!(simple.insecure_registries, ["a.example.com:5000", "b.example.com"]);
    let now = admin.build_config(name).await.unwrap();
    assert_eq!((now.mode, now.revision), (BuildConfigMode::Simple, 2));
    assert!(now.active.contains("a.example.com:5000"), "{}", now.active);
    let reset: BuildConfigView = json(&cli, &["worker", "build-config", "reset", name], "");
    assert_eq!(
        (reset.mode, &reset.active, reset.revision),
        (BuildConfigMode::Default, &shown.active, 3)
    );
    let now = admin.build_config(name).await.unwrap();
    assert_eq!((now.active, now.revision), (shown.active, 3));

    console
        .dockerfile(admin, name, &format!("FROM {}\nRUN echo cached\n", shell_image()))
        .await;
    let mut request = console.build_request(name, "cached", "1");
    request.push_image = false;
    let started = admin.build_create(&request).await.unwrap();
    let built = console.build_end(admin, started.number).await;
    assert_eq!(built.status, BuildStatus::Succeeded, "{}", built.message);
    let cache: BuilderCache = json(&cli, &["worker", "cache", name], "");
    assert!(cache.records > 1 && cache.total_bytes > 1_000_000, "{cache:?}");
    assert_eq!(admin.worker_cache(name).await.unwrap(), cache);
    let said = done(&cli, &["worker", "cache", name], "");
    assert!(said.contains(&format!(" in {} parts", cache.records)), "{said}");
    let pruned: PrunedCache = json(&cli, &["worker", "cache", name, "--prune"], "");
    assert!(pruned.freed_bytes > 1_000_000, "{pruned:?}");
    assert_eq!((pruned.left.total_bytes, pruned.left.records), (0, 0));
    assert_eq!(admin.worker_cache(name).await.unwrap(), pruned.left);

    let address = console.url.strip_prefix("http://").unwrap().parse().unwrap();
    let browser = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .resolve("worker-1.workers.localhost", address)
        .build()
        .unwrap();
    let dark: NotebookLink = json(&cli, &["worker", "notebook", name], "");
    let light = done(&cli, &["worker", "notebook", name, "--light"], "");
    assert_ne!(light.trim(), dark.url);
    for link in [dark.url.as_str(), light.trim()] {
        let status = async || browser.get(link).send().await.unwrap().status();
        assert_eq!(status().await, StatusCode::SEE_OTHER, "{link}");
        assert_eq!(status().await, StatusCode::FORBIDDEN, "it works once");
    }
}

// More than one thread, because the console is asked while `prtcli` is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_slower_is_told() {
    let console = Console::start().await;
    let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);
    let file = console.folder.path().join("bundle.pem");
    fs::write(&file, Authority::new("Corp Root CA").pem()).unwrap();
    let size = [
        "size",
        "create",
        "team",
        "--cpu=1",
        "--cpu-net=950",
        "--memory=1",
        "--memory-net=960",
    ];
    done(&cli, &size, "");
    done(&cli, &["security-context", "create", "hardened"], "");
    let login = ["--registry", "h.example.com", "--username", "robot"];
    done(
        &cli,
        &[["credential", "create", "robot"].as_slice(), login.as_slice()].concat(),
        "p",
    );

    let url = somebody_faster(&console).await;
    let token = console.token("admin", ADMIN_PASSWORD).await;
    let slower = Cli::nobody(&console);
    for (args, what) in [
        (["size", "update", "team", "--cpu=2"], "this worker size"),
        (
            ["security-context", "update", "hardened", "--description=x"],
            "this security context",
        ),
        (
            ["credential", "update", "robot", "--username=other"],
            "this registry credential",
        ),
        (
            ["certificates", "set", file.to_str().unwrap(), "--output=text"],
            "the certificates",
        ),
        (["certificates", "inject", "on", "--output=text"], "the certificates"),
    ] {
        let mut call = slower.command(&args);
        let out = call
            .env("PRT_URL", &url)
            .env("PRT_TOKEN", token.expose())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {said}");
        let words = format!("error: Somebody else changed {what} after you opened");
        assert!(said.starts_with(&words), "{args:?}: {said}");
    }
    // Of each two one was taken.
    let sizes = console.admin.worker_sizes_all().await.unwrap();
    let size = sizes.iter().find(|one| one.size.name == "team").unwrap();
    assert_eq!((size.revision, size.size.cpu_millis), (2, 2000));
    let context = console.admin.security_context("hardened").await.unwrap();
    assert_eq!((context.revision, &*context.description), (2, "x"));
    let credentials = console.admin.registry_credentials().await.unwrap();
    assert_eq!((credentials[0].revision, &*credentials[0].username), (2, "other"));
    let certificates = console.admin.certificates().await.unwrap();
    assert_eq!((certificates.revision, certificates.inject), (2, true));
}

/// Stands before the console and sends each change to it twice: to the second one, somebody else was faster.
async fn somebody_faster(console: &Console) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let app = Router::new().fallback(pass_on).with_state((console.url.clone(), http));
    tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
    url
}

async fn pass_on(
    State((console, http)): State<(String, reqwest::Client)>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    for name in [header::HOST, header::CONTENT_LENGTH, header::ACCEPT_ENCODING] {
        headers.remove(name);
    }
    let request = http
        .request(method.clone(), format!("{console}{uri}"))
        .headers(headers)
        .body(body);
    if method == Method::PUT {
        let faster = request.try_clone().expect("its body is at hand");
        let status = faster.send().await.expect("the console answers").status();
        assert!(status.is_success(), "{method} {uri}: {status}");
    }
    let answer = request.send().await.expect("the console answers");
    let back = Response::builder()
        .status(answer.status())
        .header(header::CONTENT_TYPE, "application/json");
    let body = answer.bytes().await.expect("the console's answer");
    back.body(Body::from(body)).expect("an answer")
}

//! API tokens that can only build: what they may do, and that it is all.

use std::collections::{BTreeMap, BTreeSet};

use prt_client::{Client, ClientError};
use prt_types::{
    ErrorCode, Secret,
    access::{TokenInput, TokenScope},
    audit::Outcome,
    builds::BuildStatus,
    workers::TerminateRequest,
};
use serde_json::{Value, json};

use crate::helpers::{Cli, Console, USER_PASSWORD, builder_worker, plain_worker, sh, shell_image};

const REFUSED: &str = "This API token is for builds only.";

fn input(scope: TokenScope, worker: Option<&str>) -> TokenInput {
    TokenInput {
        name: "pipeline".into(),
        expires_in_days: Some(1),
        scope,
        worker: worker.map(str::to_owned),
    }
}

async fn token(console: &Console, owner: &Client, scope: TokenScope, worker: Option<&str>) -> (Client, Secret) {
    let created = owner
        .token_create(&input(scope, worker))
        .await
        .expect("a token is made");
    assert_eq!(created.token.scope, scope);
    assert_eq!(created.token.worker.as_deref(), worker);
    let client = Client::new(&console.url, Some(created.value.clone())).expect("a client");
    (client, created.value)
}

fn end() -> TerminateRequest {
    TerminateRequest { stop_reason: None }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    let error = result.expect_err("it is not allowed");
    assert_eq!(error.code(), Some(ErrorCode::Forbidden), "{error}");
    error.to_string()
}

/// Operations that a token for builds may ask for. Each new one is refused until it is named here and opened in core.
const OPEN: &[&str] = &[
    // Of anybody at all.
    "login",
    "server_info",
    // Who it is, and the workers that it builds in.
    "me",
    "worker_list",
    "worker_get",
    "worker_wait",
    "worker_context_put",
    "context_offer",
    "context_put",
    "context_fill",
    "worker_file_get",
    "worker_file_put",
    "build_list",
    "build_create",
    "build_get",
    "build_cancel",
    "build_rerun",
    "build_log",
    "build_record_list",
    "build_follow",
];

#[tokio::test]
async fn it_builds_and_reaches_nothing_else() {
    let console = Console::start().await;
    // An admin's: the token has less than its owner, whoever that is.
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Medium-restricted")).await;
    let (ci, value) = token(&console, admin, TokenScope::Build, None).await;
    let me = ci.me().await.unwrap();
    assert_eq!((me.username.as_str(), me.scope), ("admin", TokenScope::Build));

    // What it is for.
    console
        .dockerfile(
            &ci,
            &worker.name,
            &format!("FROM {}\nRUN echo built > /tmp/it\n", shell_image()),
        )
        .await;
    let request = console.build_request(&worker.name, "scoped", "1");
    let build = ci.build_create(&request).await.unwrap();
    let build = console.build_end(&ci, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    assert!(!ci.build_records(build.number, 0, None).await.unwrap().is_empty());
    assert_eq!(ci.builds(None, None, None, None).await.unwrap().len(), 1);

    // All else, as the API's own description lists it.
    let http = reqwest::Client::builder().build().unwrap();
    let document: Value = http
        .get(format!("{}/api/v1/openapi.json", console.url))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let known = BTreeMap::from([
        ("number", build.number.to_string()),
        ("name", worker.name.clone()),
        ("id", uuid::Uuid::now_v7().to_string()),
    ]);
    let mut open: BTreeSet<&str> = OPEN.iter().copied().collect();
    let mut closed = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            if open.remove(id) {
                continue;
            }
            let mut url = format!("{}{path}", console.url);
            let mut query = vec![];
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                if parameter["in"] == "path" {
                    let value = known.get(name).unwrap_or_else(|| panic!("{id}: which {name}?"));
                    url = url.replace(&format!("{{{name}}}"), value);
                } else if parameter["required"] == true {
                    query.push(format!("{name}=x"));
                }
            }
            if !query.is_empty() {
                url = format!("{url}?{}", query.join("&"));
            }
            let mut request = http
                .request(method.to_uppercase().parse().unwrap(), &url)
                .bearer_auth(value.expose())
                .timeout(std::time::Duration::from_mins(1));
            let content = &operation["requestBody"]["content"];
            if let Some(schema) = content["application/json"].get("schema") {
                request = request.json(&least(&document, schema));
            } else if let Some(kind) = content.as_object().and_then(|content| content.keys().next()) {
                request = request.header("content-type", kind).body("x");
            }
            let answer = request.send().await.unwrap();
            let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
            assert_eq!(status, 403, "{id}: {method} {url}: {text}");
            let error: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(error["message"], REFUSED, "{id}");
            closed.insert(id.to_owned());
        }
    }
    assert!(closed.len() >= 20, "{closed:?}");
    assert!(open.is_empty(), "no such operations: {open:?}");

    // The pages' own functions are no way around.
    for function in ["worker_choices", "tokens", "docs_index"] {
        let answer = http
            .post(format!("{}/_fn/{function}", console.url))
            .bearer_auth(value.expose())
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
            .await
            .unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert!(status == 403 && text.contains(REFUSED), "{function}: {status} {text}");
    }

    // Each refusal is on record, once.
    let rows = admin.audit(Some(500), None).await.unwrap();
    let refusals: Vec<_> = rows.iter().filter(|row| row.outcome == Outcome::Refused).collect();
    assert!(refusals.len() >= closed.len(), "{} of {}", refusals.len(), closed.len());
    assert!(
        refusals
            .iter()
            .all(|row| row.actor == "admin" && row.details.contains(REFUSED))
    );
    let exec = format!("POST /api/v1/workers/{}/exec", worker.name);
    assert_eq!(
        refusals.iter().filter(|row| row.object == exec).count(),
        1,
        "{refusals:#?}"
    );
}

/// The smallest value that a schema takes.
fn least(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return least(document, &document["components"]["schemas"][name]);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(first) = schema[key].get(0) {
            return least(document, first);
        }
    }
    let kind = schema["type"]
        .as_str()
        .or_else(|| schema["type"][0].as_str())
        .unwrap_or("string");
    match kind {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.map(|name| {
                let name = name.as_str().unwrap();
                (name.to_owned(), least(document, &schema["properties"][name]))
            });
            Value::Object(fields.collect())
        }
        "array" => json!([]),
        "integer" | "number" => json!(1),
        "boolean" => json!(false),
        _ => json!("x"),
    }
}

#[tokio::test]
async fn it_sees_its_owners_builder_workers_only() {
    let console = Console::start().await;
    let (alice, bob) = (console.user("alice", &[]).await, console.user("bob", &[]).await);
    let (builder, small) = (builder_worker("Medium-restricted"), plain_worker("Small"));
    let (hers, plain, his) = tokio::join!(
        console.worker(&alice, &builder),
        console.worker(&alice, &small),
        console.worker(&bob, &builder),
    );
    let (ci, _) = token(&console, &alice, TokenScope::Build, None).await;
    let (of_admin, _) = token(&console, &console.admin, TokenScope::Build, None).await;
    let names = |workers: Vec<prt_types::workers::WorkerView>| -> Vec<String> {
        workers.into_iter().map(|worker| worker.name).collect()
    };
    assert_eq!(
        names(ci.workers(false).await.unwrap()),
        std::slice::from_ref(&hers.name)
    );
    assert!(
        of_admin.workers(true).await.unwrap().is_empty(),
        "others' workers are not an admin's own"
    );
    for unseen in [&plain.name, &his.name] {
        let error = ci
            .worker_put_file(unseen, "Dockerfile", "FROM scratch".into())
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::NotFound), "{error}");
        let error = ci
            .build_create(&console.build_request(unseen, "x", "1"))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::NotFound), "{error}");
    }
    assert_eq!(
        refused(ci.worker_create(&builder_worker("Medium-restricted")).await),
        REFUSED
    );
    assert_eq!(refused(ci.worker_terminate(&hers.name, &end()).await), REFUSED);

    // Limited to one worker, and gone with it.
    let second = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let (one, _) = token(&console, &alice, TokenScope::Build, Some(&hers.name)).await;
    assert_eq!(
        names(one.workers(false).await.unwrap()),
        std::slice::from_ref(&hers.name)
    );
    assert_eq!(one.me().await.unwrap().worker.as_deref(), Some(hers.name.as_str()));
    let error = one.worker_put_file(&second.name, "a", "b".into()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotFound), "{error}");
    one.worker_put_file(&hers.name, "a", "b".into()).await.unwrap();
    let listed = alice.tokens().await.unwrap();
    assert!(
        listed
            .iter()
            .any(|token| token.worker.as_deref() == Some(hers.name.as_str())),
        "{listed:#?}"
    );
    alice.worker_terminate(&hers.name, &end()).await.unwrap();
    assert_eq!(one.me().await.unwrap_err().code(), Some(ErrorCode::Unauthenticated));

    // Which workers a token can be limited to.
    for (worker, scope, words) in [
        (
            plain.name.as_str(),
            TokenScope::Build,
            "no running builder worker of yours",
        ),
        (his.name.as_str(), TokenScope::Build, "There is no worker"),
        (
            hers.name.as_str(),
            TokenScope::Build,
            "no running builder worker of yours",
        ),
        (
            second.name.as_str(),
            TokenScope::Full,
            "Only a token for builds is limited to a worker.",
        ),
    ] {
        let error = alice.token_create(&input(scope, Some(worker))).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::InvalidInput), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// A tar archive of links (path, target) and a file after them.
fn links(links: &[(&str, &str)], file: Option<&str>) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    for (path, target) in links {
        archive.append_link(&mut header, path, target).unwrap();
    }
    if let Some(path) = file {
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o755);
        archive.append_data(&mut header, path, &b"evil\n"[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

#[tokio::test]
async fn no_link_leads_it_out_of_the_build_folder() {
    // Only a worker that can reach the console has a login of its own.
    let console = Console::start_with(&[("PRT_WORKER_URL", "http://127.0.0.1:1")]).await;
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await.name;
    let look = "ls -A ~ && cat ~/.bashrc";
    let before = sh(&alice, &worker, &format!("echo mine >> ~/.bashrc; {look}"))
        .await
        .stdout;
    assert!(before.ends_with("mine\n"), "{before}");
    let hidden = sh(&alice, &worker, "cat /run/prt/token").await.stdout;
    assert!(hidden.starts_with("prt_"), "the worker has a login of its own");

    let (ci, ci_value) = token(&console, &alice, TokenScope::Build, Some(&worker)).await;
    let full_value = console.token("alice", USER_PASSWORD).await;
    let http = reqwest::Client::builder().build().unwrap();
    // The owner's own token gets no further, as the owner may be shown what somebody else has put there.
    for (client, value) in [(&ci, &ci_value), (&alice, &full_value)] {
        let unpack = async |path: &str, tar: Vec<u8>| {
            // None of these paths needs to be escaped.
            let url = format!("{}/api/v1/workers/{worker}/context?path={path}", console.url);
            let request = http.put(url).bearer_auth(value.expose());
            let answer = request.body(tar).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let planted = [
            ("token", "/run/prt/token"),
            ("run", "/run/prt"),
            ("environ", "/proc/self/environ"),
            ("proc", "/proc/self"),
            ("bashrc", "/home/ubuntu/.bashrc"),
            ("home", "/home/ubuntu"),
            ("near", "../../.bashrc"),
            ("up", "../.."),
            ("root", "../../../.."),
        ];
        let (status, words) = unpack("app", links(&planted, None)).await;
        assert_eq!(status, 204, "links are kept as they are: {words}");
        for path in [
            "token",
            "run/token",
            "run/notebook-token",
            "environ",
            "proc/environ",
            "proc/root/run/prt/token",
            "bashrc",
            "home/.bashrc",
            "near",
            "up/.bashrc",
            "root/run/prt/token",
            "root/proc/self/environ",
        ] {
            match client.worker_file(&worker, &format!("app/{path}")).await {
                Ok(content) => panic!("{path}: {}", String::from_utf8_lossy(&content)),
                Err(error) => {
                    assert_eq!(error.code(), Some(ErrorCode::InvalidInput), "{path}: {error}");
                    assert!(
                        error.to_string().contains("leads out of the build folder"),
                        "{path}: {error}"
                    );
                    assert!(!error.to_string().contains(&hidden), "{path}: {error}");
                }
            }
        }
        for path in [
            "home/.bashrc",
            "up/.bashrc",
            "run/token",
            "home/new",
            "up/new/er",
            "root/tmp/new",
        ] {
            let put = client
                .worker_put_file(&worker, &format!("app/{path}"), "evil\n".into())
                .await;
            let error = put.expect_err(path);
            assert_eq!(error.code(), Some(ErrorCode::InvalidInput), "{path}: {error}");
        }
        for path in ["app/home/new", "app/up/new", "app/run/new"] {
            let (status, words) = unpack(path, links(&[], Some("x"))).await;
            assert_eq!(status, 400, "{path}: {words}");
        }
        for (link, target) in [
            ("home", "/home/ubuntu"),
            ("up", "../../.."),
            ("bashrc", "/home/ubuntu/.bashrc"),
        ] {
            let file = if link == "bashrc" {
                "bashrc/x".into()
            } else {
                format!("{link}/.bashrc")
            };
            let (status, words) = unpack("other", links(&[(link, target)], Some(&file))).await;
            assert_eq!(status, 400, "{link}: {words}");
        }
        // The links themselves are in the build folder: a file takes the place of one.
        client
            .worker_put_file(&worker, "app/bashrc", "own".into())
            .await
            .unwrap();
        client.worker_put_file(&worker, "app/near", "own".into()).await.unwrap();
        assert_eq!(client.worker_file(&worker, "app/bashrc").await.unwrap(), "own");
        assert_eq!(sh(&alice, &worker, look).await.stdout, before);
        assert_eq!(sh(&alice, &worker, "ls -A ~/build").await.stdout, "app\n");
    }
}

#[tokio::test]
async fn it_may_start_builder_workers_and_end_those() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let other = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let (ci, _) = token(&console, &alice, TokenScope::BuildAndStart, None).await;

    let mut with_script = builder_worker("Medium-restricted");
    with_script.startup_script = Some("env > /tmp/x".into());
    let mut with_variable = builder_worker("Medium-restricted");
    with_variable.env_variables.insert("BASH_ENV".into(), "/tmp/x".into());
    for config in [with_script, with_variable, plain_worker("Small")] {
        let words = refused(ci.worker_create(&config).await);
        assert!(words.starts_with("This API token is for builds only"), "{words}");
    }
    assert_eq!(alice.workers(false).await.unwrap().len(), 1, "nothing was started");

    let mine = console.worker(&ci, &builder_worker("Medium-restricted")).await;
    assert_eq!(mine.owner, "alice");
    let words = refused(ci.worker_terminate(&other.name, &end()).await);
    assert!(words.contains(&format!("did not start {}", other.name)), "{words}");
    ci.worker_terminate(&mine.name, &end()).await.unwrap();
    let rows = console.admin.audit(Some(100), None).await.unwrap();
    assert!(
        rows.iter()
            .any(|row| row.action == "worker.terminate" && row.object == mine.name)
    );
    assert!(
        rows.iter()
            .any(|row| row.outcome == Outcome::Refused && row.object.ends_with(&format!("{}/terminate", other.name)))
    );
}

#[tokio::test]
async fn without_scripts_it_is_shown_once_and_stored_nowhere() {
    let console = Console::on_sqlite().await;
    console.user("alice", &[]).await;
    let browser = reqwest::Client::builder()
        .cookie_store(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let post = async |function: &str, fields: &[(&str, &str)]| {
        browser
            .post(format!("{}/_fn/{function}", console.url))
            .header("origin", &console.url)
            .header("accept", "text/html")
            .form(fields)
            .send()
            .await
            .unwrap()
    };
    let page = async |cache: Option<&str>| {
        let url = format!("{}/access/tokens/new", console.url);
        let answer = browser.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let kept = answer.headers().get("cache-control");
        assert_eq!(kept.map(|value| value.to_str().unwrap()), cache);
        answer.text().await.unwrap()
    };
    let login = post("login", &[("username", "alice"), ("password", USER_PASSWORD)]).await;
    assert_eq!(login.status(), 302);
    let made = post(
        "create_token",
        &[
            ("input[name]", "plain"),
            ("input[scope]", "build"),
            ("input[expires_in_days]", "30"),
        ],
    )
    .await;
    assert_eq!(made.status(), 302);
    assert_eq!(made.headers()["location"], "/access/tokens/new");
    assert_eq!(made.text().await.unwrap(), "null");
    // While it waits for its page, too.
    let stored: Vec<u8> = ["console.db", "console.db-wal"]
        .iter()
        .flat_map(|name| std::fs::read(console.data().join(name)).unwrap_or_default())
        .collect();

    let shown = page(Some("no-store")).await;
    let at = shown.find("id=\"token-value\"").expect("the token is shown");
    let value: String = shown[at..]
        .split("prt_")
        .nth(1)
        .expect("a token")
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    let value = format!("prt_{value}");
    let client = Client::new(&console.url, Some(Secret::new(value.clone()))).unwrap();
    assert_eq!(client.me().await.unwrap().scope, TokenScope::Build);
    assert!(!stored.windows(value.len()).any(|window| window == value.as_bytes()));
    assert!(!page(None).await.contains(&value), "shown a second time");
}

#[tokio::test]
async fn the_command_line_makes_lists_and_revokes_them() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    let cli = Cli::login(&console, "alice");
    let run = |token: Option<&str>, args: &[&str]| {
        let mut command = cli.command(args);
        if let Some(token) = token {
            command.env("PRT_TOKEN", token).env("PRT_URL", &console.url);
        }
        let out = command.output().expect("prtcli starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code(), text(&out.stdout), text(&out.stderr))
    };
    let (code, value, note) = run(
        None,
        &["token", "create", "pipeline", "--scope", "build", "--expires", "7"],
    );
    assert_eq!(code, Some(0), "{note}");
    let value = value.trim_end();
    assert!(
        value.starts_with("prt_") && !value.contains(char::is_whitespace),
        "only the token: {value}"
    );
    assert!(note.contains("builds only") && !note.contains(value), "{note}");

    let (_, me, _) = run(Some(value), &["whoami"]);
    assert!(me.contains("alice") && me.contains("builds only"), "{me}");
    let (code, _, words) = run(
        Some(value),
        &["worker", "create", "--image", "practicus-minimal", "--builder"],
    );
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains(REFUSED), "{words}");

    let (_, list, _) = run(None, &["token", "list"]);
    assert!(list.contains("pipeline") && !list.contains(value), "{list}");
    let id = alice
        .tokens()
        .await
        .unwrap()
        .into_iter()
        .find(|token| token.name == "pipeline")
        .unwrap()
        .id;
    let (code, _, words) = run(None, &["token", "revoke", &id.to_string()]);
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(run(Some(value), &["whoami"]).0, Some(3));
    let (code, _, words) = run(None, &["token", "create", "x", "--expires", "0"]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("A token lives 1 to 3650 days."), "{words}");
}

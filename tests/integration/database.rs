//! The database as admins meet it: full, locked, shared, lost, copied, with another key.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use prt_client::{Client, ClientError};
use prt_types::{
    ErrorCode, Secret,
    access::{GroupInput, Role, UserInput},
    builds::BuildStatus,
    registry_credentials::RegistryCredentialInput,
};

use crate::helpers::{
    ADMIN_PASSWORD, Browser, Console, SmallDisk, USER_PASSWORD, builder_worker, eventually, plain_worker,
    postgres_database, shell_image, token_input,
};

async fn group(client: &Client, name: &str, members: &[String]) -> Result<(), ClientError> {
    let input = GroupInput {
        name: name.into(),
        members: members.to_vec(),
    };
    client.group_create(&input).await.map(drop)
}

/// Writes until nothing is taken any more: the log beside the database has some room left when the disk is full.
async fn until_refused(client: &Client) -> ClientError {
    for number in 0..1000 {
        if let Err(error) = group(client, &format!("ballast-{number}-{}", std::process::id()), &[]).await
            && error.code() != Some(ErrorCode::AlreadyExists)
        {
            return error;
        }
    }
    panic!("a full disk takes a thousand groups");
}

#[tokio::test]
async fn a_full_disk_ends_nothing_for_good() {
    let disk = SmallDisk::new();
    let database = format!("sqlite://{}/console.db", disk.path().display());
    let console = Console::start_with(&[("PRT_DATABASE_URL", &database)]).await;
    let admin = &console.admin;
    let worker = console.worker(admin, &builder_worker("Small")).await;
    // Long enough that the disk is full before it ends.
    let dockerfile = format!("FROM {}\nRUN sleep 25\n", shell_image());
    console.dockerfile(admin, &worker.name, &dockerfile).await;
    let mut request = console.build_request(&worker.name, "x", "1");
    request.push_image = false;
    let build = admin.build_create(&request).await.unwrap();
    eventually("the build runs", || async {
        let build = admin.build(build.number).await.unwrap();
        (build.status == BuildStatus::Running).then_some(())
    })
    .await;

    // Most of its start comes while nothing can be written.
    let starting = admin.worker_create(&plain_worker("X-Small")).await.unwrap();
    disk.fill();
    let refused = until_refused(admin).await;
    assert_eq!(refused.code(), Some(ErrorCode::Unavailable), "{refused:?}");
    let refused = refused.api().unwrap();
    assert!(refused.message.contains("disk is full"), "{refused:?}");
    assert!(
        refused.hint.as_deref().unwrap_or_default().contains("free space"),
        "{refused:?}"
    );
    // A small write may find room in the log for a few times more.
    let words = eventually("the console is not ready", || async {
        let (status, words) = console.readiness().await;
        (status == 503).then_some(words)
    })
    .await;
    assert!(words.contains("disk is full"), "{words}");
    admin.groups().await.expect("reads go on");

    // The build ends while nothing can be written.
    eventually("the end of the build is not recorded", || async {
        let log = fs::read_to_string(console.log_file()).unwrap();
        log.contains("a build's end is not recorded").then_some(())
    })
    .await;
    assert_eq!(admin.build(build.number).await.unwrap().status, BuildStatus::Running);
    disk.free();
    group(admin, "after", &[]).await.expect("there is space again");
    assert_eq!(console.readiness().await.0, 200);
    let build = console.build_end(admin, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    let started = admin.worker_wait(&starting.name, 120).await.unwrap();
    assert!(started.ready, "{started:?}");
}

/// Holds the database's one right to write, like a long write of another program.
struct Locked(Child);

impl Locked {
    fn new(database: &Path) -> Self {
        const HOLD: &str = "import sqlite3, sys\n\
                            db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n\
                            db.execute('BEGIN IMMEDIATE')\n\
                            print('locked', flush=True)\n\
                            sys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", HOLD])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        assert_eq!(line, "locked\n");
        Self(child)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[tokio::test]
async fn reads_wait_for_no_writer() {
    let console = Console::on_sqlite().await;
    let fresh = console.login("admin", ADMIN_PASSWORD).await;
    let user = console.user("ada", &[]).await;
    let locked = Locked::new(&console.data().join("console.db"));
    let before = Instant::now();
    fresh.groups().await.expect("the first use of a token is a read, too");
    fresh.workers(true).await.expect("a read");
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    let refused = user.groups().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Forbidden), "{refused:?}");
    drop(locked);

    let named = token_input("noted");
    let created = console.admin.token_create(&named).await.expect("a write");
    let noted = Client::new(&console.url, Some(created.value)).unwrap();
    eventually("the use is noted", || async {
        noted.me().await.expect("a read");
        let tokens = console.admin.tokens().await.expect("a read");
        let token = tokens.into_iter().find(|token| token.id == created.token.id)?;
        token.last_used_ms
    })
    .await;
}

#[tokio::test]
async fn one_database_has_one_console() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/shared.db", folder.path().display());
    for database in [sqlite, postgres_database()] {
        let mut console = Console::start_with(&[("PRT_DATABASE_URL", &database)]).await;
        let other = folder.path().join("other-data");
        let (code, words) = console
            .run_once(&[], &[("PRT_DATA_DIR", other.to_str().unwrap())])
            .await;
        assert_ne!(code, Some(0), "{words}");
        assert!(words.contains("another console uses this database"), "{words}");
        console.admin.groups().await.expect("the first one goes on");
        // A console that ended, however it did, is in nobody's way.
        console.kill();
        console.run().await;
        console.stop().await;
        console.run().await;
    }
}

#[tokio::test]
async fn one_instance_name_has_one_database() {
    let console = Console::on_sqlite().await;
    console.worker(&console.admin, &plain_worker("X-Small")).await;
    let other = console.folder.path().join("other-data");
    let (code, words) = console
        .run_once(&[], &[("PRT_DATA_DIR", other.to_str().unwrap())])
        .await;
    assert_ne!(code, Some(0), "{words}");
    assert!(
        words.contains(&format!("workers of the instance {}", console.instance)),
        "{words}"
    );
}

async fn with_content(console: &Console) {
    let input = UserInput {
        username: "ada".into(),
        password: Secret::new(USER_PASSWORD),
        role: Role::User,
        groups: vec![],
    };
    console.admin.user_create(&input).await.unwrap();
    let credential = RegistryCredentialInput {
        name: "kept".into(),
        host: "registry.example.com".into(),
        username: "robot".into(),
        password: Some(Secret::new("a-password")),
        ..RegistryCredentialInput::default()
    };
    console.admin.registry_credential_create(&credential).await.unwrap();
}

async fn has_content(console: &mut Console) {
    console.admin = console.login("admin", ADMIN_PASSWORD).await;
    let users = console.admin.users().await.unwrap();
    assert!(users.iter().any(|user| user.username == "ada"), "{users:?}");
    assert_eq!(console.admin.registry_credentials().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_stopped_console_leaves_one_file() {
    let mut console = Console::on_sqlite().await;
    with_content(&console).await;
    console.stop().await;
    let data = console.data();
    for beside in ["console.db-wal", "console.db-shm"] {
        assert!(!data.join(beside).exists(), "{beside}");
    }
    let copy = console.folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for name in ["console.db", "secret.key"] {
        fs::copy(data.join(name), copy.join(name)).unwrap();
    }
    console.move_to(&copy);
    console.run().await;
    has_content(&mut console).await;
}

#[tokio::test]
async fn a_backup_of_a_running_console_is_restored() {
    let mut console = Console::on_sqlite().await;
    with_content(&console).await;
    let file = console.folder.path().join("backup.tar");
    let name = file.to_str().unwrap();
    let (code, words) = console.run_once(&["backup", name], &[]).await;
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("the database, the key and"), "{words}");
    let (code, words) = console.run_once(&["backup", name], &[]).await;
    assert_ne!(code, Some(0), "a backup is never overwritten: {words}");
    group(&console.admin, "later", &[]).await.unwrap();

    let (code, words) = console.run_once(&["restore", name], &[]).await;
    assert_ne!(code, Some(0), "the console runs: {words}");
    console.stop().await;
    let (code, words) = console.run_once(&["restore", name], &[]).await;
    assert_ne!(code, Some(0), "nothing is replaced: {words}");
    assert!(words.contains("Move what is in data_dir"), "{words}");

    let other = console.folder.path().join("restored");
    console.move_to(&other);
    let (code, words) = console.run_once(&["restore", name], &[]).await;
    assert_eq!(code, Some(0), "{words}");
    console.run().await;
    has_content(&mut console).await;
    let groups = console.admin.groups().await.unwrap();
    assert!(groups.iter().all(|group| group.name != "later"), "it is from before");

    let cut = console.folder.path().join("cut.tar");
    let bytes = fs::read(&file).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 3]).unwrap();
    console.move_to(&console.folder.path().join("empty"));
    let (code, words) = console.run_once(&["restore", cut.to_str().unwrap()], &[]).await;
    assert_ne!(code, Some(0), "half a backup: {words}");
    console.move_to(&other);
}

#[tokio::test]
async fn postgres_is_backed_up_with_its_own_tools() {
    let console = Console::start_with(&[("PRT_DATABASE_URL", &postgres_database())]).await;
    let file = console.folder.path().join("backup.tar");
    let (code, words) = console.run_once(&["backup", file.to_str().unwrap()], &[]).await;
    assert_ne!(code, Some(0), "{words}");
    assert!(words.contains("pg_dump") && words.contains("secret.key"), "{words}");
    assert!(!file.exists());
}

#[tokio::test]
async fn a_lost_database_is_no_first_start() {
    let mut console = Console::on_sqlite().await;
    with_content(&console).await;
    console.stop().await;
    let database = console.data().join("console.db");
    let saved = console.folder.path().join("saved.db");
    fs::rename(&database, &saved).unwrap();
    let (code, words) = console.run_once(&[], &[]).await;
    assert_ne!(code, Some(0), "{words}");
    assert!(
        words.contains("--accept-new-database") && words.contains("restore"),
        "{words}"
    );
    // The refusal has put nothing in the way of the right one.
    fs::rename(&saved, &database).unwrap();
    console.run().await;
    has_content(&mut console).await;
    console.stop().await;
    fs::remove_file(&database).unwrap();
    console.run_with(&["--accept-new-database"]).await;
    console.admin = console.login("admin", ADMIN_PASSWORD).await;
    assert_eq!(console.admin.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_key_is_told_at_the_start() {
    let mut console = Console::on_sqlite().await;
    with_content(&console).await;
    console.stop().await;
    let key = console.data().join("secret.key");
    let right = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let (code, words) = console.run_once(&[], &[]).await;
    assert_ne!(code, Some(0), "{words}");
    assert!(words.contains("secret.key is missing"), "{words}");
    assert!(!key.exists(), "no other key takes its place");
    let wrong = "7".repeat(64);
    let (code, words) = console.run_once(&[], &[("PRT_SECRET_KEY", &wrong)]).await;
    assert_ne!(code, Some(0), "{words}");
    assert!(
        words.contains("secret_key: the secrets in the database were stored with another key"),
        "{words}"
    );
    fs::write(&key, &right).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    console.run().await;
    has_content(&mut console).await;
    console.stop().await;

    // The key is really lost.
    fs::remove_file(&key).unwrap();
    console.run_with(&["--accept-new-key"]).await;
    console.stop().await;
    console.run().await;
    console.admin = console.login("admin", ADMIN_PASSWORD).await;
    let kept = console.admin.registry_credentials().await.unwrap().remove(0);
    let refused = console.admin.registry_credential_test(kept.id).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Conflict), "{refused:?}");
    assert!(refused.api().unwrap().message.contains("does not open"), "{refused:?}");
}

#[tokio::test]
async fn lists_run_as_many_statements_for_many_as_for_few() {
    const MOST: u64 = 40;
    let console = Console::on_sqlite().await;
    let admin = &console.admin;
    let mut names = vec![];
    for number in 0..12 {
        let input = UserInput {
            username: format!("user-{number}"),
            password: Secret::new(USER_PASSWORD),
            role: Role::User,
            groups: vec![],
        };
        names.push(admin.user_create(&input).await.unwrap().username);
    }
    for number in 0..60 {
        group(admin, &format!("group-{number}"), &names).await.unwrap();
        let credential = RegistryCredentialInput {
            name: format!("kept-{number}"),
            host: "registry.example.com".into(),
            username: "robot".into(),
            password: Some(Secret::new("a-password")),
            ..RegistryCredentialInput::default()
        };
        admin.registry_credential_create(&credential).await.unwrap();
    }
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    let token = console.token("admin", ADMIN_PASSWORD).await;
    let get = async |path: &str| {
        let asked = http.get(format!("{}{path}", console.url)).bearer_auth(token.expose());
        asked.send().await.unwrap()
    };
    let document: serde_json::Value = get("/api/v1/openapi.json").await.json().await.unwrap();
    let endpoints = document["paths"].as_object().unwrap().iter();
    let lists = endpoints.filter(|(path, methods)| methods.get("get").is_some() && !path.contains('{'));
    let mut counted = vec![];
    for (path, _) in lists {
        let before = console.statements().await;
        // A stream of events has no end.
        let answer = get(path).await;
        if answer.headers()["content-type"] == "text/event-stream" {
            continue;
        }
        let status = answer.status();
        answer.bytes().await.unwrap();
        if status == 200 {
            counted.push(path.as_str());
        }
        let ran = console.statements().await - before;
        assert!(ran <= MOST, "{path} ran {ran} statements");
    }
    for path in [
        "groups",
        "users",
        "registry-credentials",
        "worker-sizes",
        "workers",
        "builds",
    ] {
        let path = format!("/api/v1/{path}");
        assert!(counted.contains(&path.as_str()), "{path} was not counted: {counted:?}");
    }
    let browser = Browser::login_with(&console, "admin", ADMIN_PASSWORD).await;
    for path in [
        "/infrastructure/worker-sizes/new",
        "/infrastructure/worker-sizes",
        "/infrastructure/container-images",
        "/infrastructure/container-images/new",
        "/infrastructure/registries",
        "/infrastructure/registries/new",
        "/infrastructure/security-contexts",
        "/infrastructure/secrets",
        "/access/tokens",
        "/workers",
        "/workers/new",
        "/builds",
    ] {
        let before = console.statements().await;
        let page = browser.page(path).await;
        assert!(page.html.contains("<h1"), "{path}: {}", page.html);
        let ran = console.statements().await - before;
        assert!(ran <= 2 * MOST, "{path} ran {ran} statements");
    }
}

//! The first start of a console that nobody gave a password.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
};

use prt_client::Client;
use prt_types::{
    ErrorCode, Secret,
    access::{LoginRequest, Role},
};
use uuid::Uuid;

use crate::helpers::{eventually, files_with};

/// A console as `prt-console` alone starts it: what it prints goes to one file, what it logs to another. Gone with the value.
struct Started {
    child: Child,
    url: String,
    printed: PathBuf,
    logged: PathBuf,
}

impl Started {
    async fn on(data: &Path) -> Self {
        let folder = data.parent().expect("a folder");
        let name = Uuid::now_v7().simple().to_string();
        let (printed, logged) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.log")));
        let file = |path: &Path| fs::File::create(path).expect("a file can be written");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let child = Command::new(env!("CARGO_BIN_EXE_prt-console"))
            .env_clear()
            .envs(
                ["PATH", "HOME", "DOCKER_HOST", "PRT_AGENT"]
                    .iter()
                    .filter_map(|name| Some((*name, env::var(name).ok()?))),
            )
            .env("PRT_LISTEN", format!("127.0.0.1:{port}"))
            .env("PRT_DATA_DIR", data)
            .env("PRT_INSTANCE", format!("test-{}-{}", process::id(), &name[20..]))
            .env("PRT_LOG", "debug")
            // Not that of the clone: a configuration that lies there is not the test's.
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file(&printed))
            .stderr(file(&logged))
            .spawn()
            .expect("the console starts");
        let started = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            printed,
            logged,
        };
        let client = Client::new(&started.url, None).expect("a client");
        eventually("the console takes requests", || async {
            // Refused is an answer too.
            match client.server().await {
                Ok(_) => Some(()),
                Err(error) => error.api().map(|_| ()),
            }
        })
        .await;
        started
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.printed).unwrap()
    }

    fn logged(&self) -> String {
        fs::read_to_string(&self.logged).unwrap()
    }

    /// The password in its one line.
    fn password(&self) -> String {
        let printed = self.printed();
        let password = printed
            .strip_prefix("The user admin was made with the password ")
            .and_then(|rest| rest.strip_suffix('\n'))
            .unwrap_or_else(|| panic!("{printed:?}"));
        assert!(
            password.len() >= 20 && password.chars().all(|c| c.is_ascii_alphanumeric()),
            "{printed:?}"
        );
        password.to_owned()
    }

    /// Whether the admin may do something after a login with this password.
    async fn lets_in(&self, password: &str) -> bool {
        let request = LoginRequest {
            username: "admin".into(),
            password: Secret::new(password),
        };
        let anonymous = Client::new(&self.url, None).unwrap();
        let created = match anonymous.login(&request).await {
            Ok(created) => created,
            Err(error) => {
                assert_eq!(error.code(), Some(ErrorCode::Unauthenticated), "{error}");
                return false;
            }
        };
        let admin = Client::new(&self.url, Some(created.value)).unwrap();
        let me = admin.me().await.unwrap();
        (me.username.as_str(), me.role) == ("admin", Role::Admin)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.logged).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "the console's log ended with:\n{}",
                lines[lines.len().saturating_sub(30)..].join("\n")
            );
        }
    }
}

#[tokio::test]
async fn the_first_start_prints_a_password_once_and_keeps_it_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Started::on(&data).await;
    let password = first.password();
    assert!(first.lets_in(&password).await, "{}", first.printed());
    assert!(!first.lets_in(&password[1..]).await, "any password does");
    assert!(first.logged().contains("serving"), "the log is in this file");
    assert!(!first.logged().contains(&password), "the log shows it");
    assert!(data.join("console.db").exists(), "the data is in this folder");
    assert_eq!(files_with(&data, &password), "", "in the data directory");
    drop(first);

    let second = Started::on(&data).await;
    assert_eq!(second.printed(), "", "the second start prints");
    assert!(second.lets_in(&password).await, "the first password is no longer right");
    assert!(!second.logged().contains(&password), "the log shows it");
    assert_eq!(files_with(&data, &password), "", "in the data directory");

    // Another installation has another one.
    let other = Started::on(&folder.path().join("other-data")).await;
    assert_ne!(other.password(), password);
}

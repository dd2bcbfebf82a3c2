//! The real program with a data directory and a database of its own.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    time::Duration,
};

use futures::StreamExt as _;
use prt_client::Client;
use prt_types::{
    Secret,
    access::{LoginRequest, Role, TokenInput, UserInput},
    builds::{BuildRequest, BuildView},
    container_images::ContainerImageInput,
    worker_sizes::WorkerSizeInput,
    workers::{ImageConfig, WorkerConfig, WorkerView},
};
use tempfile::TempDir;
use uuid::Uuid;

use super::{docker, docker_remove, eventually, http_registry, postgres_database, registry};

pub const ADMIN_PASSWORD: &str = "admin-password-of-tests";
pub const USER_PASSWORD: &str = "user-password-of-tests";
/// The size with the privileged security context.
pub const PRIVILEGED: &str = "Medium-privileged";
const DATABASE: &str = "PRT_DATABASE_URL";

/// A running console. Dropping it ends the program and removes what it left in the engine.
pub struct Console {
    child: Option<Child>,
    pub folder: TempDir,
    pub url: String,
    pub instance: String,
    pub admin: Client,
    env: Vec<(String, String)>,
}

impl Console {
    /// On SQLite, or on Postgres if `PRT_TEST_DATABASE` says so.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// On SQLite also where the tests run on Postgres: for what is about the database's files.
    pub async fn on_sqlite() -> Self {
        Self::start_with(&[(DATABASE, "")]).await
    }

    /// With more environment variables.
    pub async fn start_with(env: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let instance = format!("test-{}-{}", process::id(), &Uuid::now_v7().simple().to_string()[20..]);
        fs::write(folder.path().join("console.toml"), config()).expect("the configuration can be written");
        let url = format!("http://127.0.0.1:{port}");
        let on_postgres = env::var("PRT_TEST_DATABASE").as_deref() == Ok("postgres");
        let mut env: Vec<(String, String)> = env
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        if on_postgres && env.iter().all(|(key, _)| key != DATABASE) {
            env.push((DATABASE.to_owned(), postgres_database()));
        }
        // Empty means the default.
        env.retain(|(key, value)| key != DATABASE || !value.is_empty());
        env.extend([
            (
                "PRT_CONFIG".to_owned(),
                folder.path().join("console.toml").display().to_string(),
            ),
            ("PRT_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            (
                "PRT_DATA_DIR".to_owned(),
                folder.path().join("data").display().to_string(),
            ),
            ("PRT_INSTANCE".to_owned(), instance.clone()),
            ("PRT_ADMIN_PASSWORD".to_owned(), ADMIN_PASSWORD.to_owned()),
        ]);
        let admin = Client::new(&url, None).expect("a client");
        let mut console = Self {
            child: None,
            folder,
            url,
            instance,
            admin,
            env,
        };
        console.run().await;
        console.admin = console.login("admin", ADMIN_PASSWORD).await;
        console
    }

    /// Starts the program on the same data, e.g. after [`Console::kill`].
    pub async fn run(&mut self) {
        self.run_until("readiness", &[]).await;
    }

    /// The same with arguments.
    pub async fn run_with(&mut self, args: &[&str]) {
        self.run_until("readiness", args).await;
    }

    /// Starts it with another engine, and waits only until it serves.
    pub async fn run_with_engine(&mut self, address: &str) {
        self.env.retain(|(key, _)| key != "PRT_DOCKER_HOST");
        self.env.push(("PRT_DOCKER_HOST".into(), address.into()));
        self.run_until("liveness", &[]).await;
    }

    async fn run_until(&mut self, health: &str, args: &[&str]) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("a log file");
        let child = self
            .command()
            .args(args)
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("the console starts");
        self.child = Some(child);
        let ready = format!("{}/health/{health}/", self.url);
        let log = self.log_file();
        let http = http();
        eventually(
            &format!("the console answers; its log is {}", log.display()),
            || async {
                http.get(&ready)
                    .send()
                    .await
                    .ok()
                    .filter(|answer| answer.status().is_success())
            },
        )
        .await;
    }

    /// Ends the program like a power cut.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the console runs");
        child.kill().expect("the console can be killed");
        child.wait().expect("the console has ended");
    }

    /// Ends the program as an admin does.
    pub async fn stop(&mut self) {
        let child = self.child.take().expect("the console runs");
        let pid = child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(asked.success(), "no signal for {pid}");
        let ended = tokio::task::spawn_blocking(move || {
            let mut child = child;
            child.wait()
        });
        let ended = tokio::time::timeout(Duration::from_mins(1), ended)
            .await
            .expect("the console does not end")
            .expect("no panic")
            .expect("the console has ended");
        assert!(ended.success(), "{ended}");
    }

    /// Of the running program.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the console runs").id()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("console.log")
    }

    /// Starts the program a second time on the same data, at another address, and waits for its end: exit code and words.
    pub async fn second(&self, listen: &str) -> (Option<i32>, String) {
        self.run_once(&[], &[("PRT_LISTEN", listen)]).await
    }

    /// Runs the program with arguments and more environment variables until it ends: exit code and words.
    pub async fn run_once(&self, args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut command = tokio::process::Command::from(self.command());
        let ended = command
            .args(args)
            .env("PRT_LISTEN", "127.0.0.1:0")
            .envs(env.iter().copied())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_mins(1), ended)
            .await
            .expect("the program goes on running")
            .expect("the console starts");
        let words = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&words).into_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prt-console"));
        command
            .env_clear()
            .envs(
                ["PATH", "HOME", "DOCKER_HOST", "PRT_AGENT"]
                    .iter()
                    .filter_map(|name| Some((*name, env::var(name).ok()?))),
            )
            .envs(self.env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null());
        command
    }

    /// A client with an API token of its own.
    pub async fn login(&self, username: &str, password: &str) -> Client {
        Client::new(&self.url, Some(self.token(username, password).await)).expect("a client")
    }

    /// A new API token.
    pub async fn token(&self, username: &str, password: &str) -> Secret {
        let anonymous = Client::new(&self.url, None).expect("a client");
        let request = LoginRequest {
            username: username.into(),
            password: password.into(),
        };
        let created = anonymous
            .login(&request)
            .await
            .unwrap_or_else(|error| panic!("{username} cannot log in: {error}"));
        created.value
    }

    /// A new user in groups that exist.
    pub async fn user(&self, username: &str, groups: &[&str]) -> Client {
        let input = UserInput {
            username: username.into(),
            password: USER_PASSWORD.into(),
            role: Role::User,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        self.admin.user_create(&input).await.expect("a user is made");
        self.login(username, USER_PASSWORD).await
    }

    /// Grants every image to everyone.
    pub async fn allow_all(&self) {
        let rule = ContainerImageInput {
            image: "*".into(),
            groups: vec!["Everyone".into()],
            ..ContainerImageInput::default()
        };
        self.admin
            .container_image_create(&rule)
            .await
            .expect("the rule is added");
    }

    /// Grants the size with the privileged security context, which at first nobody has.
    pub async fn grant_privileged(&self, username: &str) {
        let sizes = self.admin.worker_sizes_all().await.expect("the sizes can be listed");
        let size = sizes.into_iter().find(|one| one.size.name == PRIVILEGED);
        let size = size.unwrap_or_else(|| panic!("no size {PRIVILEGED}"));
        let id = size.size.id;
        let granted = WorkerSizeInput {
            users: vec![username.into()],
            confirm_privileged: true,
            ..size.into()
        };
        self.admin
            .worker_size_update(id, &granted)
            .await
            .expect("the size is granted");
    }

    /// Starts a worker and waits until it answers.
    pub async fn worker(&self, client: &Client, config: &WorkerConfig) -> WorkerView {
        let worker = client
            .worker_create(config)
            .await
            .unwrap_or_else(|error| panic!("no worker: {error:?}"));
        let worker = client
            .worker_wait(&worker.name, 120)
            .await
            .expect("the worker can be seen");
        assert!(worker.ready, "the worker is not ready: {worker:#?}");
        worker
    }

    /// Writes a Dockerfile into the worker's build folder.
    pub async fn dockerfile(&self, client: &Client, worker: &str, text: &str) {
        client
            .worker_put_file(worker, "Dockerfile", text.to_owned().into())
            .await
            .expect("the Dockerfile is written");
    }

    /// Waits for the end of a build.
    pub async fn build_end(&self, client: &Client, number: i64) -> BuildView {
        eventually(&format!("build #{number} ends"), || async {
            let build = client.build(number).await.expect("the build can be seen");
            build.status.is_final().then_some(build)
        })
        .await
    }

    /// The file `build.log` of a build that has ended; it is complete a moment after that.
    pub async fn build_log_file(&self, client: &Client, worker: &str, number: i64) -> String {
        let mut parts = client.build_log(number).await.expect("the log can be read");
        let mut log = vec![];
        while let Some(part) = parts.next().await {
            log.extend_from_slice(&part.expect("the whole log"));
        }
        let file = eventually("build.log is complete", || async {
            let file = client.worker_file(worker, "build.log").await.ok()?;
            (file == log).then_some(file)
        })
        .await;
        String::from_utf8(file.to_vec()).expect("text")
    }

    /// The request for `name:tag` in a registry, with its login.
    pub fn build_request(&self, worker: &str, repository: &str, tag: &str) -> BuildRequest {
        let registry = registry();
        BuildRequest {
            worker: worker.into(),
            name: format!("{}/{}/{repository}", registry.host, self.instance),
            tag: tag.into(),
            registry_credentials: vec![registry.login()],
            ..BuildRequest::default()
        }
    }

    /// Another data directory from the next start on.
    pub fn move_to(&mut self, data: &Path) {
        self.env.retain(|(key, _)| key != "PRT_DATA_DIR");
        self.env.push(("PRT_DATA_DIR".to_owned(), data.display().to_string()));
    }

    /// How many statements the database has run.
    pub async fn statements(&self) -> u64 {
        let text = http()
            .get(format!("{}/metrics", self.url))
            .send()
            .await
            .expect("metrics")
            .text()
            .await
            .expect("metrics");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("prt_store_statements_total "));
        line.and_then(|count| count.parse().ok())
            .unwrap_or_else(|| panic!("no count of statements in {text}"))
    }

    /// What readiness says: status and words.
    pub async fn readiness(&self) -> (u16, String) {
        let answer = http()
            .get(format!("{}/health/readiness/", self.url))
            .timeout(Duration::from_mins(1))
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("words"))
    }

    fn label(&self) -> String {
        format!("label=io.prt-console.instance={}", self.instance)
    }

    /// Ids of all containers of this console.
    pub fn containers(&self) -> Vec<String> {
        docker(&["ps", "-aq", "--filter", &self.label()])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Names of all volumes of this console.
    pub fn volumes(&self) -> Vec<String> {
        docker(&["volume", "ls", "-q", "--filter", &self.label()])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Everything of this console that the engine lists: containers, volumes, networks.
    pub fn engine_things(&self) -> Vec<String> {
        let networks = docker(&["network", "ls", "-q", "--filter", &self.label()]);
        let networks = networks.lines().map(str::to_owned);
        self.containers()
            .into_iter()
            .chain(self.volumes())
            .chain(networks)
            .collect()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log_file()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "the console's log ended with:\n{}",
                lines[lines.len().saturating_sub(30)..].join("\n")
            );
        }
        let label = self.label();
        docker_remove(&["ps", "-aq", "--filter", &label], &["rm", "-fv"]);
        docker_remove(&["volume", "ls", "-q", "--filter", &label], &["volume", "rm"]);
        docker_remove(&["network", "ls", "-q", "--filter", &label], &["network", "rm"]);
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()
        .expect("a client")
}

fn config() -> String {
    let registry = registry();
    assert!(
        Path::new(&registry.ca_file).exists(),
        "{} is missing: run scripts/setup/registries.sh",
        registry.ca_file
    );
    let name = |host: &str| host.split(':').next().unwrap_or_default().to_owned();
    let http = http_registry();
    format!(
        "extra_hosts = [\"{}:host-gateway\", \"{}:host-gateway\"]\n\
         [registries.\"{}\"]\nca_file = \"{}\"\n[registries.\"{http}\"]\nhttp = true\n",
        name(&registry.host),
        name(&http),
        registry.host,
        registry.ca_file
    )
}

/// A worker without a builder.
pub fn plain_worker(size: &str) -> WorkerConfig {
    WorkerConfig {
        worker_image: "practicus-minimal".into(),
        worker_size: Some(size.into()),
        ..WorkerConfig::default()
    }
}

/// A worker with a builder.
pub fn builder_worker(size: &str) -> WorkerConfig {
    let image_config = ImageConfig {
        builder: Some(true),
        ..ImageConfig::default()
    };
    WorkerConfig {
        image_config,
        ..plain_worker(size)
    }
}

/// What makes an API token that may do what its user may.
pub fn token_input(name: &str) -> TokenInput {
    TokenInput {
        name: name.into(),
        expires_in_days: Some(1),
        ..TokenInput::default()
    }
}

/// A secret value that no test contains by chance.
pub fn canary(name: &str) -> Secret {
    Secret::new(format!("canary-{name}-{}", Uuid::new_v4().simple()))
}

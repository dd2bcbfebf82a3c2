//! The examples for pipelines, run as they are published: `docs/ci`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use prt_client::Client;
use prt_types::{
    Secret,
    access::{TokenInput, TokenScope},
    registry_credentials::{CredentialScope, RegistryCredentialInput},
    workers::WorkerStatus,
};
use serde::Deserialize;

use crate::helpers::{Console, base_image, builder_worker, registry, shell_image};

#[derive(Debug, Deserialize)]
struct Workflow {
    jobs: BTreeMap<String, Job>,
}

#[derive(Debug, Deserialize)]
struct Job {
    env: BTreeMap<String, String>,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    #[serde(default)]
    uses: String,
    #[serde(default)]
    run: String,
    #[serde(default, rename = "if")]
    condition: String,
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci")
}

/// What a pipeline has: a checkout, `prtcli`, variables and secrets.
struct Pipeline {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Pipeline {
    fn new(console: &Console, token: &Secret, image: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let checkout = folder.path().join("checkout");
        fs::create_dir(&checkout).expect("a folder");
        let dockerfile = format!("FROM {}\nCOPY hello.txt /home/ubuntu/hello.txt\n", base_image());
        fs::write(checkout.join("Dockerfile"), dockerfile).expect("a file");
        fs::write(checkout.join("hello.txt"), format!("Hello from {image}\n")).expect("a file");
        let registry = registry();
        let variables = [
            ("PRT_URL", console.url.clone()),
            ("PRT_TOKEN", token.expose().to_owned()),
            ("IMAGE", format!("{}/{}/{image}", registry.host, console.instance)),
            ("TAG", "1.0".to_owned()),
        ];
        Self {
            folder,
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    fn bash(&self, arguments: &[&str]) -> std::process::Output {
        let programs = Path::new(env!("CARGO_BIN_EXE_prt-console")).parent().expect("a folder");
        let out = Command::new("bash")
            .args(arguments)
            .current_dir(self.folder.path().join("checkout"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
            .env("HOME", self.folder.path())
            .envs(&self.variables)
            .output()
            .expect("bash starts");
        let shown = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        assert!(
            !shown.contains(&self.variables["PRT_TOKEN"]),
            "the token is in the output"
        );
        out
    }

    /// A `run:` step, the way the runner does it.
    fn step(&mut self, run: &str) -> bool {
        let env = self.folder.path().join("env");
        self.variables.insert("GITHUB_ENV".into(), env.display().to_string());
        let out = self.bash(&["--noprofile", "--norc", "-eo", "pipefail", "-c", run]);
        for line in fs::read_to_string(&env).unwrap_or_default().lines() {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            self.variables.insert(name.into(), value.into());
        }
        if !out.status.success() {
            eprintln!(
                "{run}\n{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
        }
        out.status.success()
    }
}

async fn ci_token(owner: &Client, scope: TokenScope) -> Secret {
    let input = TokenInput {
        name: "pipeline of my-project".into(),
        expires_in_days: Some(90),
        scope,
        worker: None,
    };
    owner.token_create(&input).await.expect("a token is made").value
}

/// The registry's login as the console keeps it for pipelines.
async fn keep_login(owner: &Client) {
    let registry = registry();
    let input = RegistryCredentialInput {
        name: "ci-registry".into(),
        host: registry.host.clone(),
        username: registry.username.clone(),
        password: Some(registry.password.as_str().into()),
        scope: CredentialScope::User,
        owner: String::new(),
        expires_ms: None,
        revision: None,
    };
    owner.registry_credential_create(&input).await.expect("a login is kept");
}

fn pushed(console: &Console, image: &str) -> bool {
    let put = format!("PUT /v2/{}/{image}/manifests/1.0", console.instance);
    registry().requests().contains(&put)
}

#[tokio::test]
async fn the_steps_of_the_workflow_build_and_push() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    keep_login(&alice).await;
    let token = ci_token(&alice, TokenScope::BuildAndStart).await;
    let text = fs::read_to_string(docs().join("github-workflow.yml")).expect("the workflow");
    let workflow: Workflow = serde_saphyr::from_str(&text).expect("the workflow is YAML of the expected shape");
    let job = &workflow.jobs["image"];
    let mut pipeline = Pipeline::new(&console, &token, "workflow");
    let asked: Vec<&str> = job.env.keys().map(String::as_str).collect();
    let given: Vec<&str> = pipeline.variables.keys().map(String::as_str).collect();
    assert_eq!(asked, given, "the test gives what the workflow asks for");
    assert_eq!(job.env["PRT_TOKEN"], "${{ secrets.PRT_TOKEN }}");

    let mut good = true;
    let mut ran = 0;
    for step in &job.steps {
        if step.run.is_empty() {
            // The checkout is there already.
            assert!(step.uses.starts_with("actions/checkout@"), "{step:?}");
        } else if good || step.condition == "always()" {
            ran += 1;
            good &= pipeline.step(&step.run);
        }
    }
    assert!(good && ran == 3, "{ran} steps");
    assert!(pushed(&console, "workflow"), "the registry has no such image");
    let ended = alice.worker(&pipeline.variables["PRT_WORKER"]).await.unwrap();
    assert!(
        matches!(ended.status, WorkerStatus::Terminating | WorkerStatus::Terminated),
        "{:?}",
        ended.status
    );
    assert_eq!(ended.stop_reason.as_deref(), Some("The pipeline has ended."));
}

#[tokio::test]
async fn the_shell_script_builds_and_pushes() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    keep_login(&alice).await;
    let script = docs().join("build.sh");
    let script = script.to_str().expect("a path");

    // In a worker that is there already: a token for builds is enough.
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let token = ci_token(&alice, TokenScope::Build).await;
    let mut pipeline = Pipeline::new(&console, &token, "shell");
    pipeline.variables.insert("PRT_WORKER".into(), worker.name.clone());
    let out = pipeline.bash(&[script]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(pushed(&console, "shell"), "the registry has no such image");
    assert!(
        alice.worker(&worker.name).await.unwrap().ready,
        "the worker is left running"
    );

    // A Dockerfile that fails: exit code 1, and the worker that was started is gone.
    let token = ci_token(&alice, TokenScope::BuildAndStart).await;
    let pipeline = Pipeline::new(&console, &token, "broken");
    let broken = format!("FROM {}\nRUN exit 7\n", shell_image());
    fs::write(pipeline.folder.path().join("checkout/Dockerfile"), broken).expect("a file");
    let out = pipeline.bash(&[script]);
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    let running = alice.workers(false).await.unwrap();
    assert_eq!(running.len(), 1, "{running:#?}");

    // A token that may not start a worker: not allowed, and nothing was started.
    let token = ci_token(&alice, TokenScope::Build).await;
    let out = Pipeline::new(&console, &token, "denied").bash(&[script]);
    assert_eq!(out.status.code(), Some(3));
    let words = String::from_utf8_lossy(&out.stderr);
    assert!(words.contains("This API token is for builds only."), "{words}");
}

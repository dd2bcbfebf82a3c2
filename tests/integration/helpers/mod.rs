//! A console of its own for each test.

mod authority;
mod browser;
mod cli;
mod console;
mod docker;
mod fake_registry;
mod faulty_registry;
mod forward;
mod gate;
mod local_image;
mod own_registry;
mod postgres;
mod registry;
mod small_disk;

pub use authority::Authority;
pub use browser::Browser;
pub use cli::Cli;
pub use console::{
    ADMIN_PASSWORD, Console, PRIVILEGED, USER_PASSWORD, builder_worker, canary, plain_worker, token_input,
};
pub use docker::{builder_container, docker, docker_remove, holds, remove_image};
pub use fake_registry::FakeRegistry;
pub use faulty_registry::FaultyRegistry;
pub use forward::{engine_behind, forward};
pub use gate::{Account, Asks, Gate};
pub use local_image::{BUILDER_IMAGE, LocalImage, WORKER_IMAGE};
pub use own_registry::OwnRegistry;
pub use postgres::postgres_database;
pub use registry::{base_image, http_registry, registry, shell_image};
pub use small_disk::SmallDisk;

use std::{future::Future, path::Path, process::Command, time::Duration};

use prt_client::{Client, ClientError};
use prt_types::{
    ErrorCode,
    workers::{ExecRequest, ExecResult},
};

/// What the refusal says about a field.
pub fn said(error: &ClientError, field: &str) -> String {
    let error = error
        .api()
        .unwrap_or_else(|| panic!("no answer of the console: {error}"));
    assert_eq!(error.code, ErrorCode::InvalidInput, "{error:?}");
    error
        .field(field)
        .unwrap_or_else(|| panic!("nothing about {field}: {error:?}"))
        .to_owned()
}

/// Files below `folder` that contain `needle`.
pub fn files_with(folder: &Path, needle: &str) -> String {
    let out = Command::new("grep")
        .args(["-rlaF", needle])
        .arg(folder)
        .output()
        .expect("grep runs");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Runs a script in a worker.
pub async fn sh(client: &Client, worker: &str, script: &str) -> ExecResult {
    let request = ExecRequest {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
    };
    client.worker_exec(worker, &request).await.expect("the command runs")
}

/// Waits until `look` gives something; it is asked again after each short pause, up to three minutes.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    // A look that blocks for longer than a tick must not take the thread from what runs beside it.
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let found = tokio::time::timeout(Duration::from_mins(3), async {
        loop {
            tick.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    });
    found
        .await
        .unwrap_or_else(|_| panic!("waited three minutes in vain: {what}"))
}

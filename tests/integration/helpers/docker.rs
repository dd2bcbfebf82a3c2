//! The engine's own client, for looking at what the console did from outside.

use std::process::Command;

use prt_types::workers::WorkerView;

/// Runs the client; its standard output, trimmed.
pub fn docker(args: &[&str]) -> String {
    let out = Command::new("docker")
        .args(args)
        .output()
        .expect("the docker client is missing: apt-get install docker.io");
    assert!(
        out.status.success(),
        "docker {} failed; is an engine running? scripts/setup/docker-engine.sh starts one.\n{}",
        args.join(" "),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Name of the container in which a worker's builder runs.
pub fn builder_container(worker: &WorkerView) -> String {
    format!("prt-{}-builder", worker.instance_id)
}

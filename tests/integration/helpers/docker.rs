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

/// Whether a condition of a shell holds in a container. By its full name: a test may have put another `sh` into the path.
pub fn holds(container: &str, condition: &str) -> bool {
    Command::new("docker")
        .args(["exec", container, "/bin/sh", "-c", condition])
        .output()
        .expect("the docker client is missing: apt-get install docker.io")
        .status
        .success()
}

/// Removes an image and what runs on it: while a container does, only the image's name would go. Somebody else may be removing the same.
pub fn remove_image(name: &str) {
    let call = |args: &[&str]| Command::new("docker").args(args).output();
    let Ok(containers) = call(&["ps", "-aq", "--filter", &format!("ancestor={name}")]) else {
        return;
    };
    for container in String::from_utf8_lossy(&containers.stdout).lines() {
        _ = call(&["rm", "-f", "-v", container]);
    }
    _ = call(&["rmi", "-f", name]);
}

/// Name of the container in which a worker's builder runs.
pub fn builder_container(worker: &WorkerView) -> String {
    format!("prt-{}-builder", worker.instance_id)
}

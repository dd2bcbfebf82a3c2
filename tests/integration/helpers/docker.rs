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

/// Removes what a listing names, for tests that end, perhaps by a panic: what does not go is said. Somebody else may be removing the same.
pub fn docker_remove(list: &[&str], remove: &[&str]) {
    let call = |args: &[&str]| match Command::new("docker").args(args).output() {
        Ok(out) if out.status.success() => String::from_utf8_lossy(&out.stdout).into_owned(),
        Ok(out) => {
            let said = String::from_utf8_lossy(&out.stderr);
            if !["No such", "not found", "already in progress"]
                .iter()
                .any(|gone| said.contains(gone))
            {
                eprintln!("docker {} failed: {}", args.join(" "), said.trim());
            }
            String::new()
        }
        Err(error) => {
            eprintln!("docker {} failed: {error}", args.join(" "));
            String::new()
        }
    };
    for id in call(list).lines() {
        call(&[remove, &[id]].concat());
    }
}

/// Removes an image and what runs on it: while a container does, only the image's name would go.
pub fn remove_image(name: &str) {
    docker_remove(&["ps", "-aq", "--filter", &format!("ancestor={name}")], &["rm", "-fv"]);
    // By its name: the same image may have others.
    let list = ["images", "--format", "{{.Repository}}:{{.Tag}}", "--filter"];
    docker_remove(&[&list[..], &[&format!("reference={name}")]].concat(), &["rmi", "-f"]);
}

/// Name of the container in which a worker's builder runs.
pub fn builder_container(worker: &WorkerView) -> String {
    format!("prt-{}-builder", worker.instance_id)
}

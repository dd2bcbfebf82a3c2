//! The seed's command line, and what its exit codes tell.

use crate::helpers::{Cli, Console, builder_worker, registry, shell_image};

/// As the seed writes it; the host, the project, the user and the token are put in.
const COMMAND: &str = r#"prtcli build-container-image -p \
    name="HOST/PROJECT/my-image" \
    tag="25.5.3" \
    build_args="{\"ENV_VAR\": \"value\"}" \
    registry_credentials="[(\"HOST\", \"USER\", \"TOKEN\")]""#;

#[tokio::test]
async fn the_command_of_the_seed_builds_and_pushes() {
    let console = Console::start().await;
    let registry = registry();
    let alice = console.user("alice", &[]).await;
    let worker = console.worker(&alice, &builder_worker("Medium-restricted")).await;
    let cli = Cli::login(&console, "alice");
    let run = |token: &str| {
        let line = COMMAND
            .replace("HOST", &registry.host)
            .replace("PROJECT", &console.instance)
            .replace("USER", &registry.username)
            .replace("TOKEN", token);
        let out = cli.shell(&line).output().expect("a shell starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code(), text(&out.stdout), text(&out.stderr))
    };

    let dockerfile = format!(
        "FROM {}\nARG ENV_VAR\nRUN echo \"ENV_VAR is $ENV_VAR\"\n",
        shell_image()
    );
    console.dockerfile(&alice, &worker.name, &dockerfile).await;
    let (code, out, err) = run(&registry.password);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        out.contains("ENV_VAR is value"),
        "the log is on standard output: {out}{err}"
    );
    let pushed = format!("PUT /v2/{}/my-image/manifests/25.5.3", console.instance);
    assert!(
        registry.requests().contains(&pushed),
        "the registry has seen no {pushed}"
    );

    // Wrong use: nothing was started.
    let (code, out, err) = run("not the password");
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(
        err.contains(&registry.host) && !err.contains("not the password"),
        "{err}"
    );

    console
        .dockerfile(&alice, &worker.name, "FROM scratch\nCOPY missing /\n")
        .await;
    let (code, out, err) = run(&registry.password);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(err.contains("missing"), "{err}");
}

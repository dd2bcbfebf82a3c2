//! What others share with a user is used by builds and read by nobody.

use prt_client::{Client, ClientError};
use prt_types::{
    ErrorCode,
    build_config::{BuildConfigInput, WhenBusy},
    builds::{BuildRequest, BuildStatus, RerunRequest},
    container_images::{ContainerImageInput, ContainerImageView},
    registry_credentials::{CredentialScope, RegistryCredentialInput},
    workers::{ImageConfig, WorkerConfig},
};

use crate::helpers::{Cli, Console, builder_worker, docker, docker_remove, registry};

const PLAIN: &str = "FROM scratch\nCOPY Dockerfile /\n";

async fn share(console: &Console, name: &str, scope: CredentialScope, owner: &str) {
    let registry = registry();
    let input = RegistryCredentialInput {
        name: name.into(),
        host: registry.host,
        username: registry.username,
        password: Some(registry.password.into()),
        scope,
        owner: owner.into(),
        ..RegistryCredentialInput::default()
    };
    console.admin.registry_credential_create(&input).await.unwrap();
}

fn request(console: &Console, worker: &str, name: &str) -> BuildRequest {
    BuildRequest {
        registry_credentials: vec![],
        registry_secrets: vec![name.into()],
        ..console.build_request(worker, "shared", "1")
    }
}

async fn refused(client: &Client, request: &BuildRequest) -> ClientError {
    let error = client.build_create(request).await.unwrap_err();
    assert!(client.builds(None, None, None, None).await.unwrap().is_empty());
    error
}

/// A frontend of the user's own could ask for the passwords of the build that it takes part in.
#[tokio::test]
async fn only_allowed_frontends_read_a_dockerfile() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    share(&console, "corp", CredentialScope::Everyone, "").await;
    let worker = console.worker(&alice, &builder_worker("Small")).await;
    let request = request(&console, &worker.name, "corp");
    let evil = format!("{}/evil/frontend:1", registry().host);
    for text in [
        format!("# syntax={evil}\n{PLAIN}"),
        format!("#!/usr/bin/env x\n# escape=`\n#SYNTAX = {evil} more\n{PLAIN}"),
        format!("// syntax={evil}\n{PLAIN}"),
        format!("{{\"syntax\": \"{evil}\"}}"),
    ] {
        console.dockerfile(&alice, &worker.name, &text).await;
        let error = refused(&alice, &request).await;
        let message = error.api().unwrap().field("dockerfile").unwrap_or_default().to_owned();
        assert!(
            message.contains(&evil) && message.contains("allowed_frontends"),
            "{text}: {error}"
        );
    }
    // The same by the command line, which sends the folder itself.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), format!("# syntax={evil}\n{PLAIN}")).unwrap();
    let out = Cli::login(&console, "alice")
        .command(&["build", "-w", &worker.name, "-t", "r.example.com/a/b:1"])
        .arg(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(
        !out.status.success() && stderr.contains(&evil) && stderr.contains("allowed_frontends"),
        "{stderr}"
    );

    console.dockerfile(&alice, &worker.name, PLAIN).await;
    let argument = |request: &mut BuildRequest| {
        request.build_args.insert("BUILDKIT_SYNTAX".into(), evil.clone());
    };
    let params = |text: &str| {
        let text = text.replace("EVIL", &evil);
        move |request: &mut BuildRequest| request.additional_build_params = text
    };
    let command = |text: &str| {
        let text = format!("buildctl build {}", text.replace("EVIL", &evil));
        move |request: &mut BuildRequest| request.custom_build_command = text
    };
    type Change<'a> = Box<dyn FnOnce(&mut BuildRequest) + 'a>;
    let changes: [(&str, Change<'_>); 7] = [
        ("build_args", Box::new(argument)),
        (
            "additional_build_params",
            Box::new(params("--build-arg BUILDKIT_SYNTAX=EVIL")),
        ),
        (
            "additional_build_params",
            Box::new(params(
                "--opt build-arg:BUILDKIT_SYNTAX=docker/dockerfile --opt 'build-arg:BUILDKIT_SYNTAX= EVIL x'",
            )),
        ),
        ("additional_build_params", Box::new(params("--opt source=EVIL"))),
        (
            "custom_build_command",
            Box::new(command("--opt build-arg:BUILDKIT_SYNTAX=EVIL")),
        ),
        ("custom_build_command", Box::new(command("--opt cmdline=EVIL"))),
        (
            "custom_build_command",
            Box::new(command("--frontend gateway.v0 --opt source=EVIL")),
        ),
    ];
    for (field, change) in changes {
        let mut request = request.clone();
        change(&mut request);
        let error = refused(&alice, &request).await;
        assert!(error.api().unwrap().field(field).is_some(), "{request:?}: {error}");
    }

    // An allowed one may not be brought from elsewhere by a configuration of the user's.
    let config = BuildConfigInput {
        config_content: Some("[registry.\"docker.io\"]\nmirrors = [\"mirror.example.com\"]\n".into()),
        ..BuildConfigInput::default()
    };
    alice.build_config_update(&worker.name, &config).await.unwrap();
    console
        .dockerfile(&alice, &worker.name, &format!("# syntax=docker/dockerfile:1\n{PLAIN}"))
        .await;
    let error = refused(&alice, &request).await;
    let api = error.api().unwrap();
    assert!(
        api.code == ErrorCode::Forbidden && api.message.contains("docker/dockerfile") && api.message.contains("corp"),
        "{error}"
    );
    // What it brought stays in the builder, where a digest finds it, also after a way back.
    alice
        .build_config_reset(&worker.name, WhenBusy::default())
        .await
        .unwrap();
    let pinned = format!("# syntax=docker/dockerfile@sha256:{}\n{PLAIN}", "1".repeat(64));
    console.dockerfile(&alice, &worker.name, &pinned).await;
    let error = refused(&alice, &request).await;
    assert_eq!(error.api().unwrap().code, ErrorCode::Forbidden, "{error}");
    // The builder's own comes with it.
    console.dockerfile(&alice, &worker.name, PLAIN).await;
    let build = alice.build_create(&request).await.unwrap();
    let build = console.build_end(&alice, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
}

/// A builder image of the user's own could show what a build uses.
#[tokio::test]
async fn a_custom_builder_gets_what_is_shared_only_if_its_rule_says_so() {
    let console = Console::start().await;
    let alice = console.user("alice", &[]).await;
    share(&console, "corp", CredentialScope::Everyone, "").await;
    // For her alone, and yet she was never told its password.
    share(&console, "for-alice", CredentialScope::User, "alice").await;
    let registry = registry();
    let own = RegistryCredentialInput {
        name: "mine".into(),
        host: registry.host.clone(),
        username: registry.username.clone(),
        password: Some(registry.password.clone().into()),
        ..RegistryCredentialInput::default()
    };
    alice.registry_credential_create(&own).await.unwrap();

    let image = format!("custom.example.com/{}/builder:1", console.instance);
    let _image = Tagged::of(&console.admin.builders().await.unwrap().restricted_image, &image);
    let rule = console
        .admin
        .container_image_create(&ContainerImageInput {
            image: image.clone(),
            users: vec!["alice".into()],
            ..ContainerImageInput::default()
        })
        .await
        .unwrap();
    assert!(!rule.trusted_with_credentials);
    let config = WorkerConfig {
        image_config: ImageConfig {
            custom_builder_url: Some(image.clone()),
            ..builder_worker("Small").image_config
        },
        ..builder_worker("Small")
    };
    let worker = console.worker(&alice, &config).await;
    console.dockerfile(&alice, &worker.name, PLAIN).await;

    for name in ["corp", "for-alice"] {
        let error = refused(&alice, &request(&console, &worker.name, name)).await;
        let api = error.api().unwrap();
        assert_eq!(api.code, ErrorCode::Forbidden, "{error}");
        assert!(api.message.contains(&image) && api.message.contains(name), "{error}");
        let hint = api.hint.as_deref().unwrap_or_default();
        assert!(hint.contains("Trusted with shared credentials"), "{hint}");
    }
    let typed = console.build_request(&worker.name, "shared", "1");
    for request in [typed, request(&console, &worker.name, "mine")] {
        let build = alice.build_create(&request).await.unwrap();
        let build = console.build_end(&alice, build.number).await;
        assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    }

    // The rule as it is now counts, in workers that run, too.
    trust(&console, &rule, true).await;
    let build = alice
        .build_create(&request(&console, &worker.name, "corp"))
        .await
        .unwrap();
    let build = console.build_end(&alice, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    trust(&console, &rule, false).await;
    let again = alice
        .build_rerun(build.number, &RerunRequest::default())
        .await
        .unwrap_err();
    assert_eq!(again.api().unwrap().code, ErrorCode::Forbidden, "{again}");
}

async fn trust(console: &Console, rule: &ContainerImageView, trusted_with_credentials: bool) {
    let input = ContainerImageInput {
        image: rule.image.clone(),
        users: rule.users.clone(),
        trusted_with_credentials,
        ..ContainerImageInput::default()
    };
    let saved = console.admin.container_image_update(rule.id, &input).await.unwrap();
    assert_eq!(saved.trusted_with_credentials, trusted_with_credentials);
}

/// An image under another name, for as long as the test runs.
struct Tagged(String);

impl Tagged {
    fn of(image: &str, name: &str) -> Self {
        docker(&["tag", image, name]);
        Self(name.to_owned())
    }
}

impl Drop for Tagged {
    fn drop(&mut self) {
        // By this name only: builders of other tests run on the same image.
        docker_remove(
            &[
                "images",
                "--format",
                "{{.Repository}}:{{.Tag}}",
                "--filter",
                &format!("reference={}", self.0),
            ],
            &["rmi"],
        );
    }
}

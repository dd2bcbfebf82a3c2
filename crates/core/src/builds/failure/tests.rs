//! On what real builders said: `recorded.jsonl` holds the ends of builds by BuildKit 0.32.2 against a registry that misbehaves as its
//! repositories are named, the fixtures of the decoder whole builds.

mod rows;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::rows::ROWS;
use super::*;
use crate::buildkit::{mask::Masker, rawjson::Decoder};

#[derive(Deserialize)]
struct Recorded {
    name: String,
    dockerfile: String,
    text: String,
    step: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

fn step(name: &str, error: &str) -> Step {
    Step {
        step: 1,
        name: name.into(),
        state: StepState::Failed,
        started_ms: Some(0),
        completed_ms: Some(1),
        inputs: vec![],
        error: Some(error.into()),
    }
}

impl Recorded {
    fn all() -> BTreeMap<String, Self> {
        let lines = include_str!("recorded.jsonl").lines();
        let all = lines.map(|line| serde_json::from_str(line).expect("a recorded end"));
        all.map(|one: Self| (one.name.clone(), one)).collect()
    }

    fn in_builder(&self, builder: Builder) -> Failure {
        let step = self.step.as_deref().zip(self.error.as_deref());
        let step = step.map(|(name, error)| self::step(name, error));
        let warnings: Vec<(u32, String)> = self.warnings.iter().map(|text| (1, text.clone())).collect();
        classify(&Evidence {
            error_text: &self.text,
            step: step.as_ref(),
            last_lines: &[],
            warnings: &warnings,
            exit_code: 1,
            logins: &[],
            dockerfile: ("sub/Dockerfile", &self.dockerfile),
            builder,
        })
    }
}

#[test]
fn what_real_builders_said_has_its_reason_its_line_and_its_words() {
    let recorded = Recorded::all();
    let mut wrong = vec![];
    for (name, reason, line, words) in ROWS {
        let (found, message) = recorded[*name].in_builder(Builder::default());
        let named = *line == 0 || message.contains(&format!("line {line})"));
        if found != *reason || !named || !message.contains(words) {
            wrong.push(format!("{name}: {found:?}: {message}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        ROWS.len(),
        wrong.join("\n")
    );
    let covered = |name: &String| ROWS.iter().any(|row| row.0 == name) || ["diskrun", "oom"].contains(&name.as_str());
    assert!(recorded.keys().all(covered), "each recorded end has a row");
}

#[test]
fn memory_and_disk_are_believed_of_the_builder_alone() {
    let recorded = Recorded::all();
    let no_memory = Builder {
        ran_out_of_memory: true,
        ..Builder::default()
    };
    let no_room = Builder {
        disk_full: true,
        ..Builder::default()
    };
    let (reason, message) = recorded["oom"].in_builder(no_memory);
    assert_eq!(reason, BuildReason::OutOfMemory, "{message}");
    assert!(message.contains("(Dockerfile, line 2) was killed because the builder ran out of memory"));
    let (reason, message) = recorded["oom"].in_builder(Builder::default());
    assert_eq!(reason, BuildReason::StepFailed);
    assert!(
        message.contains("was killed (exit code 137, SIGKILL), but not for lack of memory"),
        "{message}"
    );
    let (reason, message) = recorded["multiline"].in_builder(no_memory);
    assert_eq!(reason, BuildReason::StepFailed, "it ended by itself");
    assert!(
        message.contains("exit code 9") && message.contains("memory ran out"),
        "{message}"
    );
    assert_eq!(recorded["diskrun"].in_builder(no_room).0, BuildReason::DiskFull);
    assert_eq!(
        recorded["diskrun"].in_builder(Builder::default()).0,
        BuildReason::StepFailed
    );
}

#[test]
fn nothing_that_a_step_prints_or_quotes_decides() {
    for command in [
        "echo cannot allocate memory; exit 3",
        "echo 'exit code: 137 or so'; exit 3",
        "echo 'failed to resolve nosuch.invalid'; exit 3",
        "echo 'failed to push origin'; exit 3",
        "ls /run/buildkit/buildkitd.sock; exit 3",
        "echo 'No space left on device'; exit 3",
        "echo 401 Unauthorized; echo x509: ; exit 3",
        "echo network.host is not allowed; exit 3",
        "echo context canceled; exit 3",
    ] {
        let error = format!("process \"/bin/sh -c {command}\" did not complete successfully: exit code: 3");
        let step = step(&format!("[2/2] RUN {command}"), &error);
        let lines = [command.to_owned()];
        let (reason, message) = classify(&Evidence {
            error_text: &format!("error: failed to solve: {error}\n"),
            step: Some(&step),
            last_lines: &lines,
            warnings: &[],
            exit_code: 1,
            logins: &[],
            dockerfile: ("Dockerfile", ""),
            builder: Builder::default(),
        });
        assert_eq!(reason, BuildReason::StepFailed, "{message}");
        assert!(
            message.contains("ended with exit code 3. It printed last: "),
            "{message}"
        );
    }
}

fn of(fixture: &str) -> Failure {
    let path = format!("{}/src/buildkit/fixtures/{fixture}.rawjson", env!("CARGO_MANIFEST_DIR"));
    let mut decoder = Decoder::new(0, Masker::default());
    let mut events = vec![];
    decoder.push(&std::fs::read(path).unwrap(), &mut events);
    decoder.finish(&mut events);
    let error_text = decoder.error_text();
    classify(&Evidence {
        error_text: &error_text,
        step: failed_step(decoder.steps()),
        last_lines: &[],
        warnings: decoder.warnings(),
        exit_code: 1,
        logins: &[],
        dockerfile: ("Dockerfile", ""),
        builder: Builder::default(),
    })
}

#[test]
fn whole_builds_have_their_reason_and_words() {
    use BuildReason as R;
    for (fixture, reason, words) in [
        (
            "step_failed",
            R::StepFailed,
            "RUN echo before; ls /nope; exit 3 (Dockerfile, line 2) ended with exit code 3.",
        ),
        (
            "two",
            R::StepFailed,
            "exit 4 (Dockerfile, line 2) ended with exit code 4.",
        ),
        (
            "copy_missing",
            R::StepFailed,
            "COPY nope.txt / (Dockerfile, line 2): there is no nope.txt in the context.",
        ),
        ("oom", R::StepFailed, "(Dockerfile, line 2) was killed (exit code 137"),
        (
            "parse_error",
            R::DockerfileInvalid,
            "cannot be used (Dockerfile, line 2): dockerfile parse error on line 2: unknown instruction: FOO",
        ),
        ("empty", R::DockerfileInvalid, "file with no instructions."),
        ("blank", R::DockerfileInvalid, "base name (${X}) should not be blank."),
        (
            "pull_denied",
            R::PullDenied,
            "The registry registry.prt.localhost:5443 refused to let registry.prt.localhost:5443/practicusai/",
        ),
        (
            "pull_missing",
            R::NoSuchImage,
            "has no image registry.prt.localhost:5443/nope/nope:1 (Dockerfile, line 1)",
        ),
        (
            "unreachable",
            R::RegistryUnreachable,
            "registry.prt.localhost:5999 cannot be reached to pull registry.prt.localhost:5999/nope/nope:1",
        ),
        (
            "nohost",
            R::RegistryUnreachable,
            "nosuch.prt.invalid cannot be reached to pull nosuch.prt.invalid/nope/nope:1 (Dockerfile, line 1): there is no such host name.",
        ),
        (
            "push_denied_scratch",
            R::PushDenied,
            "The registry registry.prt.localhost:5443 refused the push of registry.prt.localhost:5443/demo/rec3:1: 401 Unauthorized.",
        ),
        (
            "push_unreach",
            R::RegistryUnreachable,
            "The registry registry.prt.localhost:5999 cannot be reached for the push of registry.prt.localhost:5999/demo/x:1: nothing",
        ),
    ] {
        let (found, message) = of(fixture);
        assert_eq!(found, reason, "{fixture}: {message}");
        assert!(message.contains(words), "{fixture}: {message}");
    }
}

fn from(error_text: &str, logins: &[RegistryCredential]) -> Failure {
    classify(&Evidence {
        error_text,
        step: None,
        last_lines: &[],
        warnings: &[],
        exit_code: 1,
        logins,
        dockerfile: ("Dockerfile", ""),
        builder: Builder::default(),
    })
}

#[test]
fn what_could_not_be_recorded_is_told_as_well() {
    use BuildReason as R;
    let lost = "error: listing workers for Build: failed to list workers: Unavailable: connection error";
    assert_eq!(from(lost, &[]).0, R::BuilderLost);
    let untrusted = "error: failed to solve: r.io/x:1: failed to resolve source metadata for r.io/x:1: failed to do request: Head \
                     \"https://r.io/v2/x/manifests/1\": tls: failed to verify certificate: x509: certificate signed by unknown authority";
    let (reason, message) = from(untrusted, &[]);
    assert_eq!(reason, R::RegistryUnreachable);
    assert!(
        message.contains("its certificate is not trusted. Name the registry in the worker's build configuration"),
        "{message}"
    );
    let (reason, message) = from("error: something new", &[]);
    assert_eq!(
        (reason, message.as_str()),
        (R::BuildKitError, "BuildKit failed with exit code 1: something new.")
    );
    assert_eq!(from("", &[]).1, "BuildKit failed with exit code 1: it said nothing.");
    let tls = "error: failed to solve: failed to push h:5000/a:1: failed to do request: Head \"https://h:5000/v2/\": tls: failed to \
               verify certificate: x509: certificate signed by unknown authority";
    let (_, message) = from(tls, &[]);
    assert!(
        message.contains("its certificate is not trusted. Set insecure_registry"),
        "{message}"
    );
    let hub = "error: failed to solve: a/b:1: failed to resolve source metadata for docker.io/a/b:1: pull access denied, repository \
               does not exist or may require authorization: server message: insufficient_scope: authorization failed";
    assert_eq!(from(hub, &[]).0, R::PullDenied);
}

#[test]
fn the_credential_that_was_refused_is_named() {
    let logins = [("r.io:5000", "whole"), ("r.io:5000/team", "ada")].map(|(host, username)| RegistryCredential {
        host: host.into(),
        username: username.into(),
        password: "p".into(),
        only: None,
    });
    let digest = format!("r.io:5000/team/x@sha256:{}", "ab".repeat(32));
    for (image, user) in [
        ("r.io:5000/team/x:1", "ada"),
        (digest.as_str(), "ada"),
        ("r.io:5000/y:1", "whole"),
    ] {
        let text = format!(
            "error: failed to solve: {image}: failed to resolve source metadata for {image}: unexpected status from HEAD request to \
             https://r.io:5000/v2/x/manifests/1: 403 Forbidden"
        );
        let (reason, message) = from(&text, &logins);
        let wanted = format!("The registry r.io:5000 refused to let {image} be pulled by {user}: 403 Forbidden.");
        assert!(
            reason == BuildReason::PullDenied && message.starts_with(&wanted),
            "{message}"
        );
    }
}

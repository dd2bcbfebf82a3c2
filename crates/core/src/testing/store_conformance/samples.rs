//! Rows to store, with a value in every field.

use std::{collections::BTreeMap, sync::Arc};

use prt_types::{
    access::{Door, Role, TokenScope},
    audit::Outcome,
    builds::{BuildOptions, BuildReason, BuildSecretView, BuildStatus, CredentialUse, CredentialView},
    container_images::{PullPolicy, ServiceType},
    ids::{
        AuditId, BuildId, ContainerImageId, GroupId, NamedSecretId, RegistryCredentialId, TokenId, UserId, WorkerId,
        WorkerSizeId,
    },
    security_contexts::{SeccompProfile, SecurityContext, SecurityRights},
    worker_sizes::Limits,
    workers::{ContainerRole, WorkerReason, WorkerStatus},
};

use super::write;
use crate::{
    clock::new_id,
    store::{
        ApiToken, AuditRow, Build, ContainerImage, Grantee, Group, NamedSecret, OwnSecurityContext, PlannedContainer,
        RegistryCredential, Store, User, Worker, WorkerSize,
    },
};

pub(super) fn user(name: &str) -> User {
    User {
        id: UserId(new_id()),
        username: name.into(),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into(),
        role: Role::User,
        created_ms: 1_700_000_000_123,
    }
}

pub(super) fn group(name: &str, everyone: bool) -> Group {
    Group {
        id: GroupId(new_id()),
        name: name.into(),
        everyone,
        created_ms: 1_700_000_000_123,
    }
}

pub(super) fn token(user: &User, hash: &str) -> ApiToken {
    ApiToken {
        id: TokenId(new_id()),
        user_id: user.id,
        name: "laptop".into(),
        hash: hash.into(),
        prefix: "prt_ab".into(),
        worker_id: None,
        scope: TokenScope::Full,
        created_ms: 5,
        expires_ms: Some(6),
        last_used_ms: None,
    }
}

pub(super) fn image(pattern: &str, order: i64, grants: Vec<Grantee>) -> ContainerImage {
    ContainerImage {
        id: ContainerImageId(new_id()),
        image: pattern.into(),
        service_type: ServiceType::Workspace,
        name: "Data science".into(),
        description: "With everything".into(),
        version: "1.2".into(),
        minimum_version: "1.0".into(),
        recommended_version: "1.1".into(),
        pull_policy: Some(PullPolicy::IfNotPresent),
        repo_username: "robot".into(),
        repo_password_sealed: Some(vec![0, 1, 0xff, 0, 0x80]),
        repo_credential_id: None,
        trusted_with_credentials: true,
        startup_script: "echo 'hello'\nexit 0\n".into(),
        order,
        grants,
        revision: 1,
        created_ms: 10,
        updated_ms: 11,
    }
}

pub(super) fn credential(name: &str, owner: Grantee) -> RegistryCredential {
    RegistryCredential {
        id: RegistryCredentialId(new_id()),
        name: name.into(),
        host: "registry.example.com:5000".into(),
        username: "robot$x".into(),
        password_sealed: vec![0, 1, 0xff, 0, 0x80],
        owner,
        stored_by: match owner {
            Grantee::User(id) => Some(id),
            Grantee::Group(_) => None,
        },
        expires_ms: Some(30),
        last_used_ms: Some(20),
        revision: 1,
        created_ms: 10,
        updated_ms: 11,
    }
}

pub(super) fn secret(name: &str, owner: Option<UserId>, grants: Vec<Grantee>) -> NamedSecret {
    NamedSecret {
        id: NamedSecretId(new_id()),
        name: name.into(),
        owner,
        value_sealed: vec![0, 1, 0xff, 0, 0x80],
        grants,
        last_used_ms: Some(20),
        revision: 1,
        created_ms: 10,
        updated_ms: 11,
    }
}

pub(super) fn size(name: &str, cpu_millis: i64, memory_mib: i64) -> WorkerSize {
    WorkerSize {
        id: WorkerSizeId(new_id()),
        name: name.into(),
        cpu_millis,
        cpu_net_millis: cpu_millis - 100,
        memory_mib,
        memory_net_mib: memory_mib - 256,
        gpus: 2,
        gpu_vram_gib: 80,
        gpu_type: "nvidia-a100".into(),
        node_selector: [("disktype".to_owned(), "ssd".to_owned())].into(),
        security_context: SecurityContext::Restricted,
        default: true,
        grants: Vec::new(),
        revision: 1,
        created_ms: 12,
        updated_ms: 13,
    }
}

/// With a value of its own in each field.
pub(super) fn rights() -> SecurityRights {
    SecurityRights {
        run_as_user: Some(2000),
        run_as_non_root: true,
        read_only_root: true,
        add_capabilities: vec!["CHOWN".into()],
        drop_capabilities: vec!["NET_RAW".into(), "KILL".into()],
        seccomp: SeccompProfile::Unconfined,
        allow_privilege_escalation: true,
        privileged: true,
    }
}

pub(super) fn own_context(name: &str) -> OwnSecurityContext {
    OwnSecurityContext {
        name: name.into(),
        description: "For tests".into(),
        rights: rights(),
        revision: 1,
        created_ms: 14,
        updated_ms: 15,
    }
}

pub(super) fn worker(owner: &User, number: i64) -> Worker {
    let limits = Limits {
        cpu_millis: 1900,
        memory_mib: 3840,
        gpus: 1,
    };
    Worker {
        id: WorkerId(new_id()),
        number,
        owner_id: owner.id,
        owner: owner.username.clone(),
        image: "registry.example.com/team/image:1.2".into(),
        image_digest: Some("sha256:0123".into()),
        size: "Medium".into(),
        size_id: Some(WorkerSizeId(new_id())),
        limits,
        security_context: SecurityContext::Privileged,
        rights: rights(),
        builder: true,
        builder_capacity: Some(50),
        planned: vec![
            PlannedContainer {
                role: ContainerRole::Primary,
                image: "image:1".into(),
                limits,
            },
            PlannedContainer {
                role: ContainerRole::Builder,
                image: "builder:1".into(),
                limits: Limits::default(),
            },
        ],
        status: WorkerStatus::Provisioning,
        reason: Some(WorkerReason::NoJupyter),
        message: "Pulling".into(),
        created_ms: 20,
        ready_ms: Some(21),
        ended_ms: Some(22),
        stop_reason: Some("done with it".into()),
        personal_secrets: vec!["HF_TOKEN".into()],
        shared_secrets: vec!["S3_KEY".into(), "DB".into()],
        additional_params: [("nodes".to_owned(), serde_json::json!([1, {"a": "\u{0}'\""}]))].into(),
    }
}

pub(super) fn build(worker: &Worker, owner: &User, number: i64) -> Build {
    Build {
        id: BuildId(new_id()),
        number,
        worker_id: worker.id,
        worker_number: worker.number,
        owner_id: owner.id,
        owner: owner.username.clone(),
        door: Door::Sdk,
        name: "registry.example.com/demo/my-image".into(),
        tag: "v1".into(),
        push_image: true,
        build_args: BTreeMap::from([("A".into(), "1".into()), ("QUOTE".into(), "\"'\u{0}\n".into())]),
        credentials: vec![CredentialView {
            secret_name: Some("corp-robot".into()),
            host: "registry.example.com".into(),
            username: "robot".into(),
            only: Some(CredentialUse::Push),
        }],
        credentials_sealed: Some(vec![0, 255, 0, 127]),
        insecure_registry: true,
        no_cache: true,
        context_id: "ab".repeat(32),
        context: "app".into(),
        dockerfile: "Dockerfile.dev".into(),
        options: BuildOptions {
            additional_tags: vec!["registry.example.com/demo/my-image:v2".into()],
            labels: BTreeMap::from([("a".into(), "\"'\u{0}\n".into())]),
            secrets: vec![BuildSecretView {
                id: "npm".into(),
                personal_secret: Some("NPM".into()),
                shared_secret: None,
            }],
            oci_mediatypes: Some(false),
            ..BuildOptions::default()
        },
        additional_build_params: "--opt target=web".into(),
        custom_build_command: "buildctl build".into(),
        dockerfile_text: "FROM scratch\n".into(),
        status: BuildStatus::Pending,
        reason: Some(BuildReason::StepFailed),
        message: "exit code 1".into(),
        step: Some("[2/3] RUN false".into()),
        digest: Some("sha256:4567".into()),
        rerun_of: Some(3),
        cancel_requested: true,
        created_ms: 30,
        started_ms: Some(31),
        ended_ms: Some(32),
        steps: 3,
        steps_cached: 1,
        lines: 1_000_000_000_000,
        pinned: false,
        log_deleted_ms: None,
    }
}

pub(super) fn audit_row(action: &str) -> AuditRow {
    AuditRow {
        id: AuditId(new_id()),
        at_ms: 40,
        actor: "ada".into(),
        door: Door::Cli,
        address: "192.0.2.1".into(),
        action: action.into(),
        object: "Worker-12".into(),
        outcome: Outcome::Refused,
        details: r#"{"rule":"none"}"#.into(),
    }
}

/// A store with a user who has a worker, both saved.
pub(super) async fn user_with_worker(store: &Arc<dyn Store>) -> (User, Worker) {
    let owner = user("ada");
    let mut repo = write(store).await;
    repo.user_add(&owner).await.unwrap();
    let worker = worker(&owner, repo.worker_next_number().await.unwrap());
    repo.worker_add(&worker).await.unwrap();
    repo.save().await.unwrap();
    (owner, worker)
}

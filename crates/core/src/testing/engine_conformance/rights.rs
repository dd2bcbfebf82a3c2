//! What a worker may do, and what it finds mounted.

use super::{
    BUILDER, Bed, FileInContainer, HOLD, PRIMARY, Seccomp, SecuritySettings, Tmpfs, WorkerId, WorkerPlan,
    default_security, mount, new_id, shell,
};

/// A line of `/proc/self/status`.
pub(super) async fn status(bed: &Bed, worker: WorkerId, field: &str) -> String {
    bed.sh(worker, PRIMARY, &format!("grep ^{field}: /proc/self/status | cut -f2"))
        .await
}

pub(super) async fn restricted_rights(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.security = SecuritySettings {
        run_as: Some((1000, 1000)),
        allow_privilege_escalation: false,
        drop_capabilities: vec!["ALL".into()],
        add_capabilities: vec!["SETUID".into(), "SETGID".into()],
        seccomp: Seccomp::Unconfined,
        mask_proc: false,
        ..default_security()
    };
    let (limits, security) = (primary.limits, primary.security.clone());
    let worker = bed.start(&bed.plan(primary)).await;
    // What a console without a row needs to know.
    let found = bed.engine.found(worker).await.unwrap().expect("the engine has it");
    assert_eq!((found.name.as_str(), found.owner.as_str()), ("Worker-1", "conformance"));
    let container = found.container(PRIMARY).expect("its container");
    assert_eq!((found.containers.len(), container.seen.limits), (1, limits));
    assert_eq!(container.security, security);
    assert!(!container.seen.image.is_empty());
    assert_eq!(bed.engine.found(WorkerId(new_id())).await.unwrap(), None);
    assert_eq!(bed.sh(worker, PRIMARY, "id -u; id -g").await, "1000\n1000");
    assert_eq!(status(bed, worker, "NoNewPrivs").await, "1");
    assert_eq!(status(bed, worker, "Seccomp").await, "0");
    // SETGID is 6, SETUID is 7.
    assert_eq!(status(bed, worker, "CapBnd").await, "00000000000000c0");
    assert_eq!(
        bed.sh(worker, PRIMARY, "grep -c ' /proc/' /proc/mounts || true").await,
        "0",
        "nothing of /proc is masked"
    );
}

pub(super) async fn default_rights(bed: &Bed) {
    let worker = bed.start_plain().await;
    assert_eq!(bed.sh(worker, PRIMARY, "id -u").await, "0");
    assert_eq!(status(bed, worker, "NoNewPrivs").await, "0");
    assert_eq!(status(bed, worker, "Seccomp").await, "2");
    assert_ne!(
        bed.sh(worker, PRIMARY, "grep -c ' /proc/' /proc/mounts || true").await,
        "0",
        "parts of /proc are masked"
    );
    let refused = bed.run(worker, PRIMARY, shell("mount -t tmpfs none /tmp")).await;
    assert_ne!(refused.exit_code, 0, "not privileged");
}

pub(super) async fn volumes(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.mounts = vec![
        mount("build", "/home/ubuntu/build", false),
        mount("build", "/build", true),
    ];
    let mut builder = bed.container(HOLD);
    builder.security.run_as = Some((1000, 1000));
    builder.mounts = vec![
        mount("build", "/build", false),
        mount("state", "/home/ubuntu/.local/share/state", false),
    ];
    let worker = bed
        .start(&WorkerPlan {
            builder: Some(builder),
            ..bed.plan(primary)
        })
        .await;

    let owner = "stat -c '%u %g %a'";
    assert_eq!(
        bed.sh(worker, PRIMARY, &format!("{owner} /home/ubuntu/build")).await,
        "1000 1000 775"
    );
    assert_eq!(
        bed.sh(worker, BUILDER, &format!("{owner} /home/ubuntu/.local/share/state"))
            .await,
        "1000 1000 775"
    );
    bed.sh(
        worker,
        BUILDER,
        "echo shared > /build/file && touch /home/ubuntu/.local/share/state/x",
    )
    .await;
    assert_eq!(
        bed.sh(worker, PRIMARY, "cat /home/ubuntu/build/file /build/file").await,
        "shared\nshared"
    );
    let refused = bed.run(worker, PRIMARY, shell("touch /build/no")).await;
    assert_ne!(refused.exit_code, 0, "read-only");
}

pub(super) async fn read_only_root(bed: &Bed) {
    let mut primary = bed.container(HOLD);
    primary.security.read_only_root = true;
    primary.mounts = vec![mount("work", "/home/ubuntu/work", false)];
    primary.files = vec![FileInContainer {
        path: "/home/ubuntu/work/deep/f".into(),
        content: b"x".into(),
        mode: 0o600,
        owner: (1000, 1000),
    }];
    let worker = bed.start(&bed.plan(primary)).await;
    assert_ne!(bed.run(worker, PRIMARY, shell("touch /etc/no")).await.exit_code, 0);
    let seen = bed
        .sh(
            worker,
            PRIMARY,
            "cd /home/ubuntu/work; stat -c '%u %g %a' . deep deep/f",
        )
        .await;
    assert_eq!(seen, "1000 1000 775\n1000 1000 755\n1000 1000 600");
}

pub(super) async fn files(bed: &Bed) {
    let file = |path: &str, mode, owner| FileInContainer {
        path: path.into(),
        content: b"content\n".into(),
        mode,
        owner,
    };
    let long = format!("/srv/{}/{}/f", "a".repeat(90), "b".repeat(90));
    let mut primary = bed.container("cat /home/ubuntu/.config/app/settings; trap 'exit 0' TERM; sleep 100000 & wait");
    primary.files = vec![
        file("/home/ubuntu/.config/app/settings", 0o640, (1000, 1001)),
        file("/home/ubuntu/.config/other", 0o600, (1000, 1000)),
        file("/etc/prt.conf", 0o644, (0, 0)),
        file(&long, 0o644, (0, 0)),
    ];
    primary.tmpfs = vec![Tmpfs {
        path: "/secrets".into(),
        size_mib: 1,
        mode: 0o700,
        owner: (1000, 1000),
    }];
    let worker = bed.start(&bed.plan(primary)).await;

    let stat = bed
        .sh(worker, PRIMARY, "stat -c '%u %g %a' /home/ubuntu/.config /home/ubuntu/.config/app/settings /home/ubuntu/.config/other /etc/prt.conf")
        .await;
    assert_eq!(stat, "1000 1001 755\n1000 1001 640\n1000 1000 600\n0 0 644");
    assert_eq!(
        bed.sh(worker, PRIMARY, "stat -c '%u %g %a' /etc").await,
        "0 0 755",
        "existing folders stay as they are"
    );
    assert_eq!(
        bed.sh(worker, PRIMARY, &format!("cat /etc/prt.conf {long}")).await,
        "content\ncontent"
    );

    assert_eq!(
        bed.sh(
            worker,
            PRIMARY,
            "stat -c '%u %g %a' /secrets; grep -c '^tmpfs /secrets' /proc/mounts"
        )
        .await,
        "1000 1000 700\n1"
    );
    let full = bed
        .run(
            worker,
            PRIMARY,
            shell("dd if=/dev/zero of=/secrets/x bs=1024 count=1500"),
        )
        .await;
    assert_ne!(full.exit_code, 0, "1 MiB and no more");
    assert_eq!(bed.sh(worker, PRIMARY, "echo $FROM_PLAN").await, "a b=c");
}

//! From what the probe saw to what is wrong and what to do about it. Pure.

use std::collections::HashMap;

use prt_agent_protocol::HostFinding;
use prt_types::builders::{CheckState, HostCheck};

const NAMESPACES_OFF: &str = "On the host: sysctl -w user.max_user_namespaces=28633, and the same line without `sysctl -w` in \
    /etc/sysctl.d/99-rootless.conf.";
const CLONE_OFF: &str =
    "On the host: sysctl -w kernel.unprivileged_userns_clone=1, and the same in /etc/sysctl.d/99-rootless.conf.";
const APPARMOR: &str = "On the host: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, and the same in \
    /etc/sysctl.d/99-rootless.conf; or an AppArmor profile that allows `userns` for rootlesskit.";
const SECCOMP: &str = "Let the engine run containers with seccomp=unconfined, which the console asks for: an authorization plugin or a \
    fixed profile stands against it.";
const NO_NEW_PRIVILEGES: &str = "Remove \"no-new-privileges\": true from the engine's /etc/docker/daemon.json and restart the engine: \
    newuidmap gains its capability by its file.";
const NEWUIDMAP: &str = "In the builder's image, newuidmap and newgidmap need file capabilities instead of setuid: chmod u-s \
    /usr/bin/newuidmap /usr/bin/newgidmap; setcap cap_setuid+ep /usr/bin/newuidmap; setcap cap_setgid+ep /usr/bin/newgidmap. The \
    engine must not mount its data with nosuid.";
const SUBUID: &str = "In the builder's image: echo user:100000:65536 >>/etc/subuid; the same for /etc/subgid. `user` is the user that \
    it runs as.";
const PROC: &str = "Let the engine unmask /proc, which the console asks for (MaskedPaths: [], on a command line \
    systempaths=unconfined): Docker Engine 18.09 or newer.";
const PROGRAMS: &str = "Use the platform's builder image, or one on moby/buildkit:rootless (builder_image in the console's \
    configuration).";
const OVERLAY: &str = "Use a kernel of 5.11 or newer with the overlay module, or give /dev/fuse to containers: otherwise each step \
    of a build copies the whole image.";

/// What the agent found.
pub struct Report(HashMap<String, HostFinding>);

impl Report {
    pub fn new(findings: Vec<HostFinding>) -> Self {
        let named = findings.into_iter().map(|finding| (finding.name.clone(), finding));
        Self(named.collect())
    }

    fn works(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|finding| finding.ok)
    }

    fn words(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |finding| &finding.words)
    }

    /// A value of the kernel; unset where the kernel has no such thing.
    fn value(&self, name: &str) -> Option<&str> {
        self.works(name).then(|| self.words(name))
    }
}

fn check(id: &str, title: &str, state: CheckState, found: impl Into<String>, fix: &str) -> HostCheck {
    let fix = if state == CheckState::Ok { "" } else { fix };
    HostCheck {
        id: id.into(),
        title: title.into(),
        state,
        found: found.into(),
        fix: fix.into(),
    }
}

fn verdict(good: bool) -> CheckState {
    if good { CheckState::Ok } else { CheckState::Failed }
}

/// All checks, in the order in which they depend on each other.
pub fn evaluate(report: &Report) -> Vec<HostCheck> {
    // Everything up to a process in a user namespace of its own.
    let enters = report.works("enter");
    let after = |good: bool| if enters { verdict(good) } else { CheckState::Unknown };
    vec![
        programs(report),
        seccomp(report),
        no_new_privileges(report),
        namespaces(report, enters),
        ids(report),
        id_maps(report, enters),
        check(
            "proc",
            "Unmasked /proc",
            after(report.works("proc")),
            match (enters, report.works("proc")) {
                (true, true) => "Build steps get a /proc of their own.".to_owned(),
                (true, false) => format!("A /proc of its own is refused: {}", report.words("proc")),
                (false, _) => "Not tried: user namespaces come first.".to_owned(),
            },
            PROC,
        ),
        overlay(report, enters),
        check(
            "cgroup",
            "Control groups and kernel",
            CheckState::Ok,
            format!("cgroup {}, Linux {}", report.words("cgroup"), report.words("kernel")),
            "",
        ),
    ]
}

fn programs(report: &Report) -> HostCheck {
    let missing: Vec<&str> = ["buildkitd", "buildctl", "rootlesskit", "newuidmap"]
        .into_iter()
        .filter(|name| !report.works(name))
        .collect();
    let found = if missing.is_empty() {
        report.words("buildkitd").to_owned()
    } else {
        format!("The image lacks {}.", missing.join(", "))
    };
    check(
        "programs",
        "Programs in the image",
        verdict(missing.is_empty()),
        found,
        PROGRAMS,
    )
}

fn seccomp(report: &Report) -> HostCheck {
    let off = report
        .value("seccomp")
        .is_none_or(|mode| mode.is_empty() || mode == "0");
    let found = if off {
        "No filter, as asked for."
    } else {
        "A filter is on although the builder asks for none."
    };
    // A filter of the admin's own may allow all that is needed; then the next checks say so.
    let state = match (off, report.works("enter") && report.works("proc")) {
        (true, _) => CheckState::Ok,
        (false, true) => CheckState::Warning,
        (false, false) => CheckState::Failed,
    };
    check("seccomp", "System call filter", state, found, SECCOMP)
}

fn no_new_privileges(report: &Report) -> HostCheck {
    let off = report.value("no_new_privs").is_none_or(|flag| flag != "1");
    let found = if off {
        "Processes may gain the capabilities of a file."
    } else {
        "Processes cannot gain privileges (no_new_privs)."
    };
    check(
        "no_new_privileges",
        "Privileges by file",
        verdict(off),
        found,
        NO_NEW_PRIVILEGES,
    )
}

fn namespaces(report: &Report, enters: bool) -> HostCheck {
    let title = "User namespaces";
    let id = "user_namespaces";
    let limit = report.value("max_user_namespaces");
    if limit == Some("0") {
        return check(
            id,
            title,
            CheckState::Failed,
            "user.max_user_namespaces is 0.",
            NAMESPACES_OFF,
        );
    }
    let words = report.words("enter");
    // A failure to make the namespace, and not one to fill it.
    let refused = !enters && report.works("rootlesskit") && words.contains("/proc/self/exe");
    if enters || !refused {
        let state = if enters || words.contains("uid") {
            CheckState::Ok
        } else {
            CheckState::Unknown
        };
        let found = match (state, limit) {
            (CheckState::Ok, Some(limit)) => format!("Allowed, at most {limit}."),
            (CheckState::Ok, None) => "Allowed.".to_owned(),
            _ => format!("Not told: {words}"),
        };
        return check(id, title, state, found, PROGRAMS);
    }
    let (found, fix) = if words.contains("no space left") {
        ("The limit of user namespaces is reached.".to_owned(), NAMESPACES_OFF)
    } else if report.value("unprivileged_userns_clone") == Some("0") {
        ("kernel.unprivileged_userns_clone is 0.".to_owned(), CLONE_OFF)
    } else if report.value("apparmor_restrict") == Some("1") {
        (
            "kernel.apparmor_restrict_unprivileged_userns is 1.".to_owned(),
            APPARMOR,
        )
    } else {
        (format!("The kernel refuses them: {words}"), SECCOMP)
    };
    check(id, title, CheckState::Failed, found, fix)
}

fn ids(report: &Report) -> HostCheck {
    let both = report.works("subuid") && report.works("subgid");
    let found = if both {
        format!("{} in /etc/subuid", report.words("subuid"))
    } else {
        "The image's user has no range in /etc/subuid or /etc/subgid.".to_owned()
    };
    check("subordinate_ids", "Subordinate user ids", verdict(both), found, SUBUID)
}

fn id_maps(report: &Report, enters: bool) -> HostCheck {
    let words = report.words("enter");
    let state = match (enters, words.contains("newuidmap") || words.contains("newgidmap")) {
        (true, _) => CheckState::Ok,
        (false, true) => CheckState::Failed,
        (false, false) => CheckState::Unknown,
    };
    let found = match state {
        CheckState::Ok => "newuidmap and newgidmap work.".to_owned(),
        CheckState::Failed => words.to_owned(),
        CheckState::Warning | CheckState::Unknown => "Not tried: what comes before fails.".to_owned(),
    };
    check("id_maps", "newuidmap and newgidmap", state, found, NEWUIDMAP)
}

fn overlay(report: &Report, enters: bool) -> HostCheck {
    let title = "Layers without copies";
    let (state, found) = if report.works("overlay") {
        (CheckState::Ok, "The kernel's overlay works in a user namespace.")
    } else if report.works("fuse") {
        (CheckState::Ok, "fuse-overlayfs with /dev/fuse.")
    } else if enters {
        (
            CheckState::Warning,
            "Neither the kernel's overlay nor /dev/fuse: builds use the slow `native` snapshotter.",
        )
    } else {
        (CheckState::Unknown, "Not tried: user namespaces come first.")
    };
    check("overlay", title, state, found, OVERLAY)
}

/// What a builder that did not start said, turned into what to do. Unset if its words are not known.
pub fn explain(log: &str) -> Option<&'static str> {
    let has = |words: &str| log.contains(words);
    if has("No subuid ranges") || has("No subgid ranges") {
        Some(SUBUID)
    } else if has("/usr/bin/newuidmap: operation not permitted") || has("/usr/bin/newgidmap: operation not permitted") {
        Some(NO_NEW_PRIVILEGES)
    } else if has("newuidmap") || has("newgidmap") {
        Some(NEWUIDMAP)
    } else if has("/proc/self/exe: no space left on device") {
        Some(NAMESPACES_OFF)
    } else if has("/proc/self/exe: operation not permitted") || has("/proc/self/exe: permission denied") {
        Some(
            "The host refuses user namespaces. See Infrastructure > Builders for what exactly it lacks; often it is: sysctl -w \
             kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), kernel.unprivileged_userns_clone=1 (Debian) or \
             user.max_user_namespaces=28633.",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const GOOD: &str = "buildkitd\t0\tbuildkitd v0.32.2\nbuildctl\t0\t/usr/local/bin/buildctl\nrootlesskit\t0\tx\nnewuidmap\t0\tx\n\
        subuid\t0\tuser:100000:65536\nsubgid\t0\tuser:100000:65536\nseccomp\t0\t0\nno_new_privs\t0\t0\n\
        max_user_namespaces\t0\t96551\nunprivileged_userns_clone\t1\tNo such file\napparmor_restrict\t1\tNo such file\n\
        enter\t0\t\nproc\t0\t\noverlay\t0\t\nfuse\t1\t\nkernel\t0\t6.18\ncgroup\t0\tv1\n";

    /// Lines of a name, whether it worked (0), and words.
    fn report(text: &str) -> Report {
        let finding = |line: &str| {
            let parts: Vec<&str> = line.splitn(3, '\t').collect();
            HostFinding {
                name: parts[0].into(),
                ok: parts[1] == "0",
                words: parts[2].into(),
            }
        };
        Report::new(text.lines().map(finding).collect())
    }

    fn with(changes: &[(&str, &str)]) -> Vec<HostCheck> {
        let mut text = String::new();
        for line in GOOD.lines() {
            let name = line.split('\t').next().unwrap_or_default();
            if changes.iter().all(|(changed, _)| *changed != name) {
                _ = writeln!(text, "{line}");
            }
        }
        for (name, rest) in changes {
            _ = writeln!(text, "{name}\t{rest}");
        }
        evaluate(&report(&text))
    }

    fn failed(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        with(changes)
            .into_iter()
            .filter(|check| check.state == CheckState::Failed)
            .map(|check| (check.id, check.fix))
            .collect()
    }

    #[test]
    fn a_good_host_has_nothing_to_do() {
        let checks = with(&[]);
        assert!(
            checks
                .iter()
                .all(|check| check.state == CheckState::Ok && check.fix.is_empty()),
            "{checks:#?}"
        );
        assert_eq!(checks.len(), 9);
    }

    /// The words of rootlesskit are recorded from containers that lacked just that.
    #[test]
    fn each_lack_has_its_fix() {
        let exe = "1\t[rootlesskit:parent] error: failed to start the child: fork/exec /proc/self/exe: operation not permitted";
        let map = "1\t[rootlesskit:parent] error: failed to setup UID/GID map: newuidmap 11 [0 1000 1 1 100000 65536] failed: : \
            fork/exec /usr/bin/newuidmap: operation not permitted";
        let file = "1\t[rootlesskit:parent] error: failed to setup UID/GID map: newuidmap 12 [0 1000 1 1 100000 65536] failed: \
            newuidmap: write to uid_map failed: Operation not permitted : exit status 1";
        let ranges = "1\t[rootlesskit:parent] error: failed to setup UID/GID map: failed to compute uid/gid map: No subuid ranges \
            found for user 1000 (\"user\")";
        let only = |id: &str, fix: &str| vec![(id.to_owned(), fix.to_owned())];
        assert_eq!(
            failed(&[
                ("max_user_namespaces", "0\t0"),
                ("enter", exe),
                ("proc", "1\t"),
                ("overlay", "1\t")
            ]),
            only("user_namespaces", NAMESPACES_OFF)
        );
        assert_eq!(
            failed(&[("unprivileged_userns_clone", "0\t0"), ("enter", exe)]),
            only("user_namespaces", CLONE_OFF)
        );
        assert_eq!(
            failed(&[("apparmor_restrict", "0\t1"), ("enter", exe)]),
            only("user_namespaces", APPARMOR)
        );
        assert_eq!(failed(&[("apparmor_restrict", "0\t1")]), vec![]);
        assert_eq!(failed(&[("enter", file)]), only("id_maps", NEWUIDMAP));
        assert_eq!(
            failed(&[("no_new_privs", "0\t1"), ("enter", map)])[0],
            ("no_new_privileges".to_owned(), NO_NEW_PRIVILEGES.to_owned())
        );
        assert_eq!(
            failed(&[("subuid", "1\t"), ("enter", ranges)]),
            only("subordinate_ids", SUBUID)
        );
        assert_eq!(
            failed(&[("proc", "1\tunshare: mount /proc failed: Operation not permitted")]),
            only("proc", PROC)
        );
        assert_eq!(
            failed(&[("seccomp", "0\t2"), ("enter", exe)]),
            vec![
                ("seccomp".to_owned(), SECCOMP.to_owned()),
                ("user_namespaces".to_owned(), SECCOMP.to_owned())
            ]
        );
        assert_eq!(failed(&[("buildctl", "127\t")]), only("programs", PROGRAMS));
        let slow = with(&[("overlay", "32\t")]);
        assert!(
            slow.iter()
                .any(|check| check.state == CheckState::Warning && check.fix == OVERLAY)
        );
        let fuse = with(&[("overlay", "32\t"), ("fuse", "0\t/usr/bin/fuse-overlayfs")]);
        assert!(fuse.iter().all(|check| check.state == CheckState::Ok));
        for (log, fix) in [(map, NO_NEW_PRIVILEGES), (file, NEWUIDMAP), (ranges, SUBUID)] {
            assert_eq!(explain(log), Some(fix));
        }
        assert!(explain(exe).is_some_and(|fix| fix.contains("Infrastructure > Builders")));
        assert_eq!(explain("panic"), None);
    }

    #[test]
    fn nothing_told_is_nothing_good() {
        let checks = evaluate(&Report::new(vec![]));
        assert!(checks.iter().any(|check| check.state == CheckState::Failed));
        assert!(checks.iter().all(|check| check.state != CheckState::Ok
            || ["cgroup", "seccomp", "no_new_privileges"].contains(&check.id.as_str())));
    }
}

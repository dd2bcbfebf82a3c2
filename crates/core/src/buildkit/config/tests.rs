use std::fmt::Write as _;

use proptest::prelude::*;
use prt_types::build_config::Severity;

use super::*;

/// Findings as `severity line:column path message`.
fn said(text: &str) -> Vec<String> {
    let at = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    lint(text)
        .findings
        .iter()
        .map(|finding| {
            format!(
                "{} {}:{} {}: {}",
                finding.severity.name(),
                at(finding.line),
                at(finding.column),
                finding.path,
                finding.message
            )
        })
        .collect()
}

fn translated(text: &str) -> String {
    let linted = lint(text);
    linted.text.unwrap_or_else(|| panic!("{:?}", linted.findings))
}

#[test]
fn texts_that_buildkit_takes_stay_as_they_are() {
    let text = r#"
[registry."my-registry.practicus.my-company.com"]
  insecure = true
  
[registry."secure-registry.example.com"]
  # With custom CA certificates
  ca=["/usr/local/share/ca-certificates/prt-ca-bundle.crt"]
"#;
    assert_eq!(translated(text), text);
    let linted = lint(text);
    assert_eq!(linted.files.len(), 1);
    assert_eq!(
        linted.files[0].file,
        "/usr/local/share/ca-certificates/prt-ca-bundle.crt"
    );
    assert_eq!(linted.files[0].place.line, Some(7));
    assert_eq!(
        said(text),
        [
            "notice 3:3 registry.\"my-registry.practicus.my-company.com\".insecure: insecure = true alone is TLS without verification. \
             If my-registry.practicus.my-company.com speaks plain HTTP, add http = true."
        ]
    );
    let tuning = "[worker.oci]\n  max-parallelism=8\n  snapshotter=\"overlayfs\"\n  gc=true\n";
    assert_eq!(translated(tuning), tuning);
    assert_eq!(said(tuning), Vec::<String>::new());
}

#[test]
fn the_hosts_that_builds_will_ask_are_named() {
    let text = r#"
[registry."a.example.com:5000"]
http = true
[registry."docker.io"]
mirrors = ["m.example.com:80/hub", "10.0.0.1"]
[registry."registry-1.docker.io.example.com"]
[registry."[::1]:5000"]
"#;
    let hosts: Vec<(String, Option<u32>)> = lint(text)
        .hosts
        .into_iter()
        .map(|host| (host.name, host.place.line))
        .collect();
    let named = |name: &str, line| (name.to_owned(), Some(line));
    assert_eq!(
        hosts,
        [
            named("a.example.com", 2),
            named("m.example.com", 5),
            named("registry-1.docker.io.example.com", 6),
        ]
    );
    let hub = lint("[registry.\"docker.io\"]\ninsecure = true\n");
    assert_eq!(hub.hosts[0].name, "registry-1.docker.io", "where Docker Hub really is");
}

#[test]
fn a_client_pair_becomes_a_keypair() {
    let text = "[registry.\"secure-registry.example.com\"]\n  ca=[\"/ca.crt\"]\n  client=[\"/etc/ssl/certs/client-cert.pem\", \"/etc/ssl/private/client-key.pem\"]\n";
    assert_eq!(
        translated(text),
        "[registry.\"secure-registry.example.com\"]\n  ca=[\"/ca.crt\"]\n\n[[registry.\"secure-registry.example.com\".keypair]]\n\
         cert = \"/etc/ssl/certs/client-cert.pem\"\nkey = \"/etc/ssl/private/client-key.pem\"\n"
    );
    assert_eq!(
        said(text),
        [
            "notice 3:3 registry.\"secure-registry.example.com\".client: BuildKit has no key client: it is taken as \
             [[registry.\"secure-registry.example.com\".keypair]] with cert and key."
        ]
    );
    let files: Vec<String> = lint(text).files.into_iter().map(|file| file.file).collect();
    assert_eq!(
        files,
        [
            "/ca.crt",
            "/etc/ssl/certs/client-cert.pem",
            "/etc/ssl/private/client-key.pem"
        ]
    );
    let folder = lint("[registry.\"h\"]\ntlsconfigdir = [\"/build/certs\"]\n").files;
    assert_eq!(
        (folder[0].file.as_str(), folder[0].kind, folder[0].place.line),
        ("/build/certs", FileKind::Folder, Some(2))
    );
    assert!(lint("[registry.\"h\"]\ntlsconfigdir = [\"certs\"]\n").text.is_none());
    let inline = "registry = { \"h\" = { client = [\"/c\", \"/k\"] } }\n";
    let again = translated(inline);
    assert_eq!(said(&again), Vec::<String>::new(), "{again}");
    assert!(again.contains("keypair"), "{again}");
    assert!(said("[registry.h]\nclient=[\"/a\"]\n")[0].contains("an array of two texts"));
}

#[test]
fn docker_hub_has_one_name() {
    let text = "[registry.\"registry-1.docker.io\"]\n  mirrors=[\"https://mirror1.example.com\", \"https://mirror2.example.com\"]\n";
    assert_eq!(
        said(text),
        [
            "notice 1:11 registry.\"registry-1.docker.io\": BuildKit looks Docker Hub up as docker.io: registry-1.docker.io is taken as that."
        ]
    );
    let text = translated(text);
    assert!(text.contains("[registry.\"docker.io\"]"), "{text}");
    assert!(
        text.contains("mirrors=[\"https://mirror1.example.com\", \"https://mirror2.example.com\"]"),
        "{text}"
    );
    let twice = "[registry.\"docker.io\"]\n[registry.\"index.docker.io\"]\n";
    assert!(said(twice)[0].contains("are the same registry"), "{:?}", said(twice));
}

#[test]
fn a_mirror_over_http_is_told_to_buildkit() {
    let text = "[registry.\"docker.io\"]\nmirrors = [\"http://m.example.com:5000/hub\"]\n";
    let made = translated(text);
    assert!(
        made.contains("[registry.\"m.example.com:5000\"]\nhttp = true"),
        "{made}"
    );
    let known = format!("{text}[registry.\"m.example.com:5000\"]\nhttp = true\n");
    assert_eq!(translated(&known), known);
}

#[test]
fn what_is_wrong_has_a_place_and_advice() {
    for (text, expected) in [
        (
            "",
            "error -:- : The configuration is empty. To go back to how the builder started, reset it.",
        ),
        ("a = \n", "error 1:5 : This is no valid TOML: "),
        ("[registry\n", "error 1:10 : This is no valid TOML: "),
        (
            "[worker.oci]\nmax-paralelism = 2\n",
            "error 2:1 worker.oci.max-paralelism: BuildKit has no key worker.oci.max-paralelism. Did you mean max-parallelism?",
        ),
        (
            "[workers.oci]\n",
            "error 1:2 workers: BuildKit has no key workers. Did you mean worker?",
        ),
        (
            "[worker.oci]\nmax-parallelism = \"2\"\n",
            "error 2:19 worker.oci.max-parallelism: worker.oci.max-parallelism is a whole number that is not negative, not \"2\".",
        ),
        (
            "[worker.oci]\nsnapshotter = \"overlay2\"\n",
            "error 2:15 worker.oci.snapshotter: worker.oci.snapshotter is one of \"auto\", \"overlayfs\"",
        ),
        (
            "[worker.oci]\nrootless = false\n",
            "error 2:1 worker.oci.rootless: worker.oci.rootless is decided by",
        ),
        (
            "[worker.oci]\nenabled = false\n",
            "error 2:1 worker.oci.enabled: worker.oci.enabled = false would leave",
        ),
        (
            "[worker.containerd]\nenabled = true\n",
            "error 2:1 worker.containerd.enabled: worker.containerd.enabled = true needs containerd",
        ),
        (
            "[worker.oci]\nmaxUsedSpace = \"ten\"\n",
            "error 2:16 worker.oci.maxUsedSpace: worker.oci.maxUsedSpace is a number of bytes",
        ),
        (
            "[history]\nmaxAge = \"two days\"\n",
            "error 2:10 history.maxAge: history.maxAge is a number of seconds",
        ),
        (
            "[grpc]\naddress = [\"tcp://0.0.0.0:1234\"]\n",
            "error 1:2 grpc: grpc is set by the platform",
        ),
        (
            "[registry.my-registry.com]\nhttp = true\n",
            "error 1:11 registry.my-registry: A host name with dots is written in quotation marks: [registry.\"my-registry.com\"].",
        ),
        (
            "[registry.\"https://h/\"]\n",
            "error 1:11 registry.\"https://h/\": \"https://h/\" is an address: write the host alone, \"h/\"",
        ),
        (
            "[registry.\"h/demo\"]\n",
            "error 1:11 registry.\"h/demo\": \"h/demo\" has a path: write the host alone, \"h\".",
        ),
        (
            "[registry.\"a b\"]\n",
            "error 1:11 registry.\"a b\": \"a b\" is no host name; write host or host:port.",
        ),
        (
            "[registry.h]\nca = \"/build/my.crt\"\n",
            "error 2:6 registry.h.ca: registry.h.ca is an array of texts, as in [\"/build/my.crt\"], not \"/build/my.crt\".",
        ),
        (
            "[registry.h]\nca = [\"my.crt\"]\n",
            "error 2:7 registry.h.ca: \"my.crt\" is no path from the root",
        ),
        (
            "[registry.h]\nunsecure = true\n",
            "error 2:1 registry.h.unsecure: BuildKit has no key registry.h.unsecure. Did you mean insecure?",
        ),
        (
            "[[registry.h.keypair]]\nkey = \"/k\"\n",
            "error 1:1 registry.h.keypair: registry.h.keypair has no cert: a pair has both.",
        ),
        (
            "[registry.h]\nmirrors = [\"ftp://m\"]\n",
            "error 2:12 registry.h.mirrors: \"ftp://m\": a mirror is reached by https or http, not by ftp.",
        ),
        (
            "[frontend.dockerfile.v0]\nenabled = true\n",
            "error 1:11 frontend.dockerfile: BuildKit has no key frontend.dockerfile. Did you mean \"dockerfile.v0\", with quotation marks?",
        ),
        (
            "debug = true\n",
            "notice 1:1 debug: debug is an old key; write [log] level = \"debug\" instead.",
        ),
    ] {
        let said = said(text);
        assert!(
            said.first().is_some_and(|first| first.starts_with(expected)),
            "{text:?}: {said:#?}"
        );
        assert_eq!(lint(text).is_refused(), expected.starts_with("error"), "{text:?}");
    }
}

#[test]
fn the_whole_schema_is_taken() {
    let text = r#"
insecure-entitlements = ["network.host"]
[log]
format = "json"
level = "warn"
[dns]
nameservers = ["1.1.1.1"]
[history]
maxAge = "48h"
maxEntries = 50
[worker.oci]
platforms = ["linux/amd64"]
GC = true
reservedSpace = "30%"
minFreeSpace = 20000000
cniPoolSize = 16
[worker.oci.labels]
foo = "bar"
[[worker.oci.gcpolicy]]
all = true
keepDuration = 172800
maxUsedSpace = "1.5 GiB"
[registry."r.example.com:5000"]
http = true
tlsconfigdir = ["/etc/certs"]
[[registry."r.example.com:5000".keypair]]
key = "/k"
cert = "/c"
[frontend."gateway.v0"]
allowedRepositories = []
[system]
platformsCacheMaxAge = "1h"
"#;
    let linted = lint(text);
    let errors: Vec<_> = linted
        .findings
        .iter()
        .filter(|finding| finding.severity != Severity::Warning)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(linted.text.as_deref(), Some(text));
    assert_eq!(linted.findings.len(), 1, "{:#?}", linted.findings);
}

/// Whoever may use a kept login may not read it: nothing of theirs runs or lies between the build service and its logins.
#[test]
fn the_users_own_programs_stay_out_of_the_build_service() {
    for text in [
        "[worker.oci]\nbinary = \"/build/evil\"",
        "[worker.oci]\nBinary = \"/build/evil\"",
        "[worker.oci]\nnoProcessSandbox = true",
        "[worker.oci]\nproxySnapshotterPath = \"/build/s.sock\"",
        "[worker.oci]\ncniBinaryPath = \"/build\"",
        "[worker.oci]\ncniConfigPath = \"/build/cni.json\"",
        "[worker.oci.stargzSnapshotter]\nnoprefetch = true",
        "[worker.containerd]\naddress = \"/build/containerd.sock\"",
        "[worker.containerd.runtime]\nname = \"evil\"",
        "[cdi]\nspecDirs = [\"/build/cdi\"]",
        "[cdi]\nautoAllowed = [\"*\"]",
        "[otel]\nsocketPath = \"/build/o.sock\"",
        "provenanceEnvDir = \"/dev/shm\"",
    ] {
        let linted = lint(text);
        assert!(linted.is_refused(), "{text}");
        assert!(
            linted.findings[0]
                .message
                .contains("between the build service and its logins"),
            "{:?}",
            linted.findings
        );
    }
}

#[test]
fn hosts_are_read_as_they_are_meant() {
    assert_eq!(registry_host(" R.example.com:5000 ").unwrap(), "r.example.com:5000");
    for wrong in ["", "http://h", "h/x", "h:0", "-h", "a b"] {
        assert!(registry_host(wrong).is_err(), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "(?s).{0,200}") {
        let linted = lint(&text);
        prop_assert_eq!(linted.text.is_some(), linted.findings.iter().all(|finding| finding.severity != Severity::Error));
    }

    #[test]
    fn what_is_translated_is_taken_as_it_is(
        hosts in prop::collection::vec(("[a-z]{1,8}(\\.[a-z]{2,3})?(:[1-9][0-9]{1,3})?", any::<bool>(), any::<bool>(), any::<bool>()), 1..5),
        hub in any::<bool>(),
    ) {
        let mut text = String::from("# kept\n");
        let mut seen = std::collections::BTreeSet::new();
        for (host, client, mirror, http) in hosts {
            if !seen.insert(host.clone()) {
                continue;
            }
            _ = writeln!(text, "[registry.{host:?}]");
            if client {
                text.push_str("client = [\"/c\", \"/k\"] # mine\n");
            }
            if mirror {
                text.push_str("mirrors = [\"http://mirror.example.com\"]\n");
            }
            if http {
                text.push_str("http = true\n");
            }
        }
        if hub {
            text.push_str("[registry.\"registry-1.docker.io\"]\nmirrors = [\"m\"]\n");
        }
        let linted = lint(&text);
        let made = linted.text.unwrap_or_else(|| panic!("{text}\n{:#?}", linted.findings));
        let again = lint(&made);
        prop_assert_eq!(again.text.as_deref(), Some(made.as_str()));
        prop_assert_eq!(&again.findings, &vec![], "{}", made);
        prop_assert_eq!(again.files.len(), linted.files.len());
        prop_assert!(made.starts_with("# kept\n"));
    }
}

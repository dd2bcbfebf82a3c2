//! A build that needs several logins at one registry, with a `buildctl` that follows its source policy.

use std::time::{Duration, Instant};

use prt_types::builds::CredentialUse;

use super::*;

/// Denies what the policy denies, pulls what the login of the image is good for, and builds.
const BUILDCTL: &str = r#"
user() { sed 's/.*"auth":"\([^"]*\)".*/\1/' "$DOCKER_CONFIG/config.json" | base64 -d 2>/dev/null | sed 's/:.*//'; }
policy=
for word; do
  [ "$previous" = --source-policy-file ] && policy=$word
  case $word in dockerfile=*) folder=${word#dockerfile=} ;; esac
  previous=$word
done
printf '%s' '{"vertexes":[{"digest":"a","name":"[internal] load build definition"}]}' >&2; echo >&2
if [ -z "$policy" ]; then
  image=$(sed -n 's/^COPY --from=\([^ ]*\).*/\1/p' "$folder/Dockerfile")
  echo "pull $image as $(user)" >>"$T/done"
  [ -p "$T/reached" ] && { trap 'echo terminated >>"$T/done"; exit 1' TERM; echo >"$T/reached"; while :; do sleep 0.01; done; }
  case "$(user) $image" in
    "ada r:5000/base/"* | "bob r:5000/tools/"*) ;;
    *) echo "error: failed to solve: $image: failed to resolve source metadata for $image: 403 Forbidden" >&2; exit 1 ;;
  esac
  echo "{\"vertexes\":[{\"digest\":\"b\",\"name\":\"FROM $image@sha256:12ab\"}]}" >&2
  echo '{"statuses":[{"id":"sha256:77","vertex":"b","current":1,"timestamp":"2026-01-01T00:00:00Z"}]}' >&2
  exit 0
fi
for image in $(cat "$T/images"); do
  if ! grep -q "CONVERT.*docker-image://$image\"" "$policy" && grep -q -e "docker-image://r:5000/\*" -e "DENY.*docker-image://$image\"" "$policy"; then
    echo "Dockerfile:7"  >&2
    echo "error: failed to solve: $image: could not resolve: source \"docker-image://$image\" denied by policy: source denied by policy" >&2
    exit 1
  fi
done
echo "build as $(user)" >>"$T/done"
echo '{"vertexes":[{"digest":"c","name":"[1/2] FROM r:5000/base/bb:1@sha256:12ab"}]}' >&2
echo '{"vertexes":[{"digest":"d","name":"[2/2] RUN x"}]}' >&2
exit 0"#;

fn login(host: &str, username: &str, only: Option<CredentialUse>) -> RegistryCredential {
    RegistryCredential {
        host: host.into(),
        username: username.into(),
        password: "hunter2!".into(),
        only,
    }
}

fn three() -> [RegistryCredential; 3] {
    [
        login("r:5000/base", "ada", Some(CredentialUse::Pull)),
        login("r:5000/tools", "bob", None),
        login("r:5000", "eve", Some(CredentialUse::Push)),
    ]
}

impl Builder {
    fn turns(&self, images: &str) {
        fs::write(self.path("images"), images).unwrap();
        fs::write(self.path("done"), "").unwrap();
    }

    fn done(&self) -> String {
        fs::read_to_string(self.path("done")).unwrap()
    }

    /// A further build in the same builder.
    fn forget(&self) {
        _ = fs::remove_dir_all(self.path(&format!("spool/{}", self.build())));
        fs::write(self.path("done"), "").unwrap();
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn check_three(builder: &Builder) {
    builder.turns("r:5000/base/bb:1 r:5000/tools/t:1");
    let output = builder.run(builder.launch_with(&three(), true));
    assert_eq!(
        builder.done(),
        "pull r:5000/base/bb:1 as ada\npull r:5000/tools/t:1 as bob\nbuild as eve\n"
    );
    assert_eq!(Trailer::parse(&output.stderr).exit_code, Some(0));
    let text = text(&output);
    assert!(!text.contains("denied") && !text.contains("Dockerfile:7"), "{text}");
    let names = [
        "[pull] r:5000/base/bb:1 as ada",
        "[pull] r:5000/tools/t:1 as bob",
        "[2/2] RUN x",
    ];
    let places: Vec<usize> = names.iter().map(|name| text.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(
        text.contains(r#"{"id":"sha256:77","vertex":"prt-pull-1","current":1"#),
        "{text}"
    );
    assert_eq!(
        text.matches("[internal] load build definition").count(),
        1,
        "only of the build: {text}"
    );
    let again = builder.run(follow_below(&builder.spool(), &builder.build(), 0));
    assert_eq!(again.stdout, output.stdout);
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
}

#[test]
fn each_image_is_pulled_with_its_own_login() {
    check_three(&Builder::new(BUILDCTL));
}

#[test]
fn one_login_goes_the_short_way() {
    let builder = Builder::new(r#"printf '%s\n' "$@" >"$T/done"; ls "$DOCKER_CONFIG" >&2"#);
    let output = builder.run(builder.launch_with(&[login("r:5000", "ada", None)], true));
    assert_eq!(Trailer::parse(&output.stderr).exit_code, Some(0));
    assert!(!builder.done().contains("source-policy-file"));
}

#[test]
fn a_pull_that_is_refused_ends_the_build_with_its_place() {
    let builder = Builder::new(BUILDCTL);
    builder.turns("r:5000/base/bb:1 r:5000/other:1");
    let output = builder.run(builder.launch_with(&three(), true));
    assert_eq!(Trailer::parse(&output.stderr).exit_code, Some(1));
    let text = text(&output);
    let tail = "Dockerfile:7\nerror: failed to solve: r:5000/other:1: failed to resolve source metadata for r:5000/other:1: 403 Forbidden\n";
    assert!(text.ends_with(tail), "{text}");
    assert!(
        text.contains(r#""name":"[pull] r:5000/other:1","#) && text.contains(r#""error":"failed to solve"#),
        "{text}"
    );
    assert!(
        builder.done().ends_with("pull r:5000/other:1 as \n"),
        "nobody's login is for it"
    );
}

#[test]
fn what_an_earlier_build_pulled_can_be_used_with_another_login() {
    let builder = Builder::new(BUILDCTL);
    builder.turns("r:5000/base/bb:1");
    // The first goes the short way: nothing is denied to it.
    let reader = [login("r:5000", "ada", None)];
    fs::write(builder.path("bin/buildctl"), short_way()).unwrap();
    builder.run(builder.launch_with(&reader, false));
    fs::write(builder.path("bin/buildctl"), format!("#!/bin/sh\n{BUILDCTL}\n")).unwrap();

    builder.forget();
    let writer = [login("r:5000", "eve", None)];
    let output = builder.run(builder.launch_with(&writer, true));
    assert_eq!(builder.done(), "pull r:5000/base/bb:1 as eve\nbuild as eve\n");
    let said = text(&output);
    let line = "Refused to eve; taken as an earlier build of this worker pulled it: sha256:12ab\n";
    assert!(said.contains(&STANDARD.encode(line)), "{said}");
    assert_eq!(Trailer::parse(&output.stderr).exit_code, Some(0));
    let policy = fs::read_to_string(builder.path(&format!("spool/{}/policy", builder.build()))).unwrap();
    assert!(
        policy.contains("docker-image://r:5000/base/bb:1@sha256:12ab"),
        "{policy}"
    );
}

/// A build without a policy.
fn short_way() -> String {
    "#!/bin/sh\necho '{\"vertexes\":[{\"digest\":\"c\",\"name\":\"[1/2] FROM r:5000/base/bb:1@sha256:12ab\"}]}' >&2\n"
        .to_owned()
}

/// Whether a process does anything: nobody may have collected a dead one.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[test]
fn a_cancel_reaches_a_pull() {
    for kill in [false, true] {
        let builder = Builder::new(BUILDCTL);
        builder.turns("r:5000/base/bb:1");
        pipe(&builder, "reached");
        let child = builder.start(builder.launch_with(&three(), true));
        await_pipe(&builder, "reached");
        let current = fs::read_to_string(builder.path(&format!("spool/{}/current", builder.build()))).unwrap();
        builder.run(cancel_below(&builder.spool(), &builder.build(), kill));
        let output = child.wait_with_output().unwrap();
        let trailer = Trailer::parse(&output.stderr);
        assert!(trailer.exit_code.is_some_and(|code| code != 0), "{trailer:?}");
        let end = Instant::now() + Duration::from_secs(10);
        while runs(current.trim()) {
            assert!(Instant::now() < end, "the command is gone");
            std::thread::yield_now();
        }
        if !kill {
            assert!(builder.done().ends_with("as ada\nterminated\n"), "{}", builder.done());
            assert!(
                text(&output).contains(r#""error":"context canceled""#),
                "{}",
                text(&output)
            );
        }
    }
}

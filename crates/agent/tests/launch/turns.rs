//! A build that needs several credentials at one registry, with a `buildctl` that follows its source policy.

use std::{
    fs,
    process::Output,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prt_agent_protocol::LaunchInput;

use crate::builder::{Builder, err, out};

/// Denies what the policy denies, pulls what the credential of the image is good for, and builds.
const BUILDCTL: &str = r#"
user() { cat "$DOCKER_CONFIG/config.json"; }
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

/// A build without a policy.
const SHORT_WAY: &str = r#"echo '{"vertexes":[{"digest":"c","name":"[1/2] FROM r:5000/base/bb:1@sha256:12ab"}]}' >&2"#;

/// ada pulls base images, bob tools, and eve pushes.
fn three() -> LaunchInput {
    Builder::input_with(&[
        ("config.json", "eve"),
        ("0/config.json", ""),
        ("1/config.json", "ada"),
        ("2/config.json", "bob"),
        ("pulls", "r:5000/base/\t1\tada\nr:5000/tools/\t2\tbob\n"),
        ("split", "r:5000\n"),
    ])
}

/// One user for everything.
fn one(user: &str) -> LaunchInput {
    let pulls = format!("r:5000/\t1\t{user}\n");
    Builder::input_with(&[
        ("config.json", user),
        ("1/config.json", user),
        ("pulls", &pulls),
        ("split", ""),
    ])
}

impl Builder {
    fn images(&self, images: &str) {
        fs::write(self.path("images"), images).unwrap();
        fs::write(self.path("done"), "").unwrap();
    }

    fn done(&self) -> String {
        self.read("done")
    }

    fn run_with(&self, input: &LaunchInput) -> Output {
        self.start(&self.request(), Some(input)).wait_with_output().unwrap()
    }

    /// A further build in the same builder.
    fn forget(&self) {
        _ = fs::remove_dir_all(self.of_build(""));
        fs::write(self.path("done"), "").unwrap();
    }
}

#[test]
fn each_image_is_pulled_with_its_own_login() {
    let builder = Builder::new(BUILDCTL);
    builder.images("r:5000/base/bb:1 r:5000/tools/t:1");
    let output = builder.run_with(&three());
    assert_eq!(
        builder.done(),
        "pull r:5000/base/bb:1 as ada\npull r:5000/tools/t:1 as bob\nbuild as eve\n"
    );
    assert_eq!(err(&output), "exit 0\n");
    let text = out(&output);
    assert!(!text.contains("denied") && !text.contains("Dockerfile:7"), "{text}");
    let names = [
        "[pull] r:5000/base/bb:1 as ada",
        "[pull] r:5000/tools/t:1 as bob",
        "[2/2] RUN x",
    ];
    let places: Vec<usize> = names.iter().map(|name| text.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
    assert_eq!(
        text.matches("[internal] load build definition").count(),
        1,
        "only of the build: {text}"
    );
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let transferred = |line: &serde_json::Value| {
        line["statuses"][0]["vertex"] == "prt-pull-1" && line["statuses"][0]["id"] == "sha256:77"
    };
    assert!(lines.iter().any(transferred), "{text}");
    assert_eq!(builder.followed(0).stdout, output.stdout);
}

#[test]
fn one_login_goes_the_short_way() {
    let builder = Builder::new(r#"printf '%s\n' "$@" >"$T/done""#);
    let output = builder.run_with(&one("ada"));
    assert_eq!(err(&output), "exit 0\n");
    assert!(!builder.done().contains("source-policy-file"));
}

#[test]
fn a_pull_that_is_refused_ends_the_build_with_its_place() {
    let builder = Builder::new(BUILDCTL);
    builder.images("r:5000/base/bb:1 r:5000/other:1");
    let output = builder.run_with(&three());
    assert_eq!(err(&output), "exit 1\n");
    let text = out(&output);
    let tail = "Dockerfile:7\nerror: failed to solve: r:5000/other:1: failed to resolve source metadata for r:5000/other:1: 403 Forbidden\n";
    assert!(text.ends_with(tail), "{text}");
    assert!(
        text.contains(r#""name":"[pull] r:5000/other:1""#) && text.contains(r#""error":"failed to solve"#),
        "{text}"
    );
    assert!(
        builder.done().ends_with("pull r:5000/other:1 as \n"),
        "nobody's login is for it"
    );
}

#[test]
fn what_an_earlier_build_pulled_can_be_used_with_another_login() {
    // The first goes the short way: nothing is denied to it.
    let builder = Builder::new(SHORT_WAY);
    builder.images("r:5000/base/bb:1");
    builder.run_with(&one("ada"));
    builder.buildctl(BUILDCTL);
    builder.forget();
    let output = builder.run_with(&one("eve"));
    assert_eq!(builder.done(), "pull r:5000/base/bb:1 as eve\nbuild as eve\n");
    let said = out(&output);
    let line = "Refused to eve; taken as an earlier build of this worker pulled it: sha256:12ab\n";
    assert!(said.contains(&STANDARD.encode(line)), "{said}");
    assert_eq!(err(&output), "exit 0\n");
    let policy = builder.read(&format!("spool/{}/policy", builder.build()));
    assert!(
        policy.contains("docker-image://r:5000/base/bb:1@sha256:12ab"),
        "{policy}"
    );
}

#[test]
fn a_cancel_reaches_a_pull() {
    for signal in ["term", "kill"] {
        let builder = Builder::new(BUILDCTL);
        builder.images("r:5000/base/bb:1");
        builder.pipe("reached");
        let child = builder.start(&builder.request(), Some(&three()));
        builder.await_pipe("reached");
        let command = fs::read_to_string(builder.of_build("command")).unwrap();
        let pid = command.split(' ').next().unwrap();
        builder.cancel(signal);
        let output = child.wait_with_output().unwrap();
        assert!(
            err(&output).starts_with("exit ") && err(&output) != "exit 0\n",
            "{}",
            err(&output)
        );
        let end = Instant::now() + Duration::from_secs(10);
        let runs = || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
        };
        while runs() {
            assert!(Instant::now() < end, "the command is gone");
            std::thread::yield_now();
        }
        if signal == "term" {
            assert!(builder.done().ends_with("as ada\nterminated\n"), "{}", builder.done());
        }
        assert!(
            out(&output).contains(r#""error":"context canceled""#),
            "{}",
            out(&output)
        );
    }
}

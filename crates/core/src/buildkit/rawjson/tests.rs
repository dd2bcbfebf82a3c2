//! On streams recorded from BuildKit v0.32.2.

use std::fmt::Write as _;

use proptest::prelude::*;
use prt_types::{Secret, build_events::BuildRecord, plain::PlainLog};

use super::*;

/// Recorded by `buildctl build --progress=rawjson 2>…`; what they are about is in their names.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/src/buildkit/fixtures/{name}.rawjson", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn decode(chunks: &[&[u8]], mask: Masker) -> (Events, Decoder) {
    let mut decoder = Decoder::new(0, mask);
    let mut events = vec![];
    for chunk in chunks {
        decoder.push(chunk, &mut events);
    }
    decoder.finish(&mut events);
    (events, decoder)
}

fn plain(events: &Events) -> String {
    let mut plain = PlainLog::new();
    let mut out = String::new();
    for (at, (at_ms, event)) in events.iter().enumerate() {
        plain.render(
            &BuildRecord {
                seq: at as u64 + 1,
                at_ms: *at_ms,
                event: event.clone(),
            },
            &mut out,
        );
    }
    out
}

fn states(decoder: &Decoder) -> Vec<(&str, StepState)> {
    decoder.steps().map(|step| (step.name.as_str(), step.state)).collect()
}

#[test]
fn a_push_is_told_step_by_step() {
    let (events, decoder) = decode(&[&fixture("push_ok")], Masker::default());
    let text = plain(&events);
    for line in ["built for a,b", "progress 100%", "done", "no newline"] {
        assert!(
            text.lines().any(|l| l.ends_with(&format!(" {line}"))),
            "{line:?} in\n{text}"
        );
    }
    assert!(!text.contains("progress 10%\r"));
    assert!(text.contains("pushing manifest for registry.prt.localhost:5443/demo/rec:1@sha256:"));
    assert_eq!(decoder.error_text(), "");
    assert!(
        decoder
            .steps()
            .all(|step| step.state == StepState::Done || step.state == StepState::Cached),
        "{:?}",
        states(&decoder)
    );
    let run = decoder.steps().find(|step| step.name.contains("RUN")).unwrap();
    let copy = decoder.steps().find(|step| step.name.contains("COPY")).unwrap();
    assert!(run.inputs.contains(&copy.step));
    assert!(
        events
            .iter()
            .all(|(at_ms, _)| *at_ms == 0 || *at_ms > 1_700_000_000_000)
    );
}

#[test]
fn steps_from_the_cache_say_so() {
    let (_, decoder) = decode(&[&fixture("push_cached")], Masker::default());
    let cached: Vec<&str> = decoder
        .steps()
        .filter(|s| s.state == StepState::Cached)
        .map(|s| s.name.as_str())
        .collect();
    assert_eq!(cached.len(), 2, "{cached:?}");
    assert!(cached.iter().any(|name| name.contains("COPY")) && cached.iter().any(|name| name.contains("RUN")));
}

#[test]
fn a_failed_step_fails_and_its_neighbour_is_canceled() {
    let (events, decoder) = decode(&[&fixture("two")], Masker::default());
    let failed: Vec<_> = decoder.steps().filter(|s| s.state == StepState::Failed).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].name.contains("exit 4") && failed[0].error.as_deref().unwrap().contains("exit code: 4"));
    assert!(
        decoder
            .steps()
            .any(|s| s.name.contains("sleep 20") && s.state == StepState::Canceled)
    );
    assert!(
        decoder.error_text().starts_with("Dockerfile:2\n"),
        "{}",
        decoder.error_text()
    );
    assert!(decoder.error_text().contains("error: failed to solve: process"));
    assert!(plain(&events).contains("ERROR: process"));
}

#[test]
fn a_warning_names_its_place() {
    let (events, _) = decode(&[&fixture("warning")], Masker::default());
    let warnings: Vec<&str> = events
        .iter()
        .filter_map(|(_, event)| match event {
            BuildEvent::Warning { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("MaintainerDeprecated: ") && warnings[0].contains("(Dockerfile:2)"),
        "{warnings:?}"
    );
}

#[test]
fn progress_is_throttled_by_its_own_time() {
    let mut stream =
        String::from(r#"{"vertexes":[{"digest":"sha256:a","name":"pull","started":"2026-01-01T00:00:00Z"}]}"#);
    for ms in 0..1000 {
        let completed = if ms == 999 {
            r#","completed":"2026-01-01T00:00:00.999Z""#
        } else {
            ""
        };
        _ = write!(
            stream,
            "\n{{\"statuses\":[{{\"id\":\"layer\",\"vertex\":\"sha256:a\",\"current\":{ms},\"total\":999,\
             \"timestamp\":\"2026-01-01T00:00:00.{ms:03}Z\"{completed}}}]}}"
        );
    }
    let (events, _) = decode(&[stream.as_bytes()], Masker::default());
    let told: Vec<(i64, bool)> = events
        .iter()
        .filter_map(|(_, event)| match event {
            BuildEvent::Progress(progress) => Some((progress.current, progress.done)),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [(0, false), (250, false), (500, false), (750, false), (999, true)]
    );
}

#[test]
fn each_step_is_told_only_when_it_changed() {
    for name in ["push_ok", "two", "copy_missing"] {
        let (events, _) = decode(&[&fixture(name)], Masker::default());
        let mut last: HashMap<u32, Step> = HashMap::new();
        let mut numbers = vec![];
        for (_, event) in events {
            if let BuildEvent::Step(step) = event {
                if !last.contains_key(&step.step) {
                    numbers.push(step.step);
                }
                assert_ne!(last.insert(step.step, step.clone()), Some(step));
            }
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
    }
}

#[test]
fn secrets_are_masked_wherever_they_appear() {
    // As if these words of the recordings were passwords.
    let secrets = [
        Secret::from("built for"),
        Secret::from("exit 4"),
        Secret::from("demo/rec"),
    ];
    for name in ["push_ok", "two"] {
        let (events, decoder) = decode(&[&fixture(name)], Masker::new(&secrets));
        let all = format!("{events:?}{}", decoder.error_text());
        assert!(all.contains("***"));
        for secret in &secrets {
            assert!(!all.contains(secret.expose()), "{} in {all}", secret.expose());
        }
    }
}

#[test]
fn what_is_no_progress_is_text() {
    let (events, decoder) = decode(
        &[b"{\"broken\n{\"vertexes\":3}\nplain \xff\n", b"\nerror: x"],
        Masker::default(),
    );
    assert!(events.is_empty());
    assert_eq!(
        decoder.error_text(),
        "{\"broken\n{\"vertexes\":3}\nplain \u{fffd}\n\nerror: x"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn how_the_bytes_arrive_does_not_matter(
        name in prop::sample::select(vec!["push_ok", "two", "warning", "step_failed", "parse_error"]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let bytes = fixture(name);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let (whole, one) = decode(&[&bytes], Masker::default());
        let (pieces, other) = decode(&chunks, Masker::default());
        prop_assert_eq!(whole, pieces);
        prop_assert_eq!(one.error_text(), other.error_text());
    }
}

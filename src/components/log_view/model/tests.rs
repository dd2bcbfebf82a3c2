//! The same picture, however the records come.

use super::*;
use prt_types::build_events::LogLine;

fn step(step: u32, state: StepState) -> BuildEvent {
    let ended = matches!(state, StepState::Done | StepState::Failed | StepState::Cached);
    BuildEvent::Step(Step {
        step,
        name: format!("step {step}"),
        state,
        started_ms: (state != StepState::Waiting).then_some(1000),
        completed_ms: ended.then_some(3000),
        inputs: vec![],
        error: (state == StepState::Failed).then(|| "exit code: 1".to_owned()),
    })
}

fn line(line: u64, step: u32) -> BuildEvent {
    BuildEvent::Log(LogLine {
        line,
        step,
        stream: 1,
        text: format!("line {line}"),
    })
}

fn fold(model: &mut LogModel, events: Vec<BuildEvent>) {
    for event in events {
        let seq = model.last_seq + 1;
        assert_eq!(model.apply(BuildRecord { seq, at_ms: 5, event }), Merge::Applied);
    }
}

fn lines(model: &LogModel) -> Vec<u64> {
    model.entries.iter().filter_map(|entry| entry.line).collect()
}

#[test]
fn repeats_are_dropped_and_gaps_noticed() {
    let mut model = LogModel::default();
    fold(&mut model, vec![step(1, StepState::Running), line(1, 1)]);
    let before = model.clone();
    assert_eq!(
        model.apply(BuildRecord {
            seq: 2,
            at_ms: 5,
            event: line(1, 1)
        }),
        Merge::Repeated
    );
    assert_eq!(
        model.apply(BuildRecord {
            seq: 4,
            at_ms: 5,
            event: line(3, 1)
        }),
        Merge::Gap
    );
    assert_eq!(model, before);
    fold(&mut model, vec![line(2, 1)]);
    assert_eq!(lines(&model), [1, 2]);
}

#[test]
fn a_step_is_headed_once_and_keeps_its_latest_state() {
    let mut model = LogModel::default();
    fold(
        &mut model,
        vec![
            step(2, StepState::Waiting),
            step(1, StepState::Cached),
            step(2, StepState::Running),
            step(2, StepState::Running),
            step(2, StepState::Failed),
            step(2, StepState::Failed),
        ],
    );
    let shown: Vec<_> = model.entries.iter().map(|e| (e.kind, e.text.as_str())).collect();
    assert_eq!(
        shown,
        [
            (EntryKind::Heading, "step 1 CACHED"),
            (EntryKind::Heading, "step 2"),
            (EntryKind::Failure, "exit code: 1")
        ]
    );
    assert_eq!(model.steps.iter().map(|row| row.step.step).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(model.row(2).and_then(|row| row.took_ms(0)), Some(2000));
    assert_eq!(model.counts(), (1, 1, 2));
}

#[test]
fn steps_stand_after_what_they_need() {
    let needs = |number, inputs: &[u32]| match step(number, StepState::Waiting) {
        BuildEvent::Step(step) => BuildEvent::Step(Step {
            inputs: inputs.to_vec(),
            ..step
        }),
        other => other,
    };
    let mut model = LogModel::default();
    fold(
        &mut model,
        vec![
            needs(1, &[]),
            needs(2, &[3]),
            needs(3, &[4, 9]),
            needs(4, &[]),
            needs(5, &[2]),
        ],
    );
    assert_eq!(model.order(), [1, 4, 3, 2, 5]);
    fold(&mut model, vec![needs(4, &[5])]);
    assert_eq!(model.order().len(), 5, "a circle is no reason to lose a step");
}

#[test]
fn an_export_stands_after_what_it_exports() {
    let ran = |number, inputs: &[u32], from: i64, to: i64| match step(number, StepState::Done) {
        BuildEvent::Step(step) => BuildEvent::Step(Step {
            inputs: inputs.to_vec(),
            started_ms: Some(from),
            completed_ms: Some(to),
            ..step
        }),
        other => other,
    };
    let mut model = LogModel::default();
    let load = ran(1, &[], 0, 1);
    let metadata = ran(2, &[], 1, 5);
    // The layers of a base may be pulled as late as during the export.
    let (from, run, copy) = (ran(3, &[], 5, 15), ran(4, &[5], 8, 9), ran(5, &[3], 6, 8));
    fold(&mut model, vec![load, metadata, from, run, copy, ran(6, &[], 8, 20)]);
    assert_eq!(model.order(), [1, 2, 3, 5, 4, 6]);
}

#[test]
fn progress_replaces_by_id_and_sums_up() {
    let progress = |id: &str, current, total| {
        BuildEvent::Progress(Progress {
            step: 1,
            id: id.into(),
            current,
            total,
            done: false,
        })
    };
    let mut model = LogModel::default();
    fold(
        &mut model,
        vec![
            step(1, StepState::Running),
            progress("a", 1, 10),
            progress("b", 5, 0),
            progress("a", 12, 10),
        ],
    );
    fold(&mut model, vec![progress("c", 5, 30)]);
    let row = model.row(1).expect("a row");
    assert_eq!(row.transfers.len(), 3);
    assert_eq!(row.transferred(), Some((15, 40)));
}

#[test]
fn the_cap_keeps_the_latest_and_counts_the_rest() {
    let mut model = LogModel::new(View {
        cap: 10,
        ..View::default()
    });
    fold(&mut model, (1..=95).map(|n| line(n, 1)).collect());
    model.trim();
    assert_eq!(lines(&model), (86..=95).collect::<Vec<_>>());
    assert_eq!((model.earlier, model.lines), (85, 95));
    assert_eq!(model.first_line(), Some(86));
    assert_eq!(model.find_line(90), Some(4));

    let mut older = LogModel::new(View {
        cap: 10,
        before: Some(86),
        ..View::default()
    });
    fold(&mut older, (1..=95).map(|n| line(n, 1)).collect());
    older.trim();
    assert_eq!(lines(&older), (76..=85).collect::<Vec<_>>());
    model.prepend(older);
    assert_eq!(lines(&model), (76..=95).collect::<Vec<_>>());
    assert_eq!(model.earlier, 75);
}

#[test]
fn the_parts_make_what_the_whole_makes() {
    let end = BuildEvent::End(BuildEnd {
        status: BuildStatus::Succeeded,
        reason: None,
        message: String::new(),
        step: None,
        digest: None,
    });
    for length in [0, 1, 5, 30] {
        let mut events = vec![step(1, StepState::Running), step(2, StepState::Waiting)];
        for number in 1..=length {
            if number % 7 == 0 {
                events.push(BuildEvent::Notice {
                    text: format!("before {number}"),
                });
            }
            if number == 20 {
                events.push(step(2, StepState::Failed));
            }
            events.push(line(number, 1 + number as u32 % 2));
        }
        events.extend([step(1, StepState::Done), end.clone()]);
        let records: Vec<_> = (1..)
            .zip(events)
            .map(|(seq, event)| BuildRecord { seq, at_ms: 5, event })
            .collect();
        let is_line = |record: &&BuildRecord| matches!(record.event, BuildEvent::Log(_));
        let (all, outline): (Vec<_>, Vec<_>) = records.iter().partition(is_line);
        for before in [None, Some(1), Some(2), Some(8), Some(21), Some(29), Some(99)] {
            for cap in [1, 3, 10, 100] {
                let view = View {
                    step: None,
                    before,
                    cap,
                };
                let mut folded = LogModel::new(view);
                for record in &records {
                    assert_eq!(folded.apply(record.clone()), Merge::Applied);
                }
                folded.trim();
                let last = before.map_or(length, |before| length.min(before - 1)) as usize;
                let lines = all[last.saturating_sub(cap)..last].iter().copied().cloned().collect();
                let outline = outline.iter().copied().cloned().collect();
                let made = LogModel::of_parts(view, outline, lines, records.len() as u64, length);
                assert_eq!(made, folded, "{length} lines, before {before:?}, cap {cap}");
            }
        }
    }
}

#[test]
fn one_step_can_be_looked_at_alone() {
    let mut model = LogModel::new(View {
        step: Some(2),
        ..View::default()
    });
    fold(
        &mut model,
        vec![
            step(1, StepState::Running),
            step(2, StepState::Running),
            line(1, 1),
            line(2, 2),
            line(3, 1),
        ],
    );
    assert_eq!(lines(&model), [2]);
    assert_eq!(model.entries.len(), 2);
    assert_eq!(model.steps.len(), 2);
}

#[test]
fn the_end_is_a_row_with_the_reason() {
    let mut model = LogModel::default();
    let end = BuildEnd {
        status: BuildStatus::Failed,
        reason: Some(prt_types::builds::BuildReason::PullDenied),
        message: "no such user".into(),
        step: None,
        digest: None,
    };
    fold(&mut model, vec![BuildEvent::End(end.clone())]);
    assert_eq!(model.entries[0].text, "Failed (PullDenied): no such user");
    assert_eq!(model.entries[0].kind, EntryKind::Bad);
    assert_eq!(model.end, Some(end));
}

#[test]
fn the_server_s_model_survives_the_way_to_the_browser() {
    let mut model = LogModel::new(View {
        cap: 5,
        ..View::default()
    });
    fold(&mut model, vec![step(1, StepState::Running), line(1, 1)]);
    let text = serde_json::to_string(&model).expect("serializes");
    assert_eq!(serde_json::from_str::<LogModel>(&text).expect("parses"), model);
}

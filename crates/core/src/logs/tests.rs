//! Numbers without gaps, whatever happens between.

use std::{fs, io::Write as _};

use futures::{FutureExt as _, StreamExt as _};
use proptest::prelude::*;
use prt_types::{
    build_events::{BuildEnd, BuildEvent, BuildRecord, LogLine, Progress},
    builds::BuildStatus,
    ids::BuildId,
};
use tempfile::TempDir;

use super::*;
use crate::clock::new_id;

fn line(line: u64, text: impl Into<String>) -> (i64, BuildEvent) {
    (
        1000 + line as i64,
        BuildEvent::Log(LogLine {
            line,
            step: 1,
            stream: 1,
            text: text.into(),
        }),
    )
}

fn lines(range: std::ops::RangeInclusive<u64>) -> Vec<(i64, BuildEvent)> {
    range.map(|n| line(n, format!("line {n}"))).collect()
}

fn notice(text: &str) -> (i64, BuildEvent) {
    (1, BuildEvent::Notice { text: text.to_owned() })
}

fn end() -> (i64, BuildEvent) {
    let end = BuildEnd {
        status: BuildStatus::Succeeded,
        reason: None,
        message: "Built.".into(),
        step: None,
        digest: None,
    };
    (9, BuildEvent::End(end))
}

fn store() -> (TempDir, LogStore, BuildId) {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new(dir.path().join("logs"));
    (dir, store, BuildId(new_id()))
}

fn seqs(records: &[BuildRecord]) -> Vec<u64> {
    records.iter().map(|record| record.seq).collect()
}

fn segment_file(store: &LogStore, id: BuildId) -> PathBuf {
    segment::path(&store.dir(id), 1)
}

#[tokio::test]
async fn records_are_numbered_and_read_from_anywhere() {
    let (_dir, store, id) = store();
    let mut writer = store.writer(id).await.unwrap();
    writer.append(vec![notice("hello")]).await.unwrap();
    for n in 0..10 {
        writer.append(lines(n * 100 + 1..=n * 100 + 100)).await.unwrap();
    }
    let position = writer.append(vec![end()]).await.unwrap();
    assert_eq!(
        position,
        Position {
            last_seq: 1002,
            last_line: 1000,
            ended: true
        }
    );
    drop(writer);

    // Once from memory, once from disk by a store that has not seen the writing.
    let reopened = LogStore::new(store.inner.root.clone());
    for store in [store, reopened] {
        assert_eq!(seqs(&store.read(id, 0, 3).await.unwrap()), [1, 2, 3]);
        assert_eq!(seqs(&store.read(id, 255, 3).await.unwrap()), [256, 257, 258]);
        assert_eq!(seqs(&store.read(id, 1000, 10).await.unwrap()), [1001, 1002]);
        assert_eq!(store.read(id, 1002, 10).await.unwrap(), []);
        let found = store.read_lines(id, 777, 2).await.unwrap();
        assert_eq!(
            found.iter().map(|r| r.event.clone()).collect::<Vec<_>>(),
            lines(777..=778).into_iter().map(|(_, e)| e).collect::<Vec<_>>()
        );
        assert_eq!(store.position(id).await.unwrap(), position);
        assert_eq!(
            store.decoded(id).await.unwrap(),
            Decoded {
                whole: 1000,
                after_cut: 0
            }
        );
    }
}

#[tokio::test]
async fn a_log_has_one_writer_at_a_time_and_nothing_after_its_end() {
    let (_dir, store, id) = store();
    let mut writer = store.writer(id).await.unwrap();
    assert!(store.writer(id).await.is_err());
    writer.append(vec![end(), notice("late")]).await.unwrap();
    drop(writer);
    let mut writer = store.writer(id).await.unwrap();
    writer.append(vec![notice("later")]).await.unwrap();
    assert_eq!(
        store.position(id).await.unwrap(),
        Position {
            last_seq: 1,
            last_line: 0,
            ended: true
        }
    );
}

#[tokio::test]
async fn the_end_of_a_log_can_be_waited_for() {
    let (_dir, store, id) = store();
    store.ended(id).now_or_never().expect("nobody writes it");
    let mut writer = store.writer(id).await.unwrap();
    writer.append(vec![notice("hello")]).await.unwrap();
    let ended = store.ended(id);
    futures::pin_mut!(ended);
    assert!(futures::poll!(&mut ended).is_pending());
    writer.append(vec![notice("more")]).await.unwrap();
    assert!(futures::poll!(&mut ended).is_pending());
    writer.append(vec![end()]).await.unwrap();
    assert!(futures::poll!(&mut ended).is_ready());
}

#[tokio::test]
async fn a_torn_last_record_is_cut_off_and_the_numbers_go_on() {
    let (_dir, store, id) = store();
    let mut writer = store.writer(id).await.unwrap();
    writer.append(lines(1..=600)).await.unwrap();
    drop(writer);
    fs::OpenOptions::new()
        .append(true)
        .open(segment_file(&store, id))
        .unwrap()
        .write_all(b"{\"seq\":601,\"at_")
        .unwrap();

    let store = LogStore::new(store.inner.root.clone());
    assert_eq!(store.position(id).await.unwrap().last_seq, 600);
    let mut writer = store.writer(id).await.unwrap();
    writer.append(lines(601..=601)).await.unwrap();
    assert_eq!(seqs(&store.read(id, 598, 10).await.unwrap()), [599, 600, 601]);
}

/// Byte range of the records `seqs` in a log of one segment.
fn bytes_of(file: &[u8], seqs: std::ops::RangeInclusive<usize>) -> std::ops::Range<usize> {
    let ends: Vec<usize> = file
        .iter()
        .enumerate()
        .filter_map(|(at, byte)| (*byte == b'\n').then_some(at + 1))
        .collect();
    seqs.start().checked_sub(2).map_or(0, |before| ends[before])..ends[seqs.end() - 1]
}

#[tokio::test]
async fn damage_costs_the_records_that_it_hit_and_no_other() {
    let (_dir, store, id) = store();
    let mut writer = store.writer(id).await.unwrap();
    writer.append(lines(1..=600)).await.unwrap();
    drop(writer);
    let path = segment_file(&store, id);
    let whole = fs::read(&path).unwrap();
    let garbled = |range: std::ops::Range<usize>, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes.splice(range, with.iter().copied());
        bytes
    };
    let one = bytes_of(&whole, 300..=300);
    let block = bytes_of(&whole, 298..=302);
    let text = whole[one.clone()].to_vec();
    let other_number = String::from_utf8(text.clone()).unwrap().replace(":300,", ":500,");
    let cases: [(&str, Vec<u8>, &[u64]); 6] = [
        (
            "another type",
            garbled(
                one.clone(),
                br#"{"seq":{},"x":1}
"#,
            ),
            &[300],
        ),
        (
            "a flipped byte in the text",
            garbled(one.start + 40..one.start + 41, b"\xff"),
            &[300],
        ),
        ("another number", garbled(one.clone(), other_number.as_bytes()), &[300]),
        (
            "a block of zeros",
            garbled(block.start + 7..block.end - 3, &vec![0; block.len() - 10]),
            &[298, 299, 300, 301, 302],
        ),
        ("a repeated record", garbled(one.end..one.end, &text), &[]),
        ("a foreign line", garbled(one.end..one.end, b"no record\n"), &[]),
    ];
    for (what, bytes, hit) in cases {
        fs::write(&path, bytes).unwrap();
        // With the index, without it, and by a store that had the log open before.
        for (opened, index) in [(true, true), (false, true), (false, false)] {
            if !index {
                fs::remove_file(store.dir(id).join("index")).unwrap();
            }
            let again = if opened {
                store.clone()
            } else {
                LogStore::new(store.inner.root.clone())
            };
            let mut records = again.read(id, 0, 10_000).await.unwrap();
            assert_eq!(seqs(&records), (1..=600).collect::<Vec<_>>(), "{what}");
            for (record, (_, event)) in records.iter().zip(lines(1..=600)) {
                if hit.contains(&record.seq) {
                    assert!(
                        matches!(&record.event, BuildEvent::Notice { text } if text.contains("damaged")),
                        "{what}: {record:?}"
                    );
                } else {
                    assert_eq!(record.event, event, "{what}");
                }
            }
            // From anywhere it is the same.
            assert_eq!(
                again.read(id, 299, 1).await.unwrap()[0].event,
                records.remove(299).event,
                "{what}"
            );
            assert_eq!(again.read_lines(id, 450, 1).await.unwrap()[0].seq, 450, "{what}");
            assert_eq!(again.decoded(id).await.unwrap().whole, 600, "{what}");
            drop(again.writer(id).await.unwrap());
        }
    }
    fs::write(&path, garbled(one, b"no record\n")).unwrap();
    let again = LogStore::new(store.inner.root.clone());
    again
        .writer(id)
        .await
        .unwrap()
        .append(vec![line(601, "goes on"), end()])
        .await
        .unwrap();
    let followed = LogStore::new(store.inner.root.clone())
        .follow(id, 0)
        .collect::<Vec<_>>()
        .await
        .concat();
    assert_eq!(seqs(&followed), (1..=602).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lost_or_short_index_is_made_again() {
    let (_dir, store, id) = store();
    let mut writer = store.writer(id).await.unwrap();
    writer.append(lines(1..=2000)).await.unwrap();
    drop(writer);
    let index = store.dir(id).join("index");
    let whole = fs::read(&index).unwrap();
    assert_eq!(whole.len(), 32 * 8);
    for damaged in [
        vec![],
        whole[..32 * 3 + 7].to_vec(),
        [&whole[..64], &[0xff; 100]].concat(),
    ] {
        fs::write(&index, damaged).unwrap();
        let store = LogStore::new(store.inner.root.clone());
        assert_eq!(seqs(&store.read(id, 1998, 10).await.unwrap()), [1999, 2000]);
        drop(store.writer(id).await.unwrap());
        assert_eq!(fs::read(&index).unwrap(), whole);
    }
}

#[tokio::test]
async fn the_outline_has_all_but_the_lines_and_is_kept_once_the_log_has_ended() {
    let progress = |current| {
        let event = BuildEvent::Progress(Progress {
            step: 1,
            id: "layer".into(),
            current,
            total: 3,
            done: current == 3,
        });
        (5, event)
    };
    let (_dir, store, id) = store();
    let mut writer = store.writer(id).await.unwrap();
    writer.append(vec![notice("first"), progress(1)]).await.unwrap();
    writer.append(lines(1..=600)).await.unwrap();
    writer.append(vec![progress(3), notice("second")]).await.unwrap();
    assert_eq!(seqs(&store.outline(id).await.unwrap()), [1, 603, 604]);
    let file = store.dir(id).join("outline.ndjson");
    assert!(!file.exists(), "the log goes on");
    writer.append(vec![end()]).await.unwrap();
    let outline = store.outline(id).await.unwrap();
    assert_eq!(seqs(&outline), [1, 603, 604, 605]);
    assert!(file.exists());
    assert_eq!(store.outline(id).await.unwrap(), outline);
    // One that is not whole is made again.
    let whole = fs::read(&file).unwrap();
    for part in [&whole[..whole.len() - 3], &whole[..whole.len() / 2], b""] {
        fs::write(&file, part).unwrap();
        assert_eq!(store.outline(id).await.unwrap(), outline);
        assert_eq!(fs::read(&file).unwrap(), whole);
    }
}

#[tokio::test]
async fn a_log_beyond_its_cap_is_cut_with_one_notice() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::with_cap(dir.path(), 10_000);
    let id = BuildId(new_id());
    for start in [1, 501] {
        // The second round is a console that was started again.
        let store = LogStore::with_cap(dir.path(), 10_000);
        let mut writer = store.writer(id).await.unwrap();
        for n in start..start + 500 {
            writer.append(lines(n..=n)).await.unwrap();
        }
        assert!(writer.is_cut());
        writer
            .append(vec![(
                1,
                BuildEvent::Warning {
                    step: 1,
                    text: "still told".into(),
                },
            )])
            .await
            .unwrap();
    }
    store.writer(id).await.unwrap().append(vec![end()]).await.unwrap();
    let records = store.read(id, 0, 10_000).await.unwrap();
    assert_eq!(seqs(&records), (1..=records.len() as u64).collect::<Vec<_>>());
    let notices = records
        .iter()
        .filter(|r| matches!(&r.event, BuildEvent::Notice { text } if text == CUT_NOTICE))
        .count();
    let warnings = records
        .iter()
        .filter(|r| matches!(r.event, BuildEvent::Warning { .. }))
        .count();
    assert_eq!((notices, warnings), (1, 2));
    assert!(matches!(records.last().unwrap().event, BuildEvent::End(_)));
    let whole = records.iter().filter(|r| matches!(r.event, BuildEvent::Log(_))).count() as u64;
    assert_eq!(store.decoded(id).await.unwrap(), Decoded { whole, after_cut: 2 });
}

#[tokio::test]
async fn a_late_follower_gets_the_first_line_and_ends_with_the_build() {
    let (_dir, store, id) = store();
    let early = tokio::spawn(store.follow(id, 0).collect::<Vec<_>>());
    let mut writer = store.writer(id).await.unwrap();
    for n in 1..=20u64 {
        writer.append(lines((n - 1) * 500 + 1..=n * 500)).await.unwrap();
    }
    let late = tokio::spawn(store.follow(id, 0).collect::<Vec<_>>());
    writer.append(vec![end()]).await.unwrap();
    for follower in [early, late] {
        let records = follower.await.unwrap().concat();
        assert_eq!(seqs(&records), (1..=10_001).collect::<Vec<_>>());
    }
    // From the end on there is nothing, and the stream ends.
    assert!(store.follow(id, 10_001).next().await.is_none());
}

#[derive(Clone, Debug)]
enum Act {
    Write(u8),
    Progress,
    Reopen,
    Follow(u8),
    Yield,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => any::<u8>().prop_map(Act::Write),
        1 => Just(Act::Progress),
        1 => Just(Act::Reopen),
        2 => any::<u8>().prop_map(Act::Follow),
        2 => Just(Act::Yield),
    ];
    prop::collection::vec(act, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn followers_see_every_record_once_in_order_whenever_they_join(acts in acts(), threads in 1..4usize) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(threads).enable_all().build().unwrap();
        let outcome: Result<(), TestCaseError> = runtime.block_on(async {
            let (_dir, store, id) = store();
            let mut writer = Some(store.writer(id).await.unwrap());
            let mut followers = vec![];
            let mut next_line = 1;
            for act in acts {
                match act {
                    Act::Write(count) => {
                        let last = next_line + u64::from(count);
                        writer.as_mut().unwrap().append(lines(next_line..=last)).await.unwrap();
                        next_line = last + 1;
                    }
                    Act::Progress => {
                        let progress = Progress { step: 1, id: "x".into(), current: 1, total: 2, done: false };
                        writer.as_mut().unwrap().append(vec![(1, BuildEvent::Progress(progress))]).await.unwrap();
                    }
                    Act::Reopen => {
                        writer = None;
                        writer.replace(store.writer(id).await.unwrap());
                    }
                    Act::Follow(after) => {
                        followers.push((u64::from(after), tokio::spawn(store.follow(id, u64::from(after)).collect::<Vec<_>>())));
                    }
                    Act::Yield => tokio::task::yield_now().await,
                }
            }
            let position = writer.as_mut().unwrap().append(vec![end()]).await.unwrap();
            prop_assert_eq!(position.last_line, next_line - 1);
            for (after, follower) in followers {
                let records = follower.await.unwrap().concat();
                prop_assert_eq!(seqs(&records), (after + 1..=position.last_seq).collect::<Vec<_>>());
            }
            Ok(())
        });
        outcome?;
    }
}

proptest! {
    #[test]
    fn a_line_is_written_as_serde_writes_it(
        seq in any::<u64>(),
        at_ms in any::<i64>(),
        line in any::<u64>(),
        step in any::<u32>(),
        stream in any::<u8>(),
        text in any::<String>(),
    ) {
        let event = BuildEvent::Log(LogLine { line, step, stream, text });
        let record = BuildRecord { seq, at_ms, event };
        let mut written = vec![];
        segment::write(&mut written, &record).unwrap();
        let mut wanted = serde_json::to_vec(&record).unwrap();
        wanted.push(b'\n');
        prop_assert_eq!(&written, &wanted);
        prop_assert_eq!(segment::record(&written), Some(record));
    }
}

#[tokio::test]
async fn a_batch_behind_another_keeps_the_order() {
    let (_dir, store, id) = store();
    let mut writer = store.writer(id).await.unwrap();
    for n in 0..50 {
        let batch = lines(n * 20 + 1..=n * 20 + 20);
        if n % 7 == 0 {
            writer.append(batch).await.unwrap();
        } else {
            writer.append_behind(batch).await.unwrap();
        }
    }
    writer.written().await.unwrap();
    assert_eq!(writer.position().last_line, 1000);
    writer.append_behind(vec![end()]).await.unwrap();
    writer.written().await.unwrap();
    assert!(writer.position().ended);
    let reopened = LogStore::new(store.inner.root.clone());
    for store in [store, reopened] {
        let read = store.read(id, 0, 2000).await.unwrap();
        assert_eq!(seqs(&read), (1..=1001).collect::<Vec<_>>());
        let texts = read.iter().filter_map(|record| match &record.event {
            BuildEvent::Log(line) => Some(line.text.clone()),
            _ => None,
        });
        assert_eq!(
            texts.collect::<Vec<_>>(),
            (1..=1000).map(|n| format!("line {n}")).collect::<Vec<_>>()
        );
    }
}

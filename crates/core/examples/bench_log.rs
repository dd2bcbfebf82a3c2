//! Writes a million log lines into a log store while a viewer follows, reads them back from disk, and prints what it measured:
//! `cargo run --release -p prt-core --example bench_log [lines]`.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use prt_core::{clock::new_id, logs::LogStore};
use prt_types::{
    build_events::{BuildEnd, BuildEvent, BuildRecord, LogLine},
    builds::BuildStatus,
    ids::BuildId,
};
use sha2::{Digest as _, Sha256};

const BATCH: u64 = 500;

fn text(line: u64) -> String {
    format!(
        "{line:08} compiling module {} of the thing that is being built here, with some words to fill a line",
        line * 7919 % 1000
    )
}

fn hash(hasher: &mut Sha256, records: &[BuildRecord]) -> u64 {
    let mut lines = 0;
    for record in records {
        if let BuildEvent::Log(line) = &record.event {
            hasher.update(line.text.as_bytes());
            lines += 1;
        }
    }
    lines
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lines: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |arg| arg.parse())?;
    let dir = tempfile::tempdir()?;
    let store = LogStore::new(dir.path());
    let id = BuildId(new_id());

    let mut wanted = Sha256::new();
    for line in 1..=lines {
        wanted.update(text(line).as_bytes());
    }
    let wanted = wanted.finalize();

    let mut live = store.follow(id, 0);
    let follower = tokio::spawn(async move {
        let mut hasher = Sha256::new();
        let mut seen = 0;
        while let Some(records) = live.next().await {
            seen += hash(&mut hasher, &records);
        }
        (hasher.finalize(), seen)
    });

    let mut writer = store.writer(id).await?;
    let begin = Instant::now();
    let mut line = 1;
    while line <= lines {
        let last = (line + BATCH - 1).min(lines);
        let batch = (line..=last)
            .map(|line| {
                (
                    line as i64,
                    BuildEvent::Log(LogLine {
                        line,
                        step: 1,
                        stream: 1,
                        text: text(line),
                    }),
                )
            })
            .collect();
        writer.append(batch).await?;
        line = last + 1;
    }
    let end = BuildEnd {
        status: BuildStatus::Succeeded,
        reason: None,
        message: "Built.".into(),
        step: None,
        digest: None,
    };
    writer.append(vec![(0, BuildEvent::End(end))]).await?;
    let written = begin.elapsed();
    let (followed, seen) = follower.await?;
    let followed_after = begin.elapsed();
    drop(writer);

    // A store that has nothing in memory.
    let store = LogStore::new(dir.path());
    let mut hasher = Sha256::new();
    let mut read = 0;
    let mut after = 0;
    loop {
        let records = store.read(id, after, 10_000).await?;
        let Some(last) = records.last() else { break };
        after = last.seq;
        read += hash(&mut hasher, &records);
    }
    let begin = Instant::now();
    let far = store.read_lines(id, lines / 9 * 7, 500).await?.len();
    let open_far = begin.elapsed();
    let latency = latency(&store).await?;

    let result = serde_json::json!({
        "lines": lines,
        "seconds": written.as_secs_f64(),
        "lines_per_second": (lines as f64 / written.as_secs_f64()).round(),
        "checksum_equal": hasher.finalize() == wanted && followed == wanted && read == lines && seen == lines,
        "follower_behind_ms": followed_after.saturating_sub(written).as_secs_f64() * 1e3,
        "read_500_lines_in_the_middle_ms": open_far.as_secs_f64() * 1e3,
        "middle_lines": far,
        "follower_latency_p50_us": latency.0,
        "follower_latency_p99_us": latency.1,
    });
    writeln!(std::io::stdout(), "{result}")?;
    Ok(())
}

/// Time from the start of an append of one line until a follower has it, in microseconds: median and 99th percentile.
async fn latency(store: &LogStore) -> Result<(u128, u128), Box<dyn std::error::Error>> {
    let id = BuildId(new_id());
    let mut writer = store.writer(id).await?;
    let mut live = store.follow(id, 0);
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while live.next().await.is_some() {
            if tell.send(Instant::now()).await.is_err() {
                break;
            }
        }
    });
    let mut took = vec![];
    for line in 1..=2000 {
        let begin = Instant::now();
        writer
            .append(vec![(
                0,
                BuildEvent::Log(LogLine {
                    line,
                    step: 1,
                    stream: 1,
                    text: text(line),
                }),
            )])
            .await?;
        let seen = told.recv().await.ok_or("the follower ended")?;
        took.push(seen.saturating_duration_since(begin));
    }
    took.sort();
    let at = |part: usize| {
        took.get(took.len() * part / 100)
            .copied()
            .unwrap_or(Duration::ZERO)
            .as_micros()
    };
    Ok((at(50), at(99)))
}

//! Writes a million log lines into a log store while a viewer follows, reads them back from disk, opens the log far in, and prints what
//! it measured, each time beside the same without the store or with a short log. A part of `make bench`; alone:
//! `cargo run --release -p prt-core --example bench_log [lines]`.

use std::{
    fs,
    io::Write as _,
    path::Path,
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
/// How often the log is written, with the plain file after it.
const PAIRS: usize = 5;
/// How often each of the two logs is opened.
const OPENINGS: usize = 101;
/// Lines of the short log, and of what is read of both.
const SHORT: u64 = 1000;
const PAGE: usize = 500;

type Hash = sha2::digest::Output<Sha256>;

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
    let mut wanted = Sha256::new();
    for line in 1..=lines {
        wanted.update(text(line).as_bytes());
    }
    let wanted = wanted.finalize();

    let mut write_seconds = vec![];
    let mut checksum_equal = true;
    let mut long = BuildId(new_id());
    for _ in 0..PAIRS {
        LogStore::new(dir.path()).remove(long).await?;
        long = BuildId(new_id());
        let written = write(dir.path(), long, lines).await?;
        // A store that has nothing in memory.
        let read = read_back(&LogStore::new(dir.path()), long).await?;
        checksum_equal &= [&written.followed, &read]
            .iter()
            .all(|(hash, count)| *hash == wanted && *count == lines);
        let plain = write_plain(dir.path(), long, lines)?;
        write_seconds.push((written.took.as_secs_f64(), plain.as_secs_f64()));
    }

    let short = BuildId(new_id());
    write(dir.path(), short, SHORT).await?;
    let far_line = lines / 1_000_000 * 777_777 + lines % 1_000_000 * 7 / 9;
    let mut open_ms = vec![];
    for _ in 0..OPENINGS {
        let far = open(dir.path(), long, far_line).await?;
        open_ms.push((far, open(dir.path(), short, SHORT / 3).await?));
    }
    let latency = latency(&LogStore::new(dir.path())).await?;

    let result = serde_json::json!({
        "lines": lines,
        "checksum_equal": checksum_equal,
        "write_seconds": write_seconds,
        "far_line": far_line,
        "open_ms": open_ms,
        "follower_p50_us": [latency.0],
        "follower_p99_us": [latency.1],
    });
    writeln!(std::io::stdout(), "{result}")?;
    Ok(())
}

/// What writing a log took, and what a viewer got meanwhile.
struct Written {
    took: Duration,
    followed: (Hash, u64),
}

/// Writes a log with a viewer following it.
async fn write(dir: &Path, id: BuildId, lines: u64) -> Result<Written, Box<dyn std::error::Error>> {
    let store = LogStore::new(dir);
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
    let took = begin.elapsed();
    Ok(Written {
        took,
        followed: follower.await?,
    })
}

/// All lines, from disk.
async fn read_back(store: &LogStore, id: BuildId) -> Result<(Hash, u64), Box<dyn std::error::Error>> {
    let mut hasher = Sha256::new();
    let (mut lines, mut after) = (0, 0);
    loop {
        let records = store.read(id, after, 10_000).await?;
        let Some(last) = records.last() else { break };
        after = last.seq;
        lines += hash(&mut hasher, &records);
    }
    Ok((hasher.finalize(), lines))
}

/// The bare reference: the bytes of the log's segments into one file, in as many writes, brought to the disk at the end like the log.
fn write_plain(dir: &Path, id: BuildId, lines: u64) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut bytes = vec![];
    for number in 1.. {
        match fs::read(dir.join(id.to_string()).join(format!("segment-{number:06}.ndjson"))) {
            Ok(segment) => bytes.extend(segment),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(error.into()),
        }
    }
    let piece = bytes.len().div_ceil(lines.div_ceil(BATCH) as usize);
    let path = dir.join("plain");
    let begin = Instant::now();
    let mut file = fs::File::create(&path)?;
    for piece in bytes.chunks(piece) {
        file.write_all(piece)?;
    }
    file.sync_all()?;
    let took = begin.elapsed();
    fs::remove_file(path)?;
    Ok(took)
}

/// Milliseconds until a store that has nothing in memory gives the lines from `line` on.
async fn open(dir: &Path, id: BuildId, line: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let records = LogStore::new(dir).read_lines(id, line, PAGE).await?;
    let took = begin.elapsed();
    let first = records.first().map(|record| &record.event);
    if records.len() != PAGE
        || !matches!(first, Some(BuildEvent::Log(found)) if found.line == line && found.text == text(line))
    {
        return Err(format!("not the lines from {line} on").into());
    }
    Ok(took.as_secs_f64() * 1e3)
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

//! The outline of a log: its records that are no log lines. They say how the steps stand, and are few also in a very long log.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use prt_types::build_events::{BuildEvent, BuildRecord};

use super::{log::Log, segment};

/// Holds the outline of a log that has ended, made by whoever asks for it first.
const FILE: &str = "outline.ndjson";

/// The outline so far. Of each transfer's progress only the latest is in it. Blocks on the disk.
pub(super) fn read(log: &Log) -> io::Result<Vec<BuildRecord>> {
    let position = log.position();
    let path = log.dir.join(FILE);
    if position.ended
        && let Some(records) = load(&path, position.last_seq)?
    {
        return Ok(records);
    }
    let records = scan(log, position.last_seq)?;
    if position.ended
        && let Err(error) = keep(&path, &records)
    {
        tracing::warn!(%error, "the outline of a build's log cannot be written");
    }
    Ok(records)
}

/// What the file has, unless it is missing or not whole.
fn load(path: &Path, last_seq: u64) -> io::Result<Option<Vec<BuildRecord>>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let records: Option<Vec<_>> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(segment::record)
        .collect();
    Ok(records.filter(|records| records.last().is_some_and(|last| last.seq == last_seq)))
}

fn scan(log: &Log, last_seq: u64) -> io::Result<Vec<BuildRecord>> {
    let mut records: Vec<Option<BuildRecord>> = vec![];
    let mut progress: HashMap<(u32, String), usize> = HashMap::new();
    log.scan(
        |entry| entry.seq <= 1,
        |seq, raw| {
            if seq > last_seq {
                return Ok(false);
            }
            if raw.is_some_and(|raw| segment::tag(raw) == b"log") {
                return Ok(true);
            }
            let at_ms = records.iter().rev().flatten().next().map_or(0, |record| record.at_ms);
            let record = segment::record_or_notice(seq, raw, at_ms);
            if let BuildEvent::Progress(latest) = &record.event
                && let Some(former) = progress.insert((latest.step, latest.id.clone()), records.len())
            {
                records[former] = None;
            }
            records.push(Some(record));
            Ok(true)
        },
    )?;
    Ok(records.into_iter().flatten().collect())
}

/// Under another name until it is whole.
fn keep(path: &Path, records: &[BuildRecord]) -> io::Result<()> {
    let mut bytes = vec![];
    for record in records {
        segment::write(&mut bytes, record)?;
    }
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(new, path)
}

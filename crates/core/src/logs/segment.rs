//! Segment files: records as lines of JSON, one file after the other.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use prt_types::build_events::{BuildEvent, BuildRecord};

use super::index::{self, Entry};

/// A segment is closed once it is this long.
pub(super) const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

pub(super) fn path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("segment-{segment:06}.ndjson"))
}

/// Lengths of the segments 1, 2, 3 …; a gap ends the log.
pub(super) fn lengths(dir: &Path) -> io::Result<Vec<u64>> {
    let mut lengths = vec![];
    loop {
        match fs::metadata(path(dir, lengths.len() as u64 + 1)) {
            Ok(meta) => lengths.push(meta.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(lengths),
            Err(error) => return Err(error),
        }
    }
}

/// Where a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Number of the last record; 0 = none.
    pub seq: u64,
    /// Number of the last log line; 0 = none.
    pub line: u64,
    /// Segment to append to.
    pub segment: u64,
    /// Its length.
    pub offset: u64,
    /// Whether the last record is the build's end.
    pub ended: bool,
}

/// Gives lines their numbers, whatever lies between them.
///
/// Damage costs the records that it hit and no other: a line that is no record is passed over, and the numbers that are missing then
/// are reported, so that readers who count on numbers without gaps can be told. A number is believed if it follows the last one, or
/// if what was passed over can have held the records between; any other is part of the damage.
pub(super) struct Numbering {
    /// The number that should come next.
    next: u64,
    /// Bytes passed over since the last record.
    passed: u64,
}

impl Numbering {
    /// No record is shorter.
    const SHORTEST: u64 = 40;

    pub(super) fn from(next: u64) -> Self {
        Self { next, passed: 0 }
    }

    /// The number that should come next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes a line whose number is `seq`, if it has one: whether it is the record of that number.
    pub(super) fn take(&mut self, seq: Option<u64>, len: usize) -> bool {
        let furthest = self.next.saturating_add(self.passed.div_ceil(Self::SHORTEST));
        let Some(seq) = seq.filter(|seq| (self.next..=furthest).contains(seq)) else {
            self.passed += len as u64;
            return false;
        };
        (self.next, self.passed) = (seq + 1, 0);
        true
    }
}

/// Reads what the index does not cover, adds the missing entries, and finds the end: the last record that can be read. What lies
/// behind it in the last segment is what a crash left half-written; it is cut off, because the next record has to start on a line of
/// its own.
pub(super) fn recover(dir: &Path, lengths: &[u64], entries: &mut Vec<Entry>) -> io::Result<End> {
    let first = entries.last().copied().unwrap_or(Entry {
        seq: 1,
        next_line: 1,
        segment: 1,
        offset: 0,
    });
    let mut end = End {
        seq: first.seq - 1,
        line: first.next_line - 1,
        segment: first.segment,
        offset: first.offset,
        ended: false,
    };
    let mut numbering = Numbering::from(first.seq);
    for segment in first.segment..=lengths.len() as u64 {
        let mut offset = if segment == first.segment { first.offset } else { 0 };
        (end.segment, end.offset) = (segment, offset);
        let mut reader = Reader::open(dir, segment, offset)?;
        while let Some(line) = reader.next()? {
            let start = offset;
            offset += line.len() as u64;
            let record = record(line);
            if !numbering.take(record.as_ref().map(|record| record.seq), line.len()) {
                continue;
            }
            let Some(record) = record else { continue };
            if entries
                .last()
                .is_none_or(|last| record.seq >= last.seq + index::EVERY || segment > last.segment)
            {
                entries.push(Entry {
                    seq: record.seq,
                    next_line: end.line + 1,
                    segment,
                    offset: start,
                });
            }
            end = End {
                seq: record.seq,
                line: line_of(&record).unwrap_or(end.line),
                segment,
                offset,
                ended: is_end(&record),
            };
        }
        if segment == lengths.len() as u64 && end.offset < offset {
            tracing::warn!(
                dir = %dir.display(),
                bytes = offset - end.offset,
                "a build's log ends with what is no record; it is cut off"
            );
            OpenOptions::new()
                .write(true)
                .open(path(dir, segment))?
                .set_len(end.offset)?;
        }
    }
    // An entry may point at what was cut off.
    entries.retain(|entry| entry.seq <= end.seq);
    Ok(end)
}

/// Appends the line of a record. Almost all records are log lines, so these do not go through what `serde` makes of nested types.
pub(super) fn write(out: &mut Vec<u8>, record: &BuildRecord) -> io::Result<()> {
    if let BuildEvent::Log(line) = &record.event {
        out.extend_from_slice(br#"{"seq":"#);
        serde_json::to_writer(&mut *out, &record.seq)?;
        out.extend_from_slice(br#","at_ms":"#);
        serde_json::to_writer(&mut *out, &record.at_ms)?;
        out.extend_from_slice(br#","type":"log","line":"#);
        serde_json::to_writer(&mut *out, &line.line)?;
        out.extend_from_slice(br#","step":"#);
        serde_json::to_writer(&mut *out, &line.step)?;
        out.extend_from_slice(br#","stream":"#);
        serde_json::to_writer(&mut *out, &line.stream)?;
        out.extend_from_slice(br#","text":"#);
        serde_json::to_writer(&mut *out, &line.text)?;
        out.push(b'}');
    } else {
        serde_json::to_writer(&mut *out, record)?;
    }
    out.push(b'\n');
    Ok(())
}

/// The record of a line, if it is one.
pub(super) fn record(line: &[u8]) -> Option<BuildRecord> {
    line.ends_with(b"\n")
        .then(|| serde_json::from_slice(line).ok())
        .flatten()
}

/// The record of a number; what the disk does not give back is a notice that says so.
pub(super) fn record_or_notice(seq: u64, line: Option<&[u8]>, at_ms: i64) -> BuildRecord {
    let found = line.and_then(record).filter(|record| record.seq == seq);
    found.unwrap_or_else(|| BuildRecord {
        seq,
        at_ms,
        event: BuildEvent::Notice {
            text: format!("Record {seq} of this log is damaged and cannot be shown."),
        },
    })
}

/// A record's number, from its first bytes: without reading all of it.
pub(super) fn seq(line: &[u8]) -> Option<u64> {
    let digits = line.strip_suffix(b"}\n")?.strip_prefix(br#"{"seq":"#)?;
    let len = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = digits.split_at(len);
    if !rest.starts_with(br#","at_ms":"#) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A record's `type`, from its bytes. Within a JSON string a quote is escaped, so this cannot be something that a build printed.
pub(super) fn tag(raw: &[u8]) -> &[u8] {
    const TYPE: &[u8] = br#""type":""#;
    // `seq` and `at_ms` come first and are short.
    let start = &raw[..raw.len().min(128)];
    let Some(at) = start.windows(TYPE.len()).position(|part| part == TYPE) else {
        return &[];
    };
    let rest = &start[at + TYPE.len()..];
    &rest[..rest.iter().position(|byte| *byte == b'"').unwrap_or(0)]
}

fn line_of(record: &BuildRecord) -> Option<u64> {
    match &record.event {
        BuildEvent::Log(line) => Some(line.line),
        _ => None,
    }
}

pub(super) fn is_end(record: &BuildRecord) -> bool {
    matches!(record.event, BuildEvent::End(_))
}

/// Lines of a segment from an offset on.
pub(super) struct Reader {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl Reader {
    pub(super) fn open(dir: &Path, segment: u64, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path(dir, segment))?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self {
            file: BufReader::with_capacity(64 * 1024, file),
            line: vec![],
        })
    }

    /// The next line with its end, or what there is of the last one.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = self.file.read_until(b'\n', &mut self.line)?;
        Ok((read > 0).then_some(self.line.as_slice()))
    }
}

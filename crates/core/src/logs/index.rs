//! The index of a log: where every 256th record lies, so that any record or line is found by reading at most 256 records.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// Records between two entries.
pub(super) const EVERY: u64 = 256;
const ENTRY_LEN: usize = 32;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The record's number.
    pub seq: u64,
    /// The number that the next log line has, at or after this record.
    pub next_line: u64,
    /// Which segment file.
    pub segment: u64,
    /// Byte offset of the record in it.
    pub offset: u64,
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        for (chunk, value) in bytes
            .chunks_exact_mut(8)
            .zip([self.seq, self.next_line, self.segment, self.offset])
        {
            chunk.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let value = |at: usize| {
            let mut raw = [0; 8];
            raw.copy_from_slice(&bytes[at * 8..at * 8 + 8]);
            u64::from_le_bytes(raw)
        };
        Self {
            seq: value(0),
            next_line: value(1),
            segment: value(2),
            offset: value(3),
        }
    }
}

/// The entries that can be believed: in order, within the segments' lengths. The rest is left to be made again.
pub(super) fn load(path: &Path, segment_lengths: &[u64]) -> io::Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(bytes.len() / ENTRY_LEN);
    for chunk in bytes.chunks_exact(ENTRY_LEN) {
        let entry = Entry::from_bytes(chunk);
        let in_order = match entries.last() {
            None => {
                entry
                    == Entry {
                        seq: 1,
                        next_line: 1,
                        segment: 1,
                        offset: 0,
                    }
            }
            Some(last) => {
                entry.seq > last.seq
                    && entry.next_line >= last.next_line
                    && (entry.segment, entry.offset) > (last.segment, last.offset)
            }
        };
        let inside = entry
            .segment
            .checked_sub(1)
            .and_then(|at| segment_lengths.get(at as usize))
            .is_some_and(|len| entry.offset < *len);
        if !in_order || !inside {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Opens the index to append to it, holding exactly `entries`.
pub(super) fn open(path: &Path, entries: &[Entry]) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let mut wanted = Vec::with_capacity(entries.len() * ENTRY_LEN);
    for entry in entries {
        wanted.extend_from_slice(&entry.to_bytes());
    }
    let mut found = Vec::new();
    file.read_to_end(&mut found)?;
    if found != wanted {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&wanted)?;
    }
    Ok(file)
}

/// Appends entries.
pub(super) fn append(file: &mut File, entries: &[Entry]) -> io::Result<()> {
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_bytes()).collect();
    file.write_all(&bytes)
}

//! Which content has which nanoseconds.
//!
//! They are taken from the hash. Two contents of one size that come to the same get different ones, and the file remembers all that were
//! ever given: BuildKit may have seen them. A line is `SHA256 SIZE NANOSECONDS`.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::PathBuf,
};

use super::{Result, Store, io_error};

/// Nanoseconds that a file's time can have; 0 is left out, as it may stand for a file system without any.
const RANGE: u32 = 999_999_999;

pub struct Stamps {
    path: PathBuf,
    of_content: HashMap<String, u32>,
    taken: HashMap<(u64, u32), String>,
    new: String,
}

impl Stamps {
    pub fn read(store: &Store) -> Result<Self> {
        let mut stamps = Self {
            path: store.at("stamps"),
            of_content: HashMap::new(),
            taken: HashMap::new(),
            new: String::new(),
        };
        let file = match File::open(&stamps.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(stamps),
            Err(error) => return Err(io_error("reading the stamps of contents")(error)),
        };
        for line in BufReader::new(file).lines() {
            let line = line.map_err(io_error("reading the stamps of contents"))?;
            // A line that was cut by a crash was never used: the folder with it got no name.
            let mut words = line.split(' ');
            if let (Some(hash), Some(Ok(size)), Some(Ok(nanos)), None) = (
                words.next(),
                words.next().map(str::parse),
                words.next().map(str::parse),
                words.next(),
            ) {
                stamps.note(hash, size, nanos);
            }
        }
        Ok(stamps)
    }

    fn note(&mut self, hash: &str, size: u64, nanos: u32) {
        self.of_content.insert(hash.to_owned(), nanos);
        self.taken.insert((size, nanos), hash.to_owned());
    }

    /// The nanoseconds of a content.
    pub fn of(&mut self, hash: &str, size: u64) -> u32 {
        if let Some(nanos) = self.of_content.get(hash) {
            return *nanos;
        }
        let begin = u32::from_str_radix(hash.get(..8).unwrap_or_default(), 16).unwrap_or_default() % RANGE;
        // There are fewer contents than numbers.
        let nanos = (0..RANGE)
            .map(|step| (begin + step) % RANGE + 1)
            .find(|nanos| !self.taken.contains_key(&(size, *nanos)))
            .unwrap_or(1);
        self.note(hash, size, nanos);
        // Writing to a string does not fail.
        _ = writeln!(self.new, "{hash} {size} {nanos}");
        nanos
    }

    /// Remembers what was given.
    pub fn save(&mut self) -> Result<()> {
        if self.new.is_empty() {
            return Ok(());
        }
        let error = "writing the stamps of contents";
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(io_error(error))?;
        // A line that a crash has cut must not become one with the next.
        let text = format!("\n{}", std::mem::take(&mut self.new));
        io::Write::write_all(&mut file, text.as_bytes())
            .and_then(|()| file.sync_data())
            .map_err(io_error(error))
    }
}

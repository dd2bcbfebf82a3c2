//! Numbers that people use (`Worker-12`, build `#12`). They are never given twice, not even by a database that was restored from a
//! backup: the highest ones are kept in a file, too.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use prt_core::store::StoreResult;

use crate::{error::Fault, repository::AnyRepository, row::Row, statement::sql};

/// The highest numbers that were given, by the name of the counter.
#[derive(Debug)]
pub(crate) struct HighestNumbers {
    file: PathBuf,
    highest: Mutex<BTreeMap<String, i64>>,
}

impl HighestNumbers {
    /// Of a file, which may be missing.
    pub(crate) fn open(file: PathBuf) -> io::Result<Self> {
        let highest = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            file,
            highest: Mutex::new(highest),
        })
    }

    fn of(&self, counter: &str) -> i64 {
        let highest = self.highest.lock().unwrap_or_else(PoisonError::into_inner);
        highest.get(counter).copied().unwrap_or_default()
    }

    fn given(&self, counter: &str, number: i64) -> io::Result<()> {
        let mut highest = self.highest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = highest.entry(counter.to_owned()).or_default();
        *known = number.max(*known);
        let beside = self.file.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(&serde_json::to_vec(&*highest)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.file)
    }
}

impl AnyRepository {
    /// The last number of a counter.
    pub(crate) async fn last_number(&mut self, counter: &'static str) -> StoreResult<i64> {
        let select = sql("SELECT value FROM counters WHERE name = $1").text(counter);
        let value = self.one(select, |row| Row::of("counters", row).int("value")).await?;
        Ok(value.ok_or(Fault::Missing("counter"))?)
    }

    /// Lets a counter go on behind a number, if it is not that far.
    pub(crate) async fn reserve_number(&mut self, counter: &'static str, number: i64) -> StoreResult<()> {
        let raise = sql("UPDATE counters SET value = $2 WHERE name = $1 AND value < $2")
            .text(counter)
            .int(number);
        if self.run(raise).await? > 0 {
            note(self.numbers.clone(), counter, number).await;
        }
        Ok(())
    }

    /// The next number of a counter.
    pub(crate) async fn next_number(&mut self, counter: &'static str) -> StoreResult<i64> {
        let highest = self.numbers.as_ref().map_or(0, |numbers| numbers.of(counter));
        let next = sql("UPDATE counters SET value = CASE WHEN value < $2 THEN $2 ELSE value END + 1 WHERE name = $1 RETURNING value")
            .text(counter)
            .int(highest);
        let value = self.one(next, |row| Row::of("counters", row).int("value")).await?;
        let value = value.ok_or(Fault::Missing("counter"))?;
        note(self.numbers.clone(), counter, value).await;
        Ok(value)
    }
}

async fn note(numbers: Numbers, counter: &'static str, value: i64) {
    let Some(numbers) = numbers else { return };
    // Before the row is saved: a number that is lost harms nobody.
    let written = tokio::task::spawn_blocking(move || numbers.given(counter, value)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!(%error, counter, "the highest number is not kept outside of the database");
    }
}

/// What transactions share of their store.
pub(crate) type Numbers = Option<Arc<HighestNumbers>>;

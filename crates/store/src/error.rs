//! What the databases' errors mean.

use prt_core::store::{StoreError, StoreResult};
use sqlx::error::{DatabaseError, ErrorKind};

/// Failures that no database reports.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// Postgres would answer COMMIT with a silent rollback here, SQLite would commit the rest.
    #[error("an earlier call of this transaction failed")]
    Aborted,
    #[error("{0}")]
    Url(&'static str),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Other(Box::new(fault))
    }
}

/// Unique indices: name (Postgres tells it), columns (SQLite tells them), what is taken.
const TAKEN: &[(&str, &str, &str)] = &[
    ("users_username", "users.username", "login name"),
    ("groups_name", "groups.name", "group name"),
    ("groups_everyone", "groups.everyone", "group of all users"),
    ("api_tokens_hash", "api_tokens.hash", "token"),
    (
        "registry_credentials_name",
        "registry_credentials.name",
        "registry credential name",
    ),
    (
        "named_secrets_personal",
        "named_secrets.user_id, named_secrets.name",
        "secret name",
    ),
    ("named_secrets_shared", "named_secrets.name", "secret name"),
    (
        "security_contexts_pkey",
        "security_contexts.name",
        "security context name",
    ),
    ("worker_sizes_name", "worker_sizes.name", "worker size name"),
    ("workers_number", "workers.number", "worker number"),
    ("builds_number", "builds.number", "build number"),
    ("builds_active", "builds.worker_id", "worker's builder"),
];

pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let class = match &error {
        sqlx::Error::Database(database) => database_class(database.as_ref()),
        sqlx::Error::PoolTimedOut => Class::Busy,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            Class::Connection
        }
        sqlx::Error::ColumnDecode { index, .. } => Class::Corrupt(index.clone()),
        sqlx::Error::Decode(_) => Class::Corrupt("a row".into()),
        _ => Class::Other,
    };
    match class {
        Class::Unique(what) => StoreError::Unique(what),
        Class::Corrupt(what) => StoreError::Corrupt { what },
        Class::Busy => StoreError::Busy(Box::new(error)),
        Class::Connection => StoreError::Connection(Box::new(error)),
        Class::Full => StoreError::Full(Box::new(error)),
        Class::ReadOnly => StoreError::ReadOnly(Box::new(error)),
        Class::Damaged => StoreError::Damaged(Box::new(error)),
        Class::Other => StoreError::Other(Box::new(error)),
    }
}

/// An error unless a row was changed.
pub(crate) fn changed(rows: u64, what: &'static str) -> StoreResult<()> {
    if rows == 0 {
        Err(Fault::Missing(what).into())
    } else {
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Class {
    Unique(String),
    Busy,
    Connection,
    Full,
    ReadOnly,
    Damaged,
    Corrupt(String),
    Other,
}

fn database_class(error: &dyn DatabaseError) -> Class {
    if matches!(error.kind(), ErrorKind::UniqueViolation) {
        return Class::Unique(taken(error.constraint(), error.message()));
    }
    code_class(error.code().as_deref().unwrap_or_default())
}

/// Postgres' codes have five characters, SQLite's are numbers whose low byte is the primary code.
fn code_class(code: &str) -> Class {
    if code.len() == 5 {
        return match code {
            // Serialization failure, deadlock, lock not available, query canceled, too many connections.
            "40001" | "40P01" | "55P03" | "57014" | "53300" => Class::Busy,
            // The server shuts down, has crashed or starts.
            "57P01" | "57P02" | "57P03" => Class::Connection,
            "53100" => Class::Full,
            // E.g. a server that has become a standby.
            "25006" => Class::ReadOnly,
            // Damaged table, damaged index.
            "XX001" | "XX002" => Class::Damaged,
            _ if code.starts_with("08") => Class::Connection,
            _ => Class::Other,
        };
    }
    let code = code.parse::<i32>();
    // SQLITE_IOERR_SHMSIZE: the file beside the database cannot grow.
    if code == Ok(4874) {
        return Class::Full;
    }
    match code.map(|code| code & 0xff) {
        // SQLITE_BUSY, SQLITE_LOCKED
        Ok(5 | 6) => Class::Busy,
        // SQLITE_IOERR, SQLITE_CANTOPEN
        Ok(10 | 14) => Class::Connection,
        // SQLITE_FULL
        Ok(13) => Class::Full,
        // SQLITE_READONLY
        Ok(8) => Class::ReadOnly,
        // SQLITE_CORRUPT, SQLITE_NOTADB
        Ok(11 | 26) => Class::Damaged,
        Ok(_) | Err(_) => Class::Other,
    }
}

fn taken(constraint: Option<&str>, message: &str) -> String {
    let columns = message.rsplit(": ").next().unwrap_or_default();
    TAKEN
        .iter()
        .find(|(index, of, _)| constraint.map_or(*of == columns, |name| name == *index))
        .map_or_else(
            || match constraint {
                Some(name) if name.ends_with("_pkey") => "id".into(),
                None if columns.rsplit_once('.').is_some_and(|(_, column)| column == "id") => "id".into(),
                Some(name) => name.into(),
                None => columns.into(),
            },
            |(_, _, what)| (*what).into(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_name_what_is_taken_alike() {
        for (index, columns, what) in TAKEN {
            assert_eq!(
                taken(Some(index), "duplicate key value violates unique constraint"),
                *what
            );
            assert_eq!(taken(None, &format!("UNIQUE constraint failed: {columns}")), *what);
        }
        assert_eq!(taken(Some("builds_pkey"), ""), "id");
        assert_eq!(taken(None, "UNIQUE constraint failed: builds.id"), "id");
    }

    #[test]
    fn codes_of_both_databases() {
        // SQLITE_BUSY_SNAPSHOT is 5 | 2 << 8.
        for busy in ["5", "517", "6", "40P01", "55P03"] {
            assert_eq!(code_class(busy), Class::Busy, "{busy}");
        }
        for gone in ["14", "778", "08006", "57P01"] {
            assert_eq!(code_class(gone), Class::Connection, "{gone}");
        }
        for full in ["13", "4874", "53100"] {
            assert_eq!(code_class(full), Class::Full, "{full}");
        }
        for damaged in ["11", "267", "26", "XX001"] {
            assert_eq!(code_class(damaged), Class::Damaged, "{damaged}");
        }
        for locked in ["8", "1032", "25006"] {
            assert_eq!(code_class(locked), Class::ReadOnly, "{locked}");
        }
        for other in ["1", "787", "23503", "42601", ""] {
            assert_eq!(code_class(other), Class::Other, "{other}");
        }
    }

    #[test]
    fn an_exhausted_pool_is_busy_and_a_closed_one_is_gone() {
        assert!(matches!(store_error(sqlx::Error::PoolTimedOut), StoreError::Busy(_)));
        assert!(matches!(
            store_error(sqlx::Error::PoolClosed),
            StoreError::Connection(_)
        ));
    }
}

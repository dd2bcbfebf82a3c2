//! The database: [`prt_core::store::Store`] on SQLite and on Postgres, with one set of portable statements.
//!
//! [`AnyStore::connect`] opens either by its URL, [`AnyStore::migrate`] brings its tables up to date. Behind them:
//! `schema` (the tables), `claim` (one console for a database), `backup`, `repository` (one transaction), `statement` (text and parameters), `row` (typed columns), `text` (the words that enums are
//! stored as), `error` (what the databases' errors mean), and one file per resource.
//!
//! # One writer at a time
//! On both databases a write transaction waits for the one before it (SQLite: one connection and `BEGIN IMMEDIATE`; Postgres: an
//! advisory lock as well, for other consoles). Reading a row, deciding and writing it back is therefore safe everywhere, and what
//! the tests show on one database holds on the other. Readers wait for nobody and see one snapshot.
//!
//! # NUL
//! Postgres refuses U+0000 in text, SQLite keeps it. Here both store U+2400 (`␀`) instead: a log message with a NUL must not keep
//! a build from ending.
//!
//! # How to add a column or a table
//! A new file in `migrations/` (an applied one never changes: its hash is kept), each column with a `--` line; TEXT ids, BIGINT
//! milliseconds, BIGINT 0/1 for booleans, TEXT for words and JSON, BYTEA for sealed bytes. Then the statement and the row's reader
//! in the file of its resource, a unique index also in `error`, and a story in `prt_core::testing::store_conformance`.

mod audit;
mod backup;
mod build_configs;
mod builds;
mod certificates;
mod claim;
mod connect;
mod container_images;
mod error;
mod grants;
mod groups;
mod idempotency;
mod named_secrets;
mod notebook_logins;
mod numbers;
mod registry_credentials;
mod repository;
mod retention;
mod row;
mod schema;
mod security_contexts;
mod sessions;
mod settings;
mod statement;
mod text;
mod tokens;
mod users;
mod worker_sizes;
mod workers;

pub use claim::Claim;
pub use connect::{AnyStore, sqlite_path, sqlite_url};

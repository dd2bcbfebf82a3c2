//! What every [`Store`] must do, told as stories. `crates/store` runs them on SQLite and on Postgres.
//!
//! # How to add a story
//! An async function in the file of its kind of data that takes a [`Stories`], and its line in [`run`]. A story has a database of
//! its own, so that it may count rows and set numbers.

mod access;
mod builds;
mod certificates;
mod infrastructure;
mod named_secrets;
mod retention;
mod samples;
mod transactions;
mod workers;

use std::{future::Future, pin::Pin, sync::Arc};

use crate::store::{Repository, Store};

type Opening = Pin<Box<dyn Future<Output = Arc<dyn Store>>>>;

/// Opens databases for the stories.
struct Stories {
    open: Box<dyn Fn(&'static str) -> Opening>,
}

impl Stories {
    async fn open(&self, story: &'static str) -> Arc<dyn Store> {
        (self.open)(story).await
    }
}

/// Runs all stories. `open` gives a store with its tables; the same name again gives the same database in a new store.
pub async fn run<O, F>(open: O)
where
    O: Fn(&'static str) -> F + 'static,
    F: Future<Output = Arc<dyn Store>> + 'static,
{
    let stories = Stories {
        open: Box::new(move |story| Box::pin(open(story))),
    };

    access::users(&stories).await;
    access::names(&stories).await;
    access::groups(&stories).await;
    access::everyone(&stories).await;
    access::tokens(&stories).await;
    access::sessions(&stories).await;
    infrastructure::container_images(&stories).await;
    infrastructure::revisions(&stories).await;
    infrastructure::grants(&stories).await;
    infrastructure::registry_credentials(&stories).await;
    named_secrets::named_secrets(&stories).await;
    infrastructure::worker_sizes(&stories).await;
    certificates::bundle(&stories).await;
    certificates::of_workers(&stories).await;
    infrastructure::security_contexts(&stories).await;
    workers::every_field(&stories).await;
    workers::lists(&stories).await;
    workers::events(&stories).await;
    workers::numbers_under_concurrency(&stories).await;
    workers::build_configs(&stories).await;
    workers::notebook_logins(&stories).await;
    builds::every_field(&stories).await;
    builds::lists(&stories).await;
    builds::one_active_build_a_worker(&stories).await;
    builds::end_once(&stories).await;
    builds::end_once_under_concurrency(&stories).await;
    builds::no_lost_update(&stories).await;
    transactions::a_dropped_transaction_leaves_nothing(&stories).await;
    transactions::a_failed_call_ends_the_transaction(&stories).await;
    transactions::a_busy_writer_is_no_lasting_harm(&stories).await;
    transactions::readers_see_one_state(&stories).await;
    transactions::readers_cannot_write(&stories).await;
    transactions::a_writer_may_read_apart(&stories).await;
    transactions::writers_wait_in_line(&stories).await;
    transactions::a_canceled_waiter_harms_nobody(&stories).await;
    transactions::rows_survive_reopening(&stories).await;
    transactions::idempotency_keys(&stories).await;
    retention::retention(&stories).await;
    transactions::settings(&stories).await;
    transactions::audit(&stories).await;
    transactions::text(&stories).await;
}

async fn read(store: &Arc<dyn Store>) -> Box<dyn Repository> {
    store.read().await.expect("a transaction for reading")
}

async fn write(store: &Arc<dyn Store>) -> Box<dyn Repository> {
    store.write().await.expect("a transaction for writing")
}

//! The console as its users meet it: the real program, a real engine, real BuildKit, real registries.
//!
//! One binary, one file a resource. `scripts/test.sh` prepares what the tests need; a test that lacks something fails and says how
//! to get it.

mod helpers;

mod access;
mod api;
mod build_config;
mod build_config_apply;
mod build_options;
mod builders;
mod builds;
mod certificates;
mod ci;
mod cli;
mod cli_admin;
mod container_images;
mod contexts;
mod crash;
mod cross_site;
mod database;
mod docker_options;
mod engine_away;
mod errors;
mod failures;
mod first_start;
mod idempotency;
mod named_secrets;
mod notebook;
mod notebook_traffic;
mod registry_credentials;
mod retention;
mod secrets;
mod separate_credentials;
mod shared_credentials;
mod token_scope;
mod unknown_workers;
mod uploads;
mod worker_cli;
mod worker_sizes;
mod workers;

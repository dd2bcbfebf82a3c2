//! Conformance suites that adapters run against the ports.

pub mod engine_conformance;
pub mod store_conformance;

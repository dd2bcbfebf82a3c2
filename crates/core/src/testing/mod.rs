//! Conformance suites that adapters run against the ports, and an engine and a clock that tests control.

pub mod engine_conformance;
pub mod memory_engine;
pub mod store_conformance;
pub mod test_clock;

//! What workers and builds are told to be, whatever becomes of the engine: core with a real database and an engine in memory.

mod bed;
mod builds;
mod retention;
mod unknown_workers;
mod workers;

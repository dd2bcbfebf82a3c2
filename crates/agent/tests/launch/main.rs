//! Builds with the real program and a `buildctl` that does what each test needs.

mod builder;
mod contexts;
mod ends;
mod turns;

//! Builds: from the request to the end, whoever looks and whatever happens to the console meanwhile.
//!
//! | file | what |
//! |---|---|
//! | `validate.rs` | what can be said about a request without asking anybody |
//! | `docker_options.rs` | `docker build`'s options as fields |
//! | `secrets.rs` | secret mounts, and what a running build uses, sealed |
//! | `logins.rs` | which login is for which image |
//! | `probe.rs` | logins and the right to push, before the build |
//! | `frontend.rs` | which frontend images a build may name |
//! | `shared.rs` | in which builder what others share may be used |
//! | `offer.rs` | the Dockerfile, and the command that waits for the word to build it |
//! | `create.rs` | the request: may they, is it valid, record, start |
//! | `run.rs` | follows one build from its start or from where a former console left it |
//! | `attend.rs` | one connection to a build: reads, heeds what comes from outside, notices when it breaks |
//! | `stop.rs` | asks a builder to end a build, for as long as it takes |
//! | `end.rs` | the end, exactly once |
//! | `failure/` | reason and plain words of a failure |
//! | `build_log.rs` | the log as `~/build/build.log` |
//! | `read.rs` | lists, views, records, text |
//! | `cancel.rs` | cancel, lost builders, picking up at the start |
//!
//! A failed build is a build with a status, never an `Err`.

mod attend;
mod build_log;
mod cancel;
mod create;
mod docker_options;
mod end;
mod failure;
mod frontend;
mod logins;
mod offer;
mod options;
mod probe;
mod read;
mod run;
mod runs;
mod secrets;
mod shared;
mod stop;
mod validate;
mod view;

pub(crate) use create::{builds_in, busy};
pub use read::BuildQuery;
pub use runs::BuildRuns;

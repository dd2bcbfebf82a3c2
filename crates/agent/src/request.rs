//! A request, its contents, and the answer.

use std::io::{self, Read};

use prt_agent_protocol::{LARGEST_REQUEST, Refusal, RefusalKind, Reply, Request, frame};

use crate::store::{Store, StoreError};

/// Reads a request from standard input and answers it on standard output. An exit code of 0 says that there is an answer.
pub fn serve() -> i64 {
    let mut input = io::stdin().lock();
    let request = match frame::read(&mut input, LARGEST_REQUEST) {
        Ok(Some(frame)) => frame,
        // Nobody wants anything any more.
        Ok(None) => return 1,
        Err(error) => return broken(&error),
    };
    let reply = match serde_json::from_slice(&request) {
        Ok(request) => answer(request, &mut input).unwrap_or_else(|error| Reply::Refused(refusal(&error))),
        Err(error) => return broken(&error),
    };
    let json = match serde_json::to_vec(&reply) {
        Ok(json) => json,
        Err(error) => return broken(&error),
    };
    match frame::write(&mut io::stdout().lock(), &json) {
        Ok(()) => 0,
        Err(error) => broken(&error),
    }
}

fn broken(error: &dyn std::error::Error) -> i64 {
    eprintln!("{error}");
    1
}

fn answer(request: Request, input: &mut dyn Read) -> Result<Reply, StoreError> {
    let contents = frame::Contents::new(input);
    match request {
        Request::ContextOffer { store, manifest } => Store::open(&store)?.offer(&manifest),
        Request::ContextFill { store, id } => Store::open(&store)?.fill(&id, contents),
        Request::ContextArchive { store } => Store::open(&store)?.archive(contents),
    }
    .map(Reply::Context)
}

fn refusal(error: &StoreError) -> Refusal {
    let kind = match error {
        StoreError::Invalid(_) | StoreError::Outside(_) => RefusalKind::Invalid,
        StoreError::NotFound(_) => RefusalKind::NotFound,
        StoreError::Cut => RefusalKind::Cut,
        StoreError::Io { source, .. } if is_full(source) => RefusalKind::DiskFull,
        StoreError::Io { .. } => RefusalKind::Failed,
    };
    Refusal {
        kind,
        message: error.to_string(),
    }
}

/// Whether a disk, or somebody's share of it, is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

//! A request, its contents, and the answer.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use prt_agent_protocol::{LARGEST_PART, LARGEST_REQUEST, Refusal, RefusalKind, Reply, Request, frame};

use crate::{
    builder, confined, facts, figures, files, memory,
    store::{Store, StoreError},
};

/// Reads a request from standard input and answers it on standard output. An exit code of 0 says that there is an answer.
pub fn serve() -> i64 {
    serve_on(&mut io::stdin(), &mut io::stdout().lock())
}

/// The same on any two streams.
pub fn serve_on(input: &mut (dyn Read + Send), output: &mut dyn Write) -> i64 {
    let request = match frame::read(input, LARGEST_REQUEST) {
        Ok(Some(frame)) => frame,
        // Nobody wants anything any more.
        Ok(None) => return 1,
        Err(error) => return broken(&error),
    };
    let answer = match serde_json::from_slice(&request) {
        Ok(request) => answer(request, input).unwrap_or_else(|error| Answer::from(Reply::Refused(refusal(&error)))),
        Err(error) => return broken(&error),
    };
    match answer.write(output) {
        Ok(()) => 0,
        Err(error) => broken(&error),
    }
}

fn broken(error: &dyn std::error::Error) -> i64 {
    eprintln!("{error}");
    1
}

/// A reply, and the content that belongs to it.
struct Answer {
    reply: Reply,
    content: Option<Vec<u8>>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, content: None }
    }
}

impl Answer {
    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        frame::write(output, &serde_json::to_vec(&self.reply)?)?;
        if let Some(content) = &self.content {
            for part in content.chunks(LARGEST_PART) {
                frame::write(output, part)?;
            }
            frame::write(output, &[])?;
        }
        Ok(())
    }
}

fn answer(request: Request, input: &mut (dyn Read + Send)) -> Result<Answer, StoreError> {
    let contents = frame::Contents::new(input);
    let context = |view| Answer::from(Reply::Context(view));
    let done = |()| Answer::from(Reply::Done);
    match request {
        Request::ContextOffer { store, manifest } => {
            let store = Store::open(&store)?;
            let offered = store.offer(&manifest);
            // The other contexts are there only to save time.
            let offered = if make_room(&store, &offered) {
                store.offer(&manifest)
            } else {
                offered
            };
            offered.map(context)
        }
        Request::ContextFill { store, id } => {
            let store = Store::open(&store)?;
            let filled = store.fill(&id, contents);
            make_room(&store, &filled);
            filled.map(context)
        }
        Request::ContextArchive { store } => {
            let store = Store::open(&store)?;
            let put = store.archive(contents);
            make_room(&store, &put);
            put.map(context)
        }
        Request::FileList { folder } => {
            confined::to(&[&folder], || files::list(&folder)).map(|files| Reply::Files { files }.into())
        }
        Request::FileRead { folder, path, limit } => confined::to(&[&folder], || files::read(&folder, &path, limit))
            .map(|content| Answer {
                reply: Reply::File,
                content: Some(content),
            }),
        Request::FileWrite { folder, path, mode } => {
            confined::to(&[&folder], || files::write(&folder, &path, mode, contents)).map(done)
        }
        Request::FileStream { folder, path } => {
            confined::to(&[&folder], || files::stream(&folder, &path, contents)).map(done)
        }
        Request::FolderUnpack { folder, path, replace } => {
            confined::to(&[&folder], || files::unpack(&folder, &path, replace, contents)).map(done)
        }
        Request::MemoryFiles { folder, files } => {
            memory::write(&folder, &files).map(|()| Reply::Facts(facts::facts(&folder)).into())
        }
        Request::Facts { folder } => Ok(Reply::Facts(facts::facts(&folder)).into()),
        Request::Figures { folders } => Ok(Reply::Figures(figures::figures(folders)).into()),
        Request::BuildkitReady { wait_ms } => builder::ready(Duration::from_millis(wait_ms)).map(done),
        Request::BuildkitdChange { text, wait_ms } => {
            builder::change(&text, Duration::from_millis(wait_ms)).map(|change| Reply::Buildkitd(change).into())
        }
        Request::BuildkitdRead => builder::configuration().map(|text| Reply::BuildkitdText { text }.into()),
        Request::Missing { files, hosts } => {
            let names = builder::missing(files, hosts);
            Ok(Reply::Missing { names }.into())
        }
        Request::HostCheck { state } => {
            let findings = builder::host::check(&state);
            Ok(Reply::Host { findings }.into())
        }
    }
}

/// After a full disk: removes what no build reads, so that the next try may do better. Whether there was anything to do.
fn make_room<T>(store: &Store, result: &Result<T, StoreError>) -> bool {
    result.as_ref().is_err_and(StoreError::is_full) && store.make_room().is_ok()
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

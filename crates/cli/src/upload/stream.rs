//! Missing contents of a context as a tar stream, made while it is sent.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prt_client::{Bytes, ContextBody};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;

/// Bytes that go out at once.
const PART: usize = 64 * 1024;

/// Parts that may wait for the network.
const WAITING: usize = 16;

/// A content to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub sha256: String,
    pub size: u64,
    /// A file that has it.
    pub path: PathBuf,
}

/// Bytes of the tar stream.
pub fn tar_bytes(contents: &[Content]) -> u64 {
    let files = contents.iter().map(|content| 512 + content.size.next_multiple_of(512));
    files.sum::<u64>() + 1024
}

/// A tar stream that is being made.
#[derive(Debug)]
pub struct TarStream {
    pub body: ContextBody,
    /// Bytes made so far.
    pub sent: Arc<AtomicU64>,
    /// The maker; its error says more than that of the broken upload.
    pub maker: JoinHandle<io::Result<()>>,
}

/// Starts to make the stream, on a thread, because it reads files.
pub fn start(contents: Vec<Content>) -> TarStream {
    let (parts, receiver) = mpsc::channel(WAITING);
    let sent = Arc::new(AtomicU64::new(0));
    let mut channel = Channel {
        parts,
        sent: Arc::clone(&sent),
        part: Vec::with_capacity(PART),
    };
    let maker = tokio::task::spawn_blocking(move || {
        let made = write(&contents, &mut channel).and_then(|()| channel.flush());
        if let Err(error) = &made {
            // Without this the upload would end as if it were complete.
            _ = channel
                .parts
                .blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
        }
        made
    });
    TarStream {
        body: ContextBody::new(ReceiverStream::new(receiver)),
        sent,
        maker,
    }
}

struct Channel {
    parts: mpsc::Sender<io::Result<Bytes>>,
    sent: Arc<AtomicU64>,
    part: Vec<u8>,
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PART - self.part.len());
        self.part.extend_from_slice(&bytes[..taken]);
        if self.part.len() == PART {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART));
        let length = part.len() as u64;
        self.parts
            .blocking_send(Ok(part.into()))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        self.sent.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }
}

fn write(contents: &[Content], to: &mut dyn Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(to);
    for content in contents {
        append(&mut tar, content).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => error,
            kind => io::Error::new(kind, format!("cannot send {}: {error}", content.path.display())),
        })?;
    }
    tar.finish()
}

fn append(tar: &mut tar::Builder<&mut dyn Write>, content: &Content) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o600);
    header.set_size(content.size);
    header.set_entry_type(tar::EntryType::Regular);
    let mut file = Exactly {
        file: fs::File::open(&content.path)?,
        left: content.size,
    };
    tar.append_data(&mut header, &content.sha256, &mut file)
}

/// A file of which a certain length has been announced: less would shift all that follows, so it is filled up. The hash tells the builder.
struct Exactly {
    file: fs::File,
    left: u64,
}

impl io::Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let mut read = (&mut self.file).take(self.left).read(buffer)?;
        if read == 0 {
            read = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            buffer[..read].fill(0);
        }
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_tar_holds_the_contents_by_their_hashes() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), vec![7; 100_000]).unwrap();
        fs::write(root.path().join("b"), "short").unwrap();
        let content = |name: &str, letter: &str, size| Content {
            sha256: letter.repeat(64),
            size,
            path: root.path().join(name),
        };
        // One file has grown since, one has shrunk: what follows is not shifted.
        let contents = [
            content("a", "a", 99_000),
            content("b", "b", 600),
            content("a", "c", 100_000),
        ];
        let mut bytes = Vec::new();
        write(&contents, &mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, tar_bytes(&contents));
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            seen.push((entry.path().unwrap().display().to_string(), content.len()));
        }
        assert_eq!(
            seen,
            [
                ("a".repeat(64), 99_000),
                ("b".repeat(64), 600),
                ("c".repeat(64), 100_000)
            ]
        );
    }
}

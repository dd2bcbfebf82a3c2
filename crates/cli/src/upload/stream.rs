//! A scan as a tar stream, made while it is sent.

use std::{
    fs,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prt_client::{Bytes, ContextBody};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;

use super::scan::{Entry, Kind, Scan};

/// Bytes that go out at once.
const PART: usize = 64 * 1024;

/// Parts that may wait for the network.
const WAITING: usize = 16;

/// The worker's user: what is uploaded belongs to them.
const OWNER: u64 = 1000;

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
pub fn start(scan: Scan) -> TarStream {
    let (parts, receiver) = mpsc::channel(WAITING);
    let sent = Arc::new(AtomicU64::new(0));
    let mut channel = Channel {
        parts,
        sent: Arc::clone(&sent),
        part: Vec::with_capacity(PART),
    };
    let maker = tokio::task::spawn_blocking(move || {
        let made = write(&scan, &mut channel).and_then(|()| channel.flush());
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

fn write(scan: &Scan, to: &mut dyn Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(to);
    for entry in &scan.entries {
        append(&mut tar, scan, entry).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => error,
            kind => io::Error::new(kind, format!("cannot send {}: {error}", entry.path.display())),
        })?;
    }
    tar.finish()
}

fn append(tar: &mut tar::Builder<&mut dyn Write>, scan: &Scan, entry: &Entry) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_mtime(entry.mtime);
    header.set_uid(OWNER);
    header.set_gid(OWNER);
    header.set_size(0);
    match &entry.kind {
        Kind::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            tar.append_data(&mut header, &entry.path, io::empty())
        }
        Kind::Link { target } => {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, &entry.path, target)
        }
        Kind::File { size } => {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(*size);
            let mut file = Exactly {
                file: fs::File::open(scan.root.join(&entry.path))?,
                left: *size,
            };
            tar.append_data(&mut header, &entry.path, &mut file)
        }
    }
}

/// A file of which a certain length has been announced: less would shift all that follows, so it is an error.
struct Exactly {
    file: fs::File,
    left: u64,
}

impl io::Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let read = (&mut self.file).take(self.left).read(buffer)?;
        if read == 0 {
            return Err(io::Error::other("it was changed while it was read"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, path::Path};

    use super::*;

    #[test]
    fn a_tar_holds_what_was_scanned() {
        let root = tempfile::tempdir().unwrap();
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
        fs::create_dir(root.path().join("d".repeat(120))).unwrap();
        fs::write(root.path().join(&long), vec![7; 100_000]).unwrap();
        fs::write(root.path().join("Dockerfile"), "FROM scratch").unwrap();
        let scan = Scan::of(root.path(), "Dockerfile").unwrap();
        let mut bytes = Vec::new();
        write(&scan, &mut bytes).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            seen.push((
                entry.path().unwrap().display().to_string(),
                content.len(),
                entry.header().uid().unwrap(),
            ));
        }
        assert_eq!(
            seen,
            [
                ("Dockerfile".to_owned(), 12, 1000),
                ("d".repeat(120), 0, 1000),
                (long, 100_000, 1000)
            ]
        );
    }

    #[test]
    fn a_file_that_shrinks_stops_the_upload() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), "short").unwrap();
        let entry = Entry {
            path: "a".into(),
            kind: Kind::File { size: 10 },
            mode: 0o644,
            mtime: 0,
        };
        let scan = Scan {
            root: root.path().into(),
            entries: vec![entry],
        };
        let error = write(&scan, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "cannot send a: it was changed while it was read");
    }

    #[test]
    fn a_file_that_grows_is_cut_at_its_announced_length() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), "long text").unwrap();
        let entry = Entry {
            path: "a".into(),
            kind: Kind::File { size: 4 },
            mode: 0o644,
            mtime: 0,
        };
        let mut bytes = Vec::new();
        write(
            &Scan {
                root: root.path().into(),
                entries: vec![entry],
            },
            &mut bytes,
        )
        .unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut text = String::new();
        archive
            .entries()
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "long");
        assert!(Path::new("a").is_relative());
    }
}

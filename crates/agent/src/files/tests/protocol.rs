//! Requests as they come over a stream: slow, cut, and broken ones.

use std::{
    fs,
    io::{self, Read},
};

use prt_agent_protocol::{LARGEST_PART, RefusalKind, Reply, Request, frame};

use super::{Folders, unpack::archive};
use crate::request::serve_on;

/// Gives a few bytes at a time, and at the end fails.
struct Stream<'a> {
    bytes: &'a [u8],
    piece: usize,
    fails: bool,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && self.fails {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = buffer.len().min(self.piece).min(self.bytes.len());
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

fn whole(bytes: &[u8]) -> Stream<'_> {
    Stream {
        bytes,
        piece: usize::MAX,
        fails: false,
    }
}

/// A request with its contents in parts of seven bytes.
fn sent(request: &Request, contents: &[u8]) -> Vec<u8> {
    let mut bytes = frame::encode(&serde_json::to_vec(request).unwrap());
    for part in contents.chunks(700) {
        bytes.extend(frame::encode(part));
    }
    bytes.extend(frame::encode(&[]));
    bytes
}

/// The reply, and the content that came with it.
fn asked(mut input: Stream<'_>) -> Option<(Reply, Option<Vec<u8>>)> {
    let mut output = vec![];
    let code = serve_on(&mut input, &mut output);
    let mut output = &output[..];
    let reply = frame::read(&mut output, LARGEST_PART).unwrap();
    assert_eq!(code == 0, reply.is_some());
    let reply = serde_json::from_slice(&reply?).unwrap();
    let mut content = vec![];
    let read = frame::Contents::new(output).read_to_end(&mut content);
    Some((reply, read.is_ok().then_some(content)))
}

fn refusal(reply: Option<(Reply, Option<Vec<u8>>)>) -> Option<RefusalKind> {
    match reply?.0 {
        Reply::Refused(refusal) => Some(refusal.kind),
        _ => None,
    }
}

fn requests(folders: &Folders) -> [(Request, Vec<u8>); 3] {
    let (folder, path) = (folders.build().to_owned(), "place".to_owned());
    let tar = archive(&[("a", 0o644, "one"), ("b/", 0o755, ""), ("b/c -> d", 0, "")]);
    let unpack = |path: &str, replace| Request::FolderUnpack {
        folder: folder.clone(),
        path: path.into(),
        replace,
    };
    [
        (unpack("", false), tar.clone()),
        (unpack("place", true), tar),
        (
            Request::FileWrite {
                folder: folder.clone(),
                path: path + "/a",
                mode: None,
            },
            b"one".repeat(500),
        ),
    ]
}

#[test]
fn a_stream_that_is_cut_or_fails_leaves_nothing() {
    let folders = Folders::new();
    for (request, contents) in requests(&folders) {
        let bytes = sent(&request, &contents);
        let length = frame::HEAD + serde_json::to_vec(&request).unwrap().len();
        for end in (0..bytes.len()).step_by(13).chain(bytes.len() - 8..bytes.len()) {
            for fails in [false, true] {
                let reply = asked(Stream {
                    bytes: &bytes[..end],
                    piece: usize::MAX,
                    fails,
                });
                assert_eq!(reply.is_some(), end >= length, "{end}");
                if let Some(kind) = refusal(reply) {
                    let wanted = if fails { RefusalKind::Failed } else { RefusalKind::Cut };
                    assert_eq!(kind, wanted, "{request:?} cut at {end}");
                }
                assert_eq!(folders.names(""), Vec::<String>::new(), "{request:?} cut at {end}");
            }
        }
    }
}

#[test]
fn a_slow_stream_is_waited_for() {
    for number in 0..3 {
        let folders = Folders::new();
        let (request, contents) = &requests(&folders)[number];
        let bytes = sent(request, contents);
        let reply = asked(Stream {
            bytes: &bytes,
            piece: 1,
            fails: false,
        });
        assert_eq!(reply.map(|reply| reply.0), Some(Reply::Done));
        let path = if number == 0 { "a" } else { "place/a" };
        assert!(folders.text(path).starts_with("one"));
    }
}

#[test]
fn a_broken_stream_is_refused() {
    let folders = Folders::new();
    for (request, contents) in requests(&folders) {
        let begin = frame::encode(&serde_json::to_vec(&request).unwrap());
        let large = [begin.clone(), frame::encode(&vec![0; LARGEST_PART + 1])].concat();
        assert!(refusal(asked(whole(&large))).is_some());
        // No archive, or one without its end; as the content of a file it is as good as any.
        if matches!(request, Request::FolderUnpack { .. }) {
            for broken in [
                &contents[..contents.len() - 1024],
                &contents[..700],
                b"nothing of a tar archive",
                b"",
            ] {
                let kind = refusal(asked(whole(&sent(&request, broken))));
                assert_eq!(kind, Some(RefusalKind::Invalid), "{}", broken.len());
            }
        }
        assert_eq!(folders.names(""), Vec::<String>::new());
    }
    for garbage in [&b"\0\0\0\x02{}"[..], b"\xff\xff\xff\xff", b"x"] {
        assert!(asked(whole(garbage)).is_none());
    }
}

#[test]
fn a_file_comes_in_parts() {
    let folders = Folders::new();
    let long = b"0123456789".repeat(LARGEST_PART / 4);
    fs::write(folders.build.join("long"), &long).unwrap();
    fs::write(folders.build.join("empty"), "").unwrap();
    for (path, content) in [("long", &long[..]), ("empty", b"")] {
        let request = Request::FileRead {
            folder: folders.build().into(),
            path: path.into(),
            limit: long.len() as u64,
        };
        assert_eq!(
            asked(whole(&sent(&request, &[]))),
            Some((Reply::File, Some(content.to_vec())))
        );
    }
    let request = Request::FileList {
        folder: folders.build().into(),
    };
    let Some((Reply::Files { files }, _)) = asked(whole(&sent(&request, &[]))) else {
        panic!("no listing");
    };
    assert_eq!(files.len(), 2);
}

#[test]
fn what_came_of_a_streamed_file_stays() {
    let folders = Folders::new();
    let request = Request::FileStream {
        folder: folders.build().into(),
        path: "build.log".into(),
    };
    let bytes = sent(&request, &b"line\n".repeat(200));
    let cut = asked(whole(&bytes[..bytes.len() - frame::HEAD]));
    assert_eq!(refusal(cut), Some(RefusalKind::Cut));
    assert_eq!(folders.text("build.log").len(), 1000);
}

//! Frames: four bytes of length, most significant first, then that many bytes.

use std::io::{self, Read, Write};

/// The length in front of a frame.
pub const HEAD: usize = 4;

/// A frame as bytes.
pub fn encode(content: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD + content.len());
    // No frame comes near the limit of its length: see `LARGEST_REQUEST`.
    frame.extend_from_slice(&(content.len() as u32).to_be_bytes());
    frame.extend_from_slice(content);
    frame
}

/// Writes a frame.
pub fn write(to: &mut dyn Write, content: &[u8]) -> io::Result<()> {
    to.write_all(&(content.len() as u32).to_be_bytes())?;
    to.write_all(content)?;
    to.flush()
}

/// Reads a frame of at most `limit` bytes; `None` = the stream has ended before it.
pub fn read(from: &mut dyn Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; HEAD];
    let mut got = 0;
    while got < HEAD {
        match from.read(&mut head[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_be_bytes(head) as usize;
    if length > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame of {length} bytes; {limit} is the most"),
        ));
    }
    let mut content = vec![0; length];
    from.read_exact(&mut content)?;
    Ok(Some(content))
}

/// The contents that follow a request, as one stream. Its end is the empty frame; a stream that was cut is an error.
#[derive(Debug)]
pub struct Contents<R> {
    from: R,
    part: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Contents<R> {
    /// What follows in `from`.
    pub fn new(from: R) -> Self {
        Self {
            from,
            part: vec![],
            at: 0,
            ended: false,
        }
    }
}

impl<R: Read> Read for Contents<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.part.len() && !self.ended {
            match read(&mut self.from, super::LARGEST_PART)? {
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the upload was cut")),
                Some(part) => {
                    self.ended = part.is_empty();
                    (self.part, self.at) = (part, 0);
                }
            }
        }
        let count = buffer.len().min(self.part.len() - self.at);
        buffer[..count].copy_from_slice(&self.part[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_however_they_are_cut_into_reads() {
        let mut bytes = vec![];
        for content in [&b"one"[..], b"", b"three"] {
            write(&mut bytes, content).unwrap();
        }
        /// Gives one byte at a time.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = buffer.len().min(1).min(self.0.len());
                buffer[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let mut slow = Slow(&bytes);
        let mut next = || read(&mut slow, 10).unwrap();
        assert_eq!(next().as_deref(), Some(&b"one"[..]));
        assert_eq!(next().as_deref(), Some(&b""[..]));
        assert_eq!(next().as_deref(), Some(&b"three"[..]));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_cut_or_endless_frame_is_an_error() {
        let whole = encode(b"content");
        for end in 1..whole.len() {
            assert!(read(&mut &whole[..end], 100).is_err(), "{end}");
        }
        assert_eq!(
            read(&mut &u32::MAX.to_be_bytes()[..], 100).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    #[test]
    fn contents_end_with_the_empty_frame_only() {
        let parts = [encode(b"ab"), encode(b"cd")].concat();
        let whole = [parts.clone(), encode(b"")].concat();
        assert_eq!(io::read_to_string(Contents::new(&whole[..])).unwrap(), "abcd");
        assert!(io::read_to_string(Contents::new(&parts[..])).is_err());
    }
}

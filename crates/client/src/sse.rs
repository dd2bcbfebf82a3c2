//! Server-sent events out of a byte stream (the WHATWG format), independent of how the bytes were cut into parts.

use bytes::Bytes;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// `event:`; empty = `message`.
    pub name: String,
    /// `data:` lines, joined by line ends.
    pub data: String,
}

/// An event became larger than any event of ours: the other side is not our server.
#[derive(Debug, thiserror::Error)]
#[error("an event is larger than {MAX_EVENT} bytes")]
pub(crate) struct TooLarge;

const MAX_EVENT: usize = 16 * 1024 * 1024;

/// Bytes in, events out.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    line: Vec<u8>,
    /// The last byte was CR: a LF that follows belongs to the same line end.
    after_cr: bool,
    begun: bool,
    event: SseEvent,
    has_data: bool,
}

impl SseParser {
    /// Takes the next part of the stream and appends the events that it completes.
    pub fn push(&mut self, part: &Bytes, events: &mut Vec<SseEvent>) -> Result<(), TooLarge> {
        let mut rest: &[u8] = part;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(rest);
                break;
            };
            self.line.extend_from_slice(&rest[..end]);
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.end_line(&line, events);
        }
        if self.line.len() + self.event.data.len() > MAX_EVENT {
            Err(TooLarge)
        } else {
            Ok(())
        }
    }

    fn end_line(&mut self, line: &[u8], events: &mut Vec<SseEvent>) {
        let line = if self.begun {
            line
        } else {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        };
        self.begun = true;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            // An event without data is not dispatched; it only ends.
            if std::mem::take(&mut self.has_data) {
                events.push(event);
            }
            return;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (
                &line[..colon],
                line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]),
            ),
            None => (line, &b""[..]),
        };
        match field {
            b"data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(&String::from_utf8_lossy(value));
            }
            b"event" => self.event.name = String::from_utf8_lossy(value).into_owned(),
            // `id` repeats the record's own number, `retry` is ours to choose, and a comment (no field name) is a heartbeat.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(parts: &[&[u8]]) -> Vec<SseEvent> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        for part in parts {
            parser.push(&Bytes::copy_from_slice(part), &mut events).unwrap();
        }
        events
    }

    fn event(name: &str, data: &str) -> SseEvent {
        SseEvent {
            name: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn reads_what_the_standard_describes() {
        let text = "\u{feff}: hello\n\nid: 7\nevent: record\ndata: {\"a\":1}\n\nevent: empty\n\ndata:x\ndata\ndata:  y\r\n\r\ndata: cut";
        assert_eq!(
            parse(&[text.as_bytes()]),
            vec![event("record", "{\"a\":1}"), event("", "x\n\n y")]
        );
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut parser = SseParser::default();
        let part = Bytes::from(vec![b'x'; MAX_EVENT / 2 + 1]);
        assert!(parser.push(&part, &mut Vec::new()).is_ok());
        assert!(parser.push(&part, &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(lines in prop::collection::vec("(data|event|id|:|)(: ?[a-zéß:\u{1F600} ]{0,6})?", 0..12),
                              ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 12),
                              cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let text: String = lines.iter().zip(&ends).flat_map(|(line, end)| [line.as_str(), *end]).collect();
            let bytes = text.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let parts: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(parse(&parts), parse(&[bytes]));
        }
    }
}

//! Cuts what a step prints into lines.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

use crate::buildkit::mask::Masker;

/// Longer lines are cut into pieces of at most this.
pub(super) const PIECE: usize = 64 * 1024;

/// The unfinished line of one stream of one step.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes; `line` gets each line that is complete now.
    pub(super) fn push(&mut self, mut bytes: &[u8], mask: &Masker, mut line: impl FnMut(String)) {
        if !self.partial.is_empty()
            && let Some(at) = memchr(b'\n', bytes)
        {
            self.partial.extend_from_slice(&bytes[..at]);
            self.finish_line(mask, &mut line);
            bytes = &bytes[at + 1..];
        }
        if let Some(last) = memrchr(b'\n', bytes) {
            let whole = &bytes[..=last];
            // One look at all of them: most often none has anything to mask.
            let text = (!mask.may_mask(whole))
                .then(|| std::str::from_utf8(whole).ok())
                .flatten();
            let mut start = 0;
            for end in memchr_iter(b'\n', whole) {
                let one = last_state(whole, start..end);
                match text {
                    Some(text) if one.len() <= PIECE => line(text[one].to_owned()),
                    _ => {
                        self.partial.extend_from_slice(&whole[one]);
                        self.finish_line(mask, &mut line);
                    }
                }
                start = end + 1;
            }
            bytes = &bytes[last + 1..];
        }
        self.partial.extend_from_slice(bytes);
        self.drop_overwritten();
        self.pieces(PIECE + mask.margin(), mask, &mut line);
    }

    /// Ends the last line, if there is one.
    pub(super) fn finish(&mut self, mask: &Masker, mut line: impl FnMut(String)) {
        if !self.partial.is_empty() {
            self.finish_line(mask, &mut line);
        }
    }

    fn finish_line(&mut self, mask: &Masker, line: &mut impl FnMut(String)) {
        while self.partial.last() == Some(&b'\r') {
            self.partial.pop();
        }
        self.drop_overwritten();
        self.pieces(PIECE, mask, line);
        line(text(&self.partial, mask));
        self.partial.clear();
    }

    /// A progress bar goes back with `\r` and writes over itself: what counts is the last state. A `\r` at the end may be followed by
    /// the line end and is kept; several there are as one.
    fn drop_overwritten(&mut self) {
        let seen = self
            .partial
            .iter()
            .rposition(|byte| *byte != b'\r')
            .map_or(0, |at| at + 1);
        self.partial.truncate(seen + 1);
        if let Some(at) = memrchr(b'\r', &self.partial[..seen]) {
            self.partial.drain(..=at);
        }
    }

    /// Gives away pieces while more than `keep` is there.
    fn pieces(&mut self, keep: usize, mask: &Masker, line: &mut impl FnMut(String)) {
        let mut start = 0;
        while self.partial.len() - start > keep {
            let rest = &self.partial[start..];
            let mut cut = mask.cut(&rest[..rest.len().min(PIECE + mask.margin())], PIECE);
            // Not within a character of UTF-8, which has at most three bytes after its first.
            let back = (0..4).find(|back| {
                rest.get(cut.saturating_sub(*back))
                    .is_none_or(|byte| byte & 0xc0 != 0x80)
            });
            cut = cut.saturating_sub(back.unwrap_or(0)).max(1);
            line(text(&rest[..cut], mask));
            start += cut;
        }
        self.partial.drain(..start);
    }
}

/// Where of a whole line is what is seen of it in the end.
fn last_state(bytes: &[u8], mut line: Range<usize>) -> Range<usize> {
    while line.end > line.start && bytes[line.end - 1] == b'\r' {
        line.end -= 1;
    }
    if let Some(at) = memrchr(b'\r', &bytes[line.clone()]) {
        line.start += at + 1;
    }
    line
}

fn text(bytes: &[u8], mask: &Masker) -> String {
    String::from_utf8_lossy(&mask.mask_bytes(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prt_types::Secret;

    use super::*;

    fn lines(chunks: &[&[u8]], mask: &Masker) -> Vec<String> {
        let mut lines = Lines::default();
        let mut out = vec![];
        for chunk in chunks {
            lines.push(chunk, mask, |line| out.push(line));
        }
        lines.finish(mask, |line| out.push(line));
        out
    }

    #[test]
    fn lines_are_cut_at_their_ends_and_keep_their_last_state() {
        let none = Masker::default();
        assert_eq!(lines(&[b"a\nb", b"c\n\nd"], &none), ["a", "bc", "", "d"]);
        assert_eq!(
            lines(&[b"10%\r20%\r", b"100%\r", b"\nnext\r\n"], &none),
            ["100%", "next"]
        );
        assert_eq!(
            lines(&[b"text\r\r", b"\n10%\r20%\r\r", b"\r\n\r\r", b"\n"], &none),
            ["text", "20%", ""]
        );
        assert_eq!(lines(&[b"bad \xff\xfe byte"], &none), ["bad \u{fffd}\u{fffd} byte"]);
        assert_eq!(lines(&[], &none), Vec::<String>::new());
    }

    #[test]
    fn long_lines_are_cut_between_characters_and_secrets() {
        let mask = Masker::new(&[Secret::from("hunter2")]);
        let long = format!(
            "{}é{}hunter2{}",
            "x".repeat(PIECE - 1),
            "y".repeat(PIECE - 6),
            "z".repeat(10)
        );
        for size in [1000, 65_536, 70_000, 200_000] {
            let chunks: Vec<&[u8]> = long.as_bytes().chunks(size).collect();
            let pieces = lines(&chunks, &mask);
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
            assert_eq!(pieces.concat(), long.replace("hunter2", "***"), "in chunks of {size}");
        }
    }

    #[test]
    fn a_line_without_end_takes_little_memory() {
        let mut kept = Lines::default();
        for _ in 0..100 {
            kept.push(&[b'x'; 10_000], &Masker::default(), drop);
            kept.push(b"\r99%", &Masker::default(), drop);
        }
        assert!(kept.partial.len() < 2 * PIECE);
    }

    /// Line by line, each masked by itself.
    fn simple(all: &[u8], mask: &Masker) -> Vec<String> {
        let mut out: Vec<&[u8]> = all.split(|byte| *byte == b'\n').collect();
        if out.last().is_some_and(|last| last.is_empty()) {
            out.pop();
        }
        out.into_iter()
            .map(|line| {
                let text = String::from_utf8_lossy(line).into_owned();
                let seen = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
                mask.mask(seen).into_owned()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_simple_way(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "\n", "\n", "\r\n", "\r", "a", "some words ", "hunter2", "hunt", "er2", "aHVudGVyMg", "Zzpod", "W50ZXIy", "é",
                    "\u{1b}[31m", "\u{1b}[", "\u{1b}]8;;", "correct horse", "aHVudGVyMiwgYSBsb25nIHNlY3JldA==",
                ]),
                0..60,
            ),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mask = Masker::new(&["hunter2", "correct horse\nbattery staple", "hunter2, a long secret"].map(Secret::from));
            let all = parts.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(all.len() + 1)).chain([0, all.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &all[pair[0]..pair[1]]).collect();
            // Without a line end, a last `\r` is not known to be the end of the line until more comes.
            prop_assume!(!all.ends_with(b"\r"));
            prop_assert_eq!(lines(&chunks, &mask), simple(&all, &mask));
        }
    }
}

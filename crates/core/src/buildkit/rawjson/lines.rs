//! Cuts what a step prints into lines.

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
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&bytes[..at]);
            self.finish_line(mask, &mut line);
            bytes = &bytes[at + 1..];
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
    /// the line end and is kept.
    fn drop_overwritten(&mut self) {
        let Some((_, before)) = self.partial.split_last() else {
            return;
        };
        if let Some(at) = before.iter().rposition(|byte| *byte == b'\r') {
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

fn text(bytes: &[u8], mask: &Masker) -> String {
    String::from_utf8_lossy(&mask.mask_bytes(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
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
}

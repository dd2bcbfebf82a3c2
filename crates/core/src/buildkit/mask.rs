//! Keeps passwords out of what a build prints.
//!
//! It looks at the visible text: a password that is coloured in the middle is found as well. A password is also looked for in the
//! forms in which it tends to appear: in base64 (at each of the three alignments, so also inside `user:password` or a whole docker
//! configuration, and in pieces, because `base64` breaks its lines), percent-encoded, and escaped as in JSON. Of a secret of several lines
//! each line counts.

use std::{borrow::Cow, collections::HashSet, ops::Range};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use memchr::memchr;
use prt_types::Secret;

/// What stands in a secret's place.
const STARS: &[u8] = b"***";
/// Shorter strings are not masked: they would hide half of the log, and hide nothing.
const SHORTEST: usize = 4;
/// Shorter pieces of base64 are too likely to be something else.
const PIECE: usize = 8;
/// Shorter lines of a secret of several are too likely to be something else.
const SHORTEST_LINE: usize = 8;
/// A longer secret has line ends, so that it is found by its lines.
const LONGEST_WHOLE: usize = 16 * 1024;
/// How many bytes of colour codes within a secret are allowed for when a long line is cut.
const ESCAPES: usize = 4096;

/// Finds and replaces secrets.
#[derive(Clone, Debug, Default)]
pub struct Masker {
    search: Option<Search>,
    pieces: Pieces,
    longest: usize,
}

impl Masker {
    /// A masker for passwords and tokens.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut patterns: Vec<Vec<u8>> = vec![];
        let mut pieces = Pieces::default();
        let mut longest_base64 = 0;
        for secret in secrets {
            let secret = secret.expose();
            if secret.len() < SHORTEST {
                continue;
            }
            if secret.len() <= LONGEST_WHOLE || !secret.contains('\n') {
                patterns.extend(forms(secret));
            }
            if secret.contains('\n') {
                let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE);
                patterns.extend(lines.flat_map(forms));
            }
            for offset in 0..3 {
                let core = base64_core(secret.as_bytes(), offset);
                longest_base64 = longest_base64.max(core.len());
                pieces.add(&core);
            }
        }
        patterns.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        patterns.dedup();
        let longest = patterns.first().map_or(0, Vec::len).max(longest_base64);
        Self {
            search: (!patterns.is_empty()).then(|| Search::new(patterns)),
            pieces,
            longest,
        }
    }

    /// A quick look over much text: `false` means that no part of it, however it is cut, has anything to mask.
    pub fn may_mask(&self, text: &[u8]) -> bool {
        let Some(search) = &self.search else { return false };
        // What a part shows depends on where in an escape sequence it begins.
        memchr(ESC, text).is_some() || search.any(text) || self.pieces.find(text).next().is_some()
    }

    /// The text with `***` in place of each secret.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.mask_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The same for bytes.
    pub fn mask_bytes<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let ranges = self.find(text);
        if ranges.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for range in ranges {
            out.extend_from_slice(&text[at..range.start]);
            out.extend_from_slice(STARS);
            // Colours that begin or end within the secret go on to count.
            for escape in escapes(&text[range.clone()]) {
                out.extend_from_slice(&text[range.clone()][escape]);
            }
            at = range.end;
        }
        out.extend_from_slice(&text[at..]);
        Cow::Owned(out)
    }

    /// How much more than a piece has to be in sight before the piece can be cut off without cutting through a secret.
    pub fn margin(&self) -> usize {
        if self.search.is_some() {
            self.longest + ESCAPES
        } else {
            0
        }
    }

    /// The largest cut up to `at` that goes through no secret. `text` reaches [`Masker::margin`] beyond `at`.
    pub fn cut(&self, text: &[u8], at: usize) -> usize {
        match self
            .find(text)
            .into_iter()
            .find(|range| range.start < at && at < range.end)
        {
            Some(range) if range.start > 0 => range.start,
            Some(range) => range.end,
            None => at,
        }
    }

    /// Where secrets are, joined where they overlap.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(search) = &self.search else { return vec![] };
        let visible = Visible::of(text);
        let mut found: Vec<Range<usize>> = self
            .pieces
            .find(&visible.text)
            .map(|at| visible.place(at)..visible.place(at + PIECE - 1) + 1)
            .collect();
        if search.any(&visible.text) {
            search.each(&visible.text, |range| {
                found.push(visible.place(range.start)..visible.place(range.end - 1) + 1);
            });
        }
        found.sort_by_key(|range| range.start);
        let mut joined: Vec<Range<usize>> = vec![];
        for range in found {
            match joined.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        joined
    }
}

/// Finds the secrets that are looked for as they are, all of them in one pass.
#[derive(Clone, Debug)]
struct Search {
    /// Whether there is any at all: most text has none, and this one leaps over what cannot be one.
    first: Option<AhoCorasick>,
    /// Each of them, also where they overlap.
    all: Option<AhoCorasick>,
    /// For the case that there are too many of them for the two.
    patterns: Vec<Vec<u8>>,
}

impl Search {
    fn new(patterns: Vec<Vec<u8>>) -> Self {
        let automaton = |kind| AhoCorasick::builder().match_kind(kind).build(&patterns).ok();
        let (first, all) = (automaton(MatchKind::LeftmostFirst), automaton(MatchKind::Standard));
        let patterns = if all.is_some() { vec![] } else { patterns };
        Self { first, all, patterns }
    }

    fn any(&self, text: &[u8]) -> bool {
        self.first.as_ref().is_none_or(|first| first.is_match(text))
    }

    fn each(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        if let Some(all) = &self.all {
            all.find_overlapping_iter(text).for_each(|one| found(one.range()));
        }
        for pattern in &self.patterns {
            let windows = text.windows(pattern.len()).enumerate();
            windows
                .filter(|(_, window)| window == pattern)
                .for_each(|(at, _)| found(at..at + pattern.len()));
        }
    }
}

/// Text without its escape sequences, with the place of each byte in the original.
struct Visible<'a> {
    text: Cow<'a, [u8]>,
    places: Vec<usize>,
}

impl<'a> Visible<'a> {
    fn of(original: &'a [u8]) -> Self {
        if memchr(ESC, original).is_none() {
            return Self {
                text: Cow::Borrowed(original),
                places: vec![],
            };
        }
        let mut text = Vec::with_capacity(original.len());
        let mut places = Vec::with_capacity(original.len());
        let mut at = 0;
        for escape in escapes(original).chain(std::iter::once(original.len()..original.len())) {
            text.extend_from_slice(&original[at..escape.start]);
            places.extend(at..escape.start);
            at = escape.end;
        }
        Self {
            text: Cow::Owned(text),
            places,
        }
    }

    fn place(&self, at: usize) -> usize {
        if self.places.is_empty() { at } else { self.places[at] }
    }
}

const ESC: u8 = 0x1b;

/// The escape sequences of a text: CSI (colours, cursor), OSC (titles, links) and two-byte ones.
fn escapes(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + memchr(ESC, &text[from..])?;
        let body = &text[start + 1..];
        let len = match body.first() {
            None => 0,
            Some(b'[') => body
                .iter()
                .skip(1)
                .position(|byte| (0x40..=0x7e).contains(byte))
                .map_or(body.len(), |at| at + 2),
            Some(b']') => {
                let bell = body.iter().position(|byte| *byte == 0x07).map(|at| at + 1);
                let terminator = body.windows(2).position(|pair| pair == [ESC, b'\\']).map(|at| at + 2);
                bell.into_iter().chain(terminator).min().unwrap_or(body.len())
            }
            Some(_) => 1,
        };
        from = start + 1 + len;
        Some(start..from)
    })
}

/// The base64 digits that depend on nothing but the secret when `offset` bytes stand before it.
fn base64_core(secret: &[u8], offset: usize) -> Vec<u8> {
    let shifted = [&[0; 2][..offset], secret].concat();
    let digits = STANDARD.encode(&shifted);
    // A digit is six bits: the first ones hold bits of what stands before, the last ones bits of what follows.
    let start = (offset * 8).div_ceil(6);
    let end = shifted.len() * 8 / 6;
    digits.as_bytes()[start.min(end)..end].to_vec()
}

/// A text and what becomes of it in JSON, addresses and BuildKit's errors.
fn forms(secret: &str) -> [Vec<u8>; 5] {
    // BuildKit quotes a command in its error, and the error once more: JSON within JSON.
    let once = json_escaped(secret);
    let twice = json_escaped(&once);
    let thrice = json_escaped(&twice);
    [secret.to_owned(), percent_encoded(secret), once, twice, thrice].map(String::into_bytes)
}

/// All pieces of [`PIECE`] digits of some base64 texts: wherever a line ends in the middle of one, the rest is still known.
#[derive(Clone, Default)]
struct Pieces {
    all: HashSet<u64>,
    /// Which hashes there are, a bit each: a log has a million lines, and most of them have none.
    hashes: Vec<u64>,
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").finish_non_exhaustive()
    }
}

impl Pieces {
    fn add(&mut self, digits: &[u8]) {
        if self.hashes.is_empty() {
            self.hashes = vec![0; 1 << 10];
        }
        for window in digits.windows(PIECE) {
            let Some(window) = window.first_chunk() else { continue };
            let piece = u64::from_be_bytes(*window);
            let (word, bit) = hash(piece);
            self.hashes[word] |= bit;
            self.all.insert(piece);
        }
    }

    /// Where pieces begin.
    fn find<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let text = if self.all.is_empty() { &[] } else { text };
        // Where a piece may begin, and how many bytes from there on are known to be digits.
        let (mut at, mut digits) = (0, 0);
        std::iter::from_fn(move || {
            while let Some(window) = text[at..].first_chunk::<PIECE>() {
                // No piece goes over a byte that is no digit: in most text the next eight can be left out at once.
                if let Some(other) = window[digits..].iter().rposition(|byte| !is_digit(*byte)) {
                    at += digits + other + 1;
                    digits = 0;
                    continue;
                }
                let piece = u64::from_be_bytes(*window);
                let (word, bit) = hash(piece);
                at += 1;
                digits = PIECE - 1;
                if self.hashes[word] & bit != 0 && self.all.contains(&piece) {
                    return Some(at - 1);
                }
            }
            None
        })
    }
}

/// Whether a byte can be a digit of base64.
fn is_digit(byte: u8) -> bool {
    const DIGITS: [bool; 256] = {
        let mut digits = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            digits[byte] = (byte as u8).is_ascii_alphanumeric() || byte == b'+' as usize || byte == b'/' as usize;
            byte += 1;
        }
        digits
    };
    DIGITS[usize::from(byte)]
}

/// A place among 65,536 bits.
fn hash(piece: u64) -> (usize, u64) {
    let hash = piece.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

fn percent_encoded(secret: &str) -> String {
    url::form_urlencoded::byte_serialize(secret.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn json_escaped(secret: &str) -> String {
    let quoted = serde_json::Value::from(secret).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masker(secrets: &[&str]) -> Masker {
        let secrets: Vec<Secret> = secrets.iter().copied().map(Secret::from).collect();
        Masker::new(&secrets)
    }

    #[test]
    fn a_secret_is_masked_in_all_its_forms() {
        let quoted = masker(&["pass\"word"]);
        for form in [r#"pass"word"#, r#"pass\"word"#, r#"pass\\\"word"#] {
            assert_eq!(quoted.mask(form), "***", "{form}");
        }
        let masker = masker(&["hunter2/+secret", "hunter2"]);
        assert_eq!(masker.mask("login with hunter2!"), "login with ***!");
        assert_eq!(masker.mask("login with hunter2/+secret!"), "login with ***!");
        assert_eq!(
            masker.mask("https://x:hunter2%2F%2Bsecret@host/"),
            "https://x:***@host/"
        );
        for user in ["a", "ab", "abc", "robot$x"] {
            let auth = STANDARD.encode(format!("{user}:hunter2/+secret"));
            let masked = masker.mask(&auth).into_owned();
            assert!(
                masked.contains("***") && masked.len() < auth.len() - 12,
                "{auth} -> {masked}"
            );
        }
        assert_eq!(masker.mask("nothing here"), "nothing here");
    }

    #[test]
    fn base64_is_masked_also_where_its_lines_are_broken() {
        let secret: String = (0..200_u32).filter_map(|at| char::from_u32(33 + at * 7 % 90)).collect();
        let masker = masker(&[&secret]);
        for before in ["", "a", "ab", "robot:"] {
            let digits = STANDARD.encode(format!("{before}{secret}"));
            for width in [60, 64, 76] {
                for line in digits.as_bytes().chunks(width) {
                    let line = std::str::from_utf8(line).unwrap();
                    let masked = masker.mask(line).into_owned();
                    // What stands before takes part in the first digits, and the last line may be too short to be known.
                    assert!(
                        masked.contains("***") && masked.len() <= 3 + before.len() * 2 + 4 || line.len() < PIECE + 4,
                        "{line} -> {masked}"
                    );
                }
            }
        }
        let plain = "7f3a9b1c aGVsbG8gd29ybGQhIHRoaXMgaXMgbm8gc2VjcmV0";
        assert_eq!(masker.mask(plain), plain);
    }

    #[test]
    fn each_line_of_a_secret_counts() {
        let key = "-----BEGIN KEY-----\r\nMIIEvQIBADANBg\r\nshort\r\n-----END KEY-----\n";
        let masker = masker(&[key]);
        assert_eq!(masker.mask("x MIIEvQIBADANBg y"), "x *** y");
        assert_eq!(masker.mask("short"), "short");
        let quoted = serde_json::Value::from(key).to_string();
        assert_eq!(masker.mask(&quoted), "\"***\"");
    }

    #[test]
    fn a_long_secret_is_masked() {
        let lines: Vec<String> = (0..4000).map(|at| format!("line-{at:06}-of-the-secret")).collect();
        let masker = masker(&[&lines.join("\n")]);
        assert_eq!(masker.mask("a line-003999-of-the-secret b"), "a *** b");
        assert_eq!(masker.mask("line-x"), "line-x");
    }

    #[test]
    fn colours_within_a_secret_do_not_hide_it() {
        let masker = masker(&["hunter2"]);
        assert_eq!(
            masker.mask("a hun\u{1b}[31mter\u{1b}[0m2 b"),
            "a ***\u{1b}[31m\u{1b}[0m b"
        );
        assert_eq!(
            masker.mask("a \u{1b}]8;;x\u{7}hunter2\u{1b}]8;;\u{1b}\\ b"),
            "a \u{1b}]8;;x\u{7}***\u{1b}]8;;\u{1b}\\ b"
        );
    }

    #[test]
    fn overlapping_secrets_leave_nothing_of_either() {
        assert_eq!(masker(&["abcd", "cdefgh"]).mask("xabcdefghx"), "x***x");
        assert_eq!(masker(&["aaaa"]).mask("aaaaaa"), "***");
    }

    #[test]
    fn short_strings_are_left_alone() {
        assert_eq!(masker(&["abc", ""]).mask("abc abc"), "abc abc");
    }

    #[test]
    fn a_cut_goes_through_no_secret() {
        let masker = masker(&["hunter2"]);
        let text = b"0123hunter2789";
        assert_eq!(
            (0..=14).map(|at| masker.cut(text, at)).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 11, 12, 13, 14]
        );
        assert_eq!(masker.cut(b"hunter2xx", 3), 7);
    }

    proptest! {
        #[test]
        fn no_secret_stays_visible(
            secrets in prop::collection::vec("[a-d:/é ]{4,9}", 1..4),
            parts in prop::collection::vec((0..6usize, "[a-e]{0,3}", any::<bool>()), 0..12),
        ) {
            let mut text = String::new();
            for (which, filler, colour) in parts {
                if let Some(secret) = secrets.get(which) {
                    for (at, c) in secret.chars().enumerate() {
                        if colour && at == 2 {
                            text.push_str("\u{1b}[1;32m");
                        }
                        text.push(c);
                    }
                }
                text.push_str(&filler);
            }
            let secret_values: Vec<Secret> = secrets.iter().map(|s| Secret::new(s.clone())).collect();
            let masked = Masker::new(&secret_values).mask(&text).into_owned();
            let visible = String::from_utf8(Visible::of(masked.as_bytes()).text.into_owned()).unwrap();
            for secret in &secrets {
                prop_assert!(!visible.contains(secret.as_str()), "{secret:?} in {visible:?}");
            }
            // What is no secret stays as it is.
            let plain = "0123456789 \u{1b}[31mZZZ\u{1b}[0m";
            prop_assert_eq!(Masker::new(&secret_values).mask(plain), plain);
        }

        #[test]
        fn the_passes_find_what_each_comparison_finds(
            secrets in prop::collection::vec("[a-c/+ \n]{3,14}", 0..4),
            parts in prop::collection::vec((0..8_usize, 0..3_usize, "[a-c/+ \n]{0,4}"), 0..10),
        ) {
            let mut text = String::new();
            for (which, form, filler) in parts {
                if let Some(secret) = secrets.get(which) {
                    text += &match form {
                        0 => secret.clone(),
                        1 => STANDARD.encode(format!("{filler}{secret}")),
                        _ => json_escaped(secret),
                    };
                }
                text += &filler;
            }
            let text = text.as_bytes();
            let mut hidden = vec![false; text.len()];
            let mut hide = |pattern: &[u8]| {
                for at in 0..(text.len() + 1).saturating_sub(pattern.len()) {
                    if text[at..].starts_with(pattern) {
                        hidden[at..at + pattern.len()].fill(true);
                    }
                }
            };
            for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
                for form in forms(secret) {
                    hide(&form);
                }
                if secret.contains('\n') {
                    let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE);
                    lines.flat_map(forms).for_each(|form| hide(&form));
                }
                for offset in 0..3 {
                    base64_core(secret.as_bytes(), offset).windows(PIECE).for_each(&mut hide);
                }
            }
            let values: Vec<Secret> = secrets.iter().map(|secret| Secret::new(secret.clone())).collect();
            let masker = Masker::new(&values);
            let mut found = vec![false; text.len()];
            for range in masker.find(text) {
                found[range].fill(true);
            }
            prop_assert_eq!(&found, &hidden);
            prop_assert_eq!(masker.may_mask(text), hidden.contains(&true));
            // The same for each part: what may be left out as a whole has nothing in any of its lines.
            if !masker.may_mask(text) {
                for line in text.split(|byte| *byte == b'\n') {
                    prop_assert!(masker.find(line).is_empty());
                }
            }
        }
    }
}

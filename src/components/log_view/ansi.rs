//! Text of a log line, as spans that are safe to show.
//!
//! Colours and bold are obeyed; everything else that a terminal would act on is shown instead, and so are characters that change
//! the order in which text is read: a log can come from anybody. Nothing here knows HTML; the page makes text nodes of the spans.

use std::fmt::Write as _;

/// One of the sixteen colours of a terminal; the style sheet decides what they look like in light and dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8);

/// How a span looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub foreground: Option<Colour>,
    pub background: Option<Colour>,
    pub bold: bool,
}

impl Style {
    /// The classes that the style sheet knows.
    pub fn class(self) -> String {
        let mut out = String::new();
        if let Some(Colour(n)) = self.foreground {
            _ = write!(out, "fg{n}");
        }
        // A colour on itself would hide the text.
        if let Some(Colour(n)) = self.background
            && self.background != self.foreground
        {
            _ = write!(out, " bg{n}");
        }
        if self.bold {
            out.push_str(" bold");
        }
        out.trim_start().to_owned()
    }
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub text: String,
    pub style: Style,
    /// It stands for something that is not text, such as a control sequence.
    pub control: bool,
}

/// Cuts a line into spans. A line starts plain: what an earlier line left switched on is not carried over.
pub fn spans(line: &str) -> Vec<Span> {
    let mut out = Spans::default();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}' {
            rest = escape(rest, &mut out);
            continue;
        }
        match visible(c) {
            None => out.push_char(c),
            Some(shown) => out.push_control(&shown),
        }
        rest = &rest[c.len_utf8()..];
    }
    out.done()
}

/// Whether `spans` would give exactly one plain span: most lines, which then need no parsing.
pub fn is_plain(line: &str) -> bool {
    line.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b))
}

/// The line without colours and with everything else made visible: for copying and for measuring.
pub fn plain(line: &str) -> String {
    spans(line).into_iter().map(|span| span.text).collect()
}

/// Handles what starts with ESC and returns what follows it.
fn escape<'a>(text: &'a str, out: &mut Spans) -> &'a str {
    let after = &text[1..];
    let Some(body) = after.strip_prefix('[') else {
        out.push_control("^[");
        return after;
    };
    // ECMA-48: parameters 0x30-0x3f, then intermediates 0x20-0x2f, then one final byte 0x40-0x7e.
    let end = body.bytes().position(|b| !(0x20..0x40).contains(&b));
    match end.map(|at| (at, body.as_bytes()[at])) {
        Some((at, b'm')) if body[..at].bytes().all(|b| b.is_ascii_digit() || b == b';' || b == b':') => {
            out.select(&body[..at]);
            &body[at + 1..]
        }
        Some((at, 0x40..=0x7e)) => {
            out.push_control(&format!("^[[{}", &body[..=at]));
            &body[at + 1..]
        }
        _ => {
            out.push_control("^[");
            after
        }
    }
}

/// What is shown in place of a character that would act, hide or reorder; `None` for ordinary ones.
fn visible(c: char) -> Option<String> {
    match c {
        '\t' => None,
        // As terminals echo them: `^M`. The pictures that Unicode has for them are missing in many fonts.
        '\u{0}'..='\u{1f}' | '\u{7f}' => Some(format!("^{}", char::from((c as u8) ^ 0x40))),
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => Some(format!("<U+{:04X}>", c as u32)),
        _ => None,
    }
}

#[derive(Default)]
struct Spans {
    done: Vec<Span>,
    text: String,
    style: Style,
}

impl Spans {
    fn push_char(&mut self, c: char) {
        self.text.push(c);
    }

    fn push_control(&mut self, shown: &str) {
        self.flush();
        match self.done.last_mut() {
            Some(last) if last.control => last.text.push_str(shown),
            _ => self.done.push(Span {
                text: shown.to_owned(),
                style: Style::default(),
                control: true,
            }),
        }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.done.push(Span {
                text: std::mem::take(&mut self.text),
                style: self.style,
                control: false,
            });
        }
    }

    /// Select Graphic Rendition. Unknown attributes are left out: they are only looks.
    fn select(&mut self, parameters: &str) {
        let before = self.style;
        let mut codes = parameters
            .split(';')
            .flat_map(parse_group)
            .collect::<Vec<_>>()
            .into_iter();
        let mut style = self.style;
        while let Some(code) = codes.next() {
            match code {
                0 => style = Style::default(),
                1 => style.bold = true,
                22 => style.bold = false,
                30..=37 => style.foreground = Some(Colour((code - 30) as u8)),
                38 => style.foreground = extended(&mut codes).or(style.foreground),
                39 => style.foreground = None,
                40..=47 => style.background = Some(Colour((code - 40) as u8)),
                48 => style.background = extended(&mut codes).or(style.background),
                49 => style.background = None,
                90..=97 => style.foreground = Some(Colour((code - 90 + 8) as u8)),
                100..=107 => style.background = Some(Colour((code - 100 + 8) as u8)),
                _ => {}
            }
        }
        if style != before {
            self.flush();
            self.style = style;
        }
    }

    fn done(mut self) -> Vec<Span> {
        self.flush();
        self.done
    }
}

/// `38:2::r:g:b` and `4:3` are one parameter with sub-parameters; the first means the same as `38;2;r;g;b`.
fn parse_group(group: &str) -> Vec<u16> {
    let number = |text: &str| {
        if text.is_empty() { Some(0) } else { text.parse().ok() }
    };
    if !group.contains(':') {
        return vec![number(group).unwrap_or(u16::MAX)];
    }
    let parts: Vec<&str> = group.split(':').collect();
    match parts.as_slice() {
        [what @ ("38" | "48"), "5", n] => {
            vec![what.parse().unwrap_or(38), 5, number(n).unwrap_or(0)]
        }
        [what @ ("38" | "48"), "2", .., r, g, b] if parts.len() >= 5 => {
            let mut codes = vec![what.parse().unwrap_or(38), 2];
            codes.extend([r, g, b].map(|n| number(n).unwrap_or(0)));
            codes
        }
        _ => vec![u16::MAX],
    }
}

/// The rest of `38;5;n` or `38;2;r;g;b`, brought to the nearest of the sixteen.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<Colour> {
    match codes.next()? {
        5 => {
            let n = codes.next()?;
            match n {
                0..=15 => Some(Colour(n as u8)),
                16..=231 => {
                    let level = |v: u16| if v == 0 { 0 } else { i32::from(v) * 40 + 55 };
                    let n = n - 16;
                    Some(nearest([level(n / 36), level(n / 6 % 6), level(n % 6)]))
                }
                232..=255 => {
                    let grey = i32::from(n - 232) * 10 + 8;
                    Some(nearest([grey; 3]))
                }
                _ => None,
            }
        }
        2 => {
            let (r, g, b) = (codes.next()?, codes.next()?, codes.next()?);
            Some(nearest([
                i32::from(r.min(255)),
                i32::from(g.min(255)),
                i32::from(b.min(255)),
            ]))
        }
        _ => None,
    }
}

fn nearest(colour: [i32; 3]) -> Colour {
    const PALETTE: [[i32; 3]; 16] = [
        [0, 0, 0],
        [170, 0, 0],
        [0, 170, 0],
        [170, 120, 0],
        [0, 0, 170],
        [170, 0, 170],
        [0, 170, 170],
        [170, 170, 170],
        [85, 85, 85],
        [255, 85, 85],
        [85, 255, 85],
        [255, 255, 85],
        [85, 85, 255],
        [255, 85, 255],
        [85, 255, 255],
        [255, 255, 255],
    ];
    let distance = |other: &[i32; 3]| -> i32 { other.iter().zip(colour).map(|(a, b)| (a - b).pow(2)).sum() };
    let best = (0..PALETTE.len()).min_by_key(|n| distance(&PALETTE[*n])).unwrap_or(7);
    Colour(best as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<(String, String)> {
        spans(line)
            .into_iter()
            .map(|s| {
                (
                    if s.control {
                        "control".to_owned()
                    } else {
                        s.style.class()
                    },
                    s.text,
                )
            })
            .collect()
    }

    fn one(class: &str, text: &str) -> (String, String) {
        (class.to_owned(), text.to_owned())
    }

    #[test]
    fn plain_text_is_one_span() {
        assert_eq!(shown("a\tb <script>"), [one("", "a\tb <script>")]);
        assert!(is_plain("a\tb <script>"));
        assert!(!is_plain("ä") && !is_plain("\u{1b}[0m"));
        assert_eq!(shown(""), []);
    }

    #[test]
    fn colours_and_bold_are_obeyed() {
        assert_eq!(
            shown("\u{1b}[1;31mred\u{1b}[0m plain \u{1b}[92;44mon blue\u{1b}[39;49m x"),
            [
                one("fg1 bold", "red"),
                one("", " plain "),
                one("fg10 bg4", "on blue"),
                one("", " x")
            ]
        );
        assert_eq!(shown("\u{1b}[mx\u{1b}[4my"), [one("", "xy")]);
    }

    #[test]
    fn many_colours_become_the_nearest_of_sixteen() {
        assert_eq!(shown("\u{1b}[38;5;196mx"), [one("fg1", "x")]);
        assert_eq!(shown("\u{1b}[38;5;9mx"), [one("fg9", "x")]);
        assert_eq!(shown("\u{1b}[38;2;250;250;250mx"), [one("fg15", "x")]);
        assert_eq!(shown("\u{1b}[38:2::0:0:0mx"), [one("fg0", "x")]);
        assert_eq!(shown("\u{1b}[48:5:238mx"), [one("bg8", "x")]);
        assert_eq!(shown("\u{1b}[38;5mx"), [one("", "x")]);
    }

    #[test]
    fn text_cannot_be_hidden_by_its_own_colour() {
        assert_eq!(shown("\u{1b}[31;41mx"), [one("fg1", "x")]);
        assert_eq!(shown("\u{1b}[8mx"), [one("", "x")]);
    }

    #[test]
    fn other_sequences_are_shown() {
        assert_eq!(
            shown("a\u{1b}[2Kb"),
            [one("", "a"), one("control", "^[[2K"), one("", "b")]
        );
        assert_eq!(
            shown("\u{1b}]0;title\u{7}"),
            [one("control", "^["), one("", "]0;title"), one("control", "^G")]
        );
        assert_eq!(shown("\u{1b}[?25l"), [one("control", "^[[?25l")]);
        assert_eq!(shown("\u{1b}[>4m"), [one("control", "^[[>4m")]);
        assert_eq!(shown("\u{1b}"), [one("control", "^[")]);
        assert_eq!(shown("\u{1b}[31"), [one("control", "^["), one("", "[31")]);
        assert_eq!(shown("\u{1b}[3ä"), [one("control", "^["), one("", "[3ä")]);
    }

    #[test]
    fn control_and_bidi_characters_are_shown() {
        assert_eq!(
            shown("a\rb\u{8}"),
            [one("", "a"), one("control", "^M"), one("", "b"), one("control", "^H")]
        );
        assert_eq!(shown("\u{202e}gpj"), [one("control", "<U+202E>"), one("", "gpj")]);
        assert_eq!(shown("\u{9b}31m"), [one("control", "<U+009B>"), one("", "31m")]);
        assert_eq!(plain("\u{1b}[32mok\u{1b}[0m\u{200b}!"), "ok<U+200B>!");
    }

    #[test]
    fn no_input_panics_or_loses_text() {
        // Every pair of interesting pieces, so that cutting between bytes of a character would show.
        let pieces = [
            "\u{1b}", "[", "3", "8", ";", ":", "5", "m", "é", "\u{202e}", "𝄞", "]", "\u{7}", "K", " ",
        ];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let text: String = [a, b, c, d].concat();
                        let kept = plain(&text);
                        assert_eq!(kept.contains('é'), text.contains('é'), "{text:?}");
                        assert!(!kept.contains('\u{1b}') && !kept.contains('\u{202e}'), "{text:?}");
                    }
                }
            }
        }
    }
}

//! Text from elsewhere made safe for a terminal: shown, not obeyed.
//!
//! A log line can hold escape sequences that move the cursor, retitle the window or hide what follows, and bidirectional
//! controls that reorder what is read. Sequences are dropped; single control characters are replaced by visible ones.

use std::borrow::Cow;

/// The text without anything that a terminal would act on. Tabs become spaces, line ends become visible.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_csi(&mut rest),
            '\t' => out.push_str("    "),
            c if c.is_ascii_control() => {
                // U+2400 to U+2421 are the pictures of the control characters.
                let picture = if c == '\u{7f}' { 0x2421 } else { 0x2400 + u32::from(c) };
                out.push(char::from_u32(picture).unwrap_or('\u{fffd}'));
            }
            c if acts(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// As [`visible`], for a line of a progress display that its program overwrites: what is to be seen after the last return.
pub fn last_overwrite(line: &str) -> Cow<'_, str> {
    let line = line.trim_end_matches('\r');
    visible(line.rsplit('\r').next().unwrap_or(line))
}

/// As [`visible`], for a text of several lines.
pub fn visible_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => {
                out.push_str(&visible(line.strip_suffix('\r').unwrap_or(line)));
                out.push('\n');
            }
            None => out.push_str(&visible(line)),
        }
    }
    out
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200e}' | '\u{200f}' | '\u{061c}'        // direction marks
            | '\u{202a}'..='\u{202e}'                   // embeddings and overrides
            | '\u{2066}'..='\u{2069}'                   // isolates
            | '\u{2028}' | '\u{2029}')
}

/// After ESC: CSI, a string up to its terminator, or a short sequence.
fn skip_escape(rest: &mut std::str::Chars<'_>) {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some('[') => {
            *rest = ahead;
            skip_csi(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            *rest = ahead;
            while let Some(c) = rest.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    break;
                }
                if c == '\u{1b}' && rest.clone().next() == Some('\\') {
                    rest.next();
                    break;
                }
            }
        }
        Some(c @ ' '..='~') => {
            *rest = ahead;
            let mut c = c;
            // Intermediate bytes, then one final byte.
            while matches!(c, ' '..='/') {
                match rest.clone().next() {
                    Some(next @ ' '..='~') => {
                        rest.next();
                        c = next;
                    }
                    _ => break,
                }
            }
        }
        _ => {}
    }
}

fn skip_csi(rest: &mut std::str::Chars<'_>) {
    loop {
        match rest.clone().next() {
            Some(' '..='?') => _ = rest.next(),
            Some('@'..='~') => {
                rest.next();
                break;
            }
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_vanish_and_controls_show() {
        assert_eq!(visible("plain ünïcode"), "plain ünïcode");
        assert_eq!(visible("\u{1b}[1;31mred\u{1b}[0m"), "red");
        assert_eq!(visible("a\u{1b}]0;title\u{7}b\u{1b}]8;;http://x\u{1b}\\c"), "abc");
        assert_eq!(visible("\u{1b}(Bx\u{1b}cy\u{1b}"), "xy");
        assert_eq!(visible("\u{9b}2Jx\tz\u{8}\u{7f}"), "x    z␈␡");
        assert_eq!(visible("user\u{202e}nimda"), "user\u{fffd}nimda");
        assert_eq!(last_overwrite("10%\r50%\r100%\r"), "100%");
        assert_eq!(visible_lines("a\u{1b}[2Jb\r\nc"), "ab\nc");
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_act_on(text in any::<String>(), tail in "[\u{1b}\u{9b}\\[\\]0-9;mHa\u{7}\\\\]{0,12}") {
            let text = text + &tail;
            prop_assert!(!visible(&text).chars().any(acts));
            prop_assert!(!visible_lines(&text).replace('\n', "").chars().any(acts));
        }
    }
}

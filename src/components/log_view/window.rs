//! Which rows of a long log to put into the page.
//!
//! Rows have a fixed height, or, with long lines wrapped, a whole number of it that follows from the length of the text. Either way the
//! place of each row is known without laying it out, so that only what can be seen needs to exist.

/// How high rows are, in units of one text line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heights {
    /// One text line each.
    Fixed(usize),
    /// `ends[n]` = text lines up to and including row `n`.
    Wrapped { columns: usize, ends: Vec<u64> },
}

impl Heights {
    /// Heights of rows that wrap after `columns` characters.
    pub fn wrapped<'a>(columns: usize, texts: impl Iterator<Item = &'a str>) -> Self {
        let mut heights = Self::Wrapped {
            columns: columns.max(1),
            ends: Vec::new(),
        };
        for text in texts {
            heights.push(text);
        }
        heights
    }

    /// Adds a row at the end.
    pub fn push(&mut self, text: &str) {
        match self {
            Self::Fixed(count) => *count += 1,
            Self::Wrapped { columns, ends } => {
                ends.push(ends.last().copied().unwrap_or(0) + text_lines(text, *columns));
            }
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(count) => *count,
            Self::Wrapped { ends, .. } => ends.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Text lines above this row.
    pub fn top(&self, row: usize) -> u64 {
        match self {
            Self::Fixed(count) => row.min(*count) as u64,
            Self::Wrapped { ends, .. } => match row.min(ends.len()) {
                0 => 0,
                row => ends[row - 1],
            },
        }
    }

    /// The row that contains this text line.
    fn row_at(&self, text_line: u64) -> usize {
        match self {
            Self::Fixed(count) => (text_line as usize).min(*count),
            Self::Wrapped { ends, .. } => ends.partition_point(|end| *end <= text_line),
        }
    }
}

/// How many text lines a row takes.
fn text_lines(text: &str, columns: usize) -> u64 {
    let width = if text.is_ascii() && !text.contains('\t') {
        text.len()
    } else {
        text.chars()
            .fold(0, |at, c| if c == '\t' { at / 8 * 8 + 8 } else { at + width(c) })
    };
    width.div_ceil(columns).max(1) as u64
}

/// Columns of a character in a monospaced font: East Asian wide ones and emoji take two.
fn width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The rows to show, and the empty space that stands for the others, in text lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub first: usize,
    pub end: usize,
    pub above: u64,
    pub below: u64,
}

/// The rows that cover `view` text lines from `top` on, and `overscan` rows on each side.
pub fn window(heights: &Heights, top: u64, view: u64, overscan: usize) -> Window {
    let count = heights.len();
    let first = heights.row_at(top).min(count).saturating_sub(overscan);
    let end = (heights.row_at(top + view) + 1 + overscan).min(count);
    // Beyond the end (the log was replaced by a shorter one) the last rows are shown.
    let first = first.min(end.saturating_sub(1));
    Window {
        first,
        end,
        above: heights.top(first),
        below: heights.top(count) - heights.top(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_seen_and_a_little_more() {
        let heights = Heights::Fixed(100_000);
        assert_eq!(
            window(&heights, 0, 20, 10),
            Window {
                first: 0,
                end: 31,
                above: 0,
                below: 99_969
            }
        );
        assert_eq!(
            window(&heights, 50_000, 20, 10),
            Window {
                first: 49_990,
                end: 50_031,
                above: 49_990,
                below: 49_969
            }
        );
        let last = window(&heights, 99_980, 20, 10);
        assert_eq!((last.end, last.below), (100_000, 0));
        assert_eq!(window(&heights, 500_000, 20, 10).end, 100_000);
        assert_eq!(window(&Heights::Fixed(0), 0, 20, 10), Window::default());
        assert_eq!(
            window(&Heights::Fixed(3), 0, 20, 10),
            Window {
                first: 0,
                end: 3,
                above: 0,
                below: 0
            }
        );
    }

    #[test]
    fn wrapped_rows_take_as_many_lines_as_their_text() {
        let texts = ["", "12345678901", "1234567890", "\tab", "日本語日本"];
        let mut heights = Heights::wrapped(10, texts.iter().copied());
        assert_eq!(
            (0..=5).map(|row| heights.top(row)).collect::<Vec<_>>(),
            [0, 1, 3, 4, 5, 6]
        );
        heights.push("12345678901234567890x");
        assert_eq!((heights.len(), heights.top(6)), (6, 9));
        assert_eq!(
            window(&heights, 2, 1, 0),
            Window {
                first: 1,
                end: 3,
                above: 1,
                below: 5
            }
        );
    }

    #[test]
    fn every_position_adds_up() {
        let texts: Vec<String> = (0..50).map(|n| "x".repeat(n * 7 % 40)).collect();
        let heights = Heights::wrapped(9, texts.iter().map(String::as_str));
        for top in 0..heights.top(50) + 5 {
            let w = window(&heights, top, 12, 3);
            assert_eq!(
                w.above + (heights.top(w.end) - heights.top(w.first)) + w.below,
                heights.top(50)
            );
            assert!(w.first < w.end);
        }
    }
}

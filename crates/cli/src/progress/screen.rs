//! Frames onto a terminal: each one drawn over the one before, also when the window has changed meanwhile.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use unicode_width::UnicodeWidthStr as _;

use super::frame::{Line, Tone};

/// The size to draw for when the terminal does not tell.
const FALLBACK: (usize, usize) = (80, 24);

/// Columns and rows of the terminal.
pub fn size() -> (usize, usize) {
    match terminal_size::terminal_size() {
        Some((terminal_size::Width(width), terminal_size::Height(height))) if width > 0 && height > 0 => {
            (usize::from(width), usize::from(height))
        }
        _ => FALLBACK,
    }
}

/// What is on the screen.
#[derive(Debug, Default)]
pub struct Screen {
    colors: bool,
    /// Widths of the lines of the last frame.
    drawn: Vec<usize>,
    cursor_hidden: bool,
}

impl Screen {
    pub fn new(colors: bool) -> Self {
        Self {
            colors,
            ..Self::default()
        }
    }

    /// Draws a frame in the place of the last one.
    pub fn draw(&mut self, to: &mut dyn Write, lines: &[Line], width: usize) -> io::Result<()> {
        let mut out = String::new();
        if !self.cursor_hidden {
            out.push_str("\x1b[?25l");
            self.cursor_hidden = true;
        }
        self.erase(&mut out, width);
        for line in lines {
            match self.code(line.tone) {
                Some(code) => _ = writeln!(out, "\x1b[{code}m{}\x1b[0m", line.text),
                None => _ = writeln!(out, "{}", line.text),
            }
        }
        self.drawn = lines.iter().map(|line| line.text.width()).collect();
        to.write_all(out.as_bytes())?;
        to.flush()
    }

    /// Draws the last frame, which stays.
    pub fn finish(&mut self, to: &mut dyn Write, lines: &[Line], width: usize) -> io::Result<()> {
        self.draw(to, lines, width)?;
        self.drawn.clear();
        self.release(to)
    }

    /// Gives the cursor back.
    pub fn release(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if std::mem::take(&mut self.cursor_hidden) {
            to.write_all(b"\x1b[?25h")?;
            to.flush()?;
        }
        Ok(())
    }

    /// Goes back to the first line of the last frame and clears from there. A narrower window has broken its lines by now.
    fn erase(&self, out: &mut String, width: usize) {
        let rows: usize = self.drawn.iter().map(|line| line.div_ceil(width.max(1)).max(1)).sum();
        if rows > 0 {
            _ = write!(out, "\r\x1b[{rows}A\x1b[J");
        }
    }

    fn code(&self, tone: Tone) -> Option<&'static str> {
        if !self.colors {
            return None;
        }
        match tone {
            Tone::Plain => None,
            Tone::Done => Some("34"),
            Tone::Cached => Some("36"),
            Tone::Failed => Some("31"),
            Tone::Warning => Some("33"),
            Tone::Quiet => Some("2"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts
            .iter()
            .map(|text| Line {
                text: (*text).into(),
                tone: Tone::Failed,
            })
            .collect()
    }

    fn drawn(screen: &mut Screen, texts: &[&str], width: usize) -> String {
        let mut out = Vec::new();
        screen.draw(&mut out, &lines(texts), width).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_frame_takes_the_place_of_the_last_one() {
        let mut screen = Screen::new(false);
        assert_eq!(drawn(&mut screen, &["0123456789", "x"], 20), "\x1b[?25l0123456789\nx\n");
        assert_eq!(drawn(&mut screen, &["y"], 20), "\r\x1b[2A\x1b[Jy\n");
        let mut out = Vec::new();
        screen.finish(&mut out, &lines(&["end"]), 20).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\r\x1b[1A\x1b[Jend\n\x1b[?25h");
    }

    #[test]
    fn a_narrower_window_has_broken_the_lines() {
        let mut screen = Screen::new(false);
        drawn(&mut screen, &["0123456789", "日本語", ""], 20);
        assert!(drawn(&mut screen, &["y"], 4).starts_with("\r\x1b[6A\x1b[J"));
    }

    #[test]
    fn colours_are_whole_lines() {
        assert!(drawn(&mut Screen::new(true), &["x"], 20).ends_with("\x1b[31mx\x1b[0m\n"));
    }
}

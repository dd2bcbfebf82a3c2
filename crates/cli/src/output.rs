//! What commands print: text or JSON to standard output, remarks to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Serialize;
use time::{OffsetDateTime, macros::format_description};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    error::{CliError, Result},
    sanitize::visible,
};

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: the API's own JSON.
    Json,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where and how to print.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    pub format: Format,
    pub color: ColorWhen,
    pub stdout_terminal: bool,
    pub stderr_terminal: bool,
    no_color: bool,
}

impl Out {
    pub fn new(format: Format, color: ColorWhen) -> Self {
        Self {
            format,
            color,
            stdout_terminal: io::stdout().is_terminal(),
            stderr_terminal: io::stderr().is_terminal(),
            // https://no-color.org: set and not empty.
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        }
    }

    /// The same, with text as the format.
    pub fn as_text(self) -> Self {
        Self {
            format: Format::Text,
            ..self
        }
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether to colour what goes to a stream that is, or is not, a terminal.
    pub fn colors(&self, terminal: bool) -> bool {
        match self.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => terminal && !self.no_color,
        }
    }

    /// Prints the text and a line end.
    pub fn line(text: &str) -> Result<()> {
        let mut all = String::with_capacity(text.len() + 1);
        all.push_str(text);
        all.push('\n');
        Self::raw(all.as_bytes())
    }

    /// Prints bytes as they are.
    pub fn raw(bytes: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .map_err(CliError::output)
    }

    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Io {
            what: "cannot write JSON".into(),
            source: error.into(),
        })?;
        Self::line(&text)
    }

    /// Prints one thing as JSON or as text, whichever is wanted.
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        if self.is_json() {
            Self::json(value)
        } else {
            Self::line(&text(value))
        }
    }

    /// A remark on standard error; not worth failing over.
    pub fn note(text: &str) {
        _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// A table with aligned columns; the last column is as long as it is.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| visible(cell).into_owned()).collect())
        .collect();
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |cells: &[&str]| {
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            if at > 0 {
                line.push_str("  ");
            }
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![line(head)];
    lines.extend(
        rows.iter()
            .map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>())),
    );
    lines.join("\n")
}

/// Names and values under each other; what has no value is left out.
pub fn facts(rows: &[(&str, Option<String>)]) -> String {
    let width = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let lines = rows.iter().filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some(format!(
            "{name}{}  {}",
            " ".repeat(width - name.width()),
            visible(value)
        ))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `2026-08-01 12:00:03Z`.
pub fn date(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000))
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| "-".into())
}

/// `0.4s`, `12.3s`, `2m05s`, `1h02m`.
pub fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}.{}s", ms % 1000 / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `812B`, `1.2kB`, `34.0MB`: powers of 1000, as BuildKit shows them.
pub fn bytes(count: i64) -> String {
    let mut value = count.max(0) as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 || unit == "GB" {
            return if unit == "B" {
                format!("{value:.0}B")
            } else {
                format!("{value:.1}{unit}")
            };
        }
        value /= 1000.0;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_what_is_seen() {
        let rows = vec![
            vec!["日本".into(), "x".into()],
            vec!["a\u{1b}[31mb".into(), String::new()],
        ];
        assert_eq!(table(&["NAME", "B"], &rows), "NAME  B\n日本  x\nab");
        assert_eq!(
            facts(&[("a", Some("1".into())), ("long", None), ("bb", Some("2".into()))]),
            "a     1\nbb    2"
        );
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(date(1_785_585_603_999), "2026-08-01 12:00:03Z");
        let durations = [
            (-5, "0.0s"),
            (450, "0.4s"),
            (59_999, "59.9s"),
            (125_000, "2m05s"),
            (3_725_000, "1h02m"),
        ];
        for (ms, text) in durations {
            assert_eq!(duration(ms), text);
        }
        for (count, text) in [
            (0, "0B"),
            (999, "999B"),
            (1_200, "1.2kB"),
            (34_000_000, "34.0MB"),
            (5_000_000_000_000, "5000.0GB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}

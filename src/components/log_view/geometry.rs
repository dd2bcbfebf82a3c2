//! Where the rows of the log are.

use std::borrow::Cow;

use super::{
    ansi::{is_plain, plain},
    model::{Entry, LogModel},
    window::{Heights, Window, window},
};

/// Height of a text line in CSS pixels; the style sheet has the same number.
pub const LINE: f64 = 20.0;

/// What can be seen of the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Viewport {
    /// Pixels above it.
    pub top: f64,
    /// Its own height.
    pub height: f64,
    /// Characters that fit into a line.
    pub columns: usize,
}

impl Default for Viewport {
    fn default() -> Self {
        Self {
            top: 0.0,
            height: 800.0,
            columns: 80,
        }
    }
}

/// Heights of the rows of one model, kept up with it at the cost of what is new.
#[derive(Debug)]
pub struct Geometry {
    heights: Heights,
    columns: Option<usize>,
    first: Option<(u64, u8)>,
}

impl Default for Geometry {
    fn default() -> Self {
        Self {
            heights: Heights::Fixed(0),
            columns: None,
            first: None,
        }
    }
}

impl Geometry {
    /// The rows to show; `columns` = where lines wrap.
    pub fn window(
        &mut self,
        model: &LogModel,
        columns: Option<usize>,
        viewport: Viewport,
        follow: bool,
        overscan: usize,
    ) -> Window {
        self.sync(model, columns);
        let view = (viewport.height / LINE).ceil() as u64;
        let top = if follow {
            self.heights.top(self.heights.len()).saturating_sub(view)
        } else {
            (viewport.top / LINE).max(0.0) as u64
        };
        window(&self.heights, top, view, overscan)
    }

    /// Pixels above this row.
    pub fn top_px(&self, row: usize) -> f64 {
        self.heights.top(row) as f64 * LINE
    }

    fn sync(&mut self, model: &LogModel, columns: Option<usize>) {
        let first = model.entries.first().map(Entry::key);
        if self.first != first || self.columns != columns || self.heights.len() > model.entries.len() {
            self.first = first;
            self.columns = columns;
            self.heights = match columns {
                None => Heights::Fixed(0),
                Some(columns) => Heights::wrapped(columns, std::iter::empty()),
            };
        }
        match &mut self.heights {
            Heights::Fixed(count) => *count = model.entries.len(),
            heights @ Heights::Wrapped { .. } => {
                for entry in &model.entries[heights.len()..] {
                    heights.push(&measured(entry));
                }
            }
        }
    }
}

/// The text of a row as it stands in the page.
fn measured(entry: &Entry) -> Cow<'_, str> {
    let (text, left_out) = entry.shown();
    let text = if is_plain(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(plain(text))
    };
    if left_out == 0 {
        text
    } else {
        format!("{text} … {left_out} more bytes in the download").into()
    }
}

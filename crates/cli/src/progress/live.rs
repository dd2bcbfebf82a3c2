//! The live display: a frame every tick, for as long as the build runs.

use std::{
    io::{self, Write},
    time::Instant,
};

use prt_types::build_events::BuildRecord;

use super::{
    Stream,
    frame::{Around, frame},
    screen::{self, Screen},
    state::BuildSeen,
};

/// The display of one build.
#[derive(Debug)]
pub struct Live {
    screen: Screen,
    stream: Stream,
    seen: BuildSeen,
    /// When the last record came: from here on the build's own clock is guessed, as the two machines' clocks may differ.
    last: Option<Instant>,
    tick: usize,
    remark: Option<String>,
}

impl Live {
    pub fn new(stream: Stream, colors: bool) -> Self {
        Self {
            screen: Screen::new(colors),
            stream,
            seen: BuildSeen::default(),
            last: None,
            tick: 0,
            remark: None,
        }
    }

    pub fn take(&mut self, records: Vec<BuildRecord>) {
        for record in records {
            self.seen.take(record);
        }
        self.last = Some(Instant::now());
    }

    /// Says something beside the title, or nothing.
    pub fn remark(&mut self, remark: Option<String>) {
        self.remark = remark;
    }

    pub fn draw(&mut self) -> io::Result<()> {
        self.tick += 1;
        let (width, height) = screen::size();
        let lines = frame(&self.seen, self.around(width, Some(height)));
        self.screen.draw(&mut writer(self.stream), &lines, width)
    }

    /// Draws what stays on the screen.
    pub fn finish(&mut self) -> io::Result<()> {
        let (width, _) = screen::size();
        let lines = frame(&self.seen, self.around(width, None));
        self.screen.finish(&mut writer(self.stream), &lines, width)
    }

    fn around(&self, width: usize, height: Option<usize>) -> Around<'_> {
        let since = self
            .last
            .map_or(0, |last| i64::try_from(last.elapsed().as_millis()).unwrap_or(i64::MAX));
        let now_ms = self.seen.last_ms.saturating_add(since);
        Around {
            width,
            height,
            now_ms,
            tick: self.tick,
            remark: self.remark.as_deref(),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Whatever ends the display, the terminal gets its cursor back.
        _ = self.screen.release(&mut writer(self.stream));
    }
}

/// The stream, to be written to now.
pub fn writer(stream: Stream) -> Box<dyn Write> {
    match stream {
        Stream::Stdout => Box::new(io::stdout().lock()),
        Stream::Stderr => Box::new(io::stderr().lock()),
    }
}

//! Where the records of a build go.

use std::io::Write as _;

use prt_types::{build_events::BuildRecord, plain::PlainLog};

use super::{
    ProgressMode, Stream,
    live::{Live, writer},
};
use crate::{
    error::{CliError, Result},
    output::Out,
    sanitize::visible_lines,
};

/// One of the ways to show a build.
#[derive(Debug)]
pub enum Sink {
    /// Not at all.
    Quiet,
    Plain {
        log: PlainLog,
        stream: Stream,
        /// On a terminal nothing is printed that it would act on; a file gets the log as it is.
        terminal: bool,
    },
    Raw {
        stream: Stream,
    },
    Live(Box<Live>),
}

impl Sink {
    /// The one that the options ask for.
    pub fn new(mode: ProgressMode, quiet: bool, out: &Out) -> Self {
        let stream = Stream::of(out);
        let terminal = stream.is_terminal(out);
        match mode.resolve(terminal) {
            _ if quiet => Self::Quiet,
            ProgressMode::Rawjson => Self::Raw { stream },
            ProgressMode::Tty => Self::Live(Box::new(Live::new(stream, out.colors(terminal)))),
            ProgressMode::Auto | ProgressMode::Plain => Self::Plain {
                log: PlainLog::new(),
                stream,
                terminal,
            },
        }
    }

    /// Takes records in their order.
    pub fn take(&mut self, records: Vec<BuildRecord>) -> Result<()> {
        match self {
            Self::Quiet => Ok(()),
            Self::Plain {
                log, stream, terminal, ..
            } => {
                let mut text = String::new();
                for record in &records {
                    log.render(record, &mut text);
                }
                let text = if *terminal { visible_lines(&text) } else { text };
                write(*stream, text.as_bytes())
            }
            Self::Raw { stream } => {
                let mut bytes = Vec::new();
                for record in &records {
                    serde_json::to_writer(&mut bytes, record).map_err(|error| CliError::Io {
                        what: "cannot write JSON".into(),
                        source: error.into(),
                    })?;
                    bytes.push(b'\n');
                }
                write(*stream, &bytes)
            }
            Self::Live(live) => {
                live.take(records);
                Ok(())
            }
        }
    }

    /// Says what is going on with the connection or the cancellation; `None` = all is well again.
    pub fn remark(&mut self, remark: Option<String>) {
        match self {
            Self::Quiet => {}
            Self::Plain { .. } | Self::Raw { .. } => {
                // Beside the log, so that the log itself stays whole.
                if let Some(remark) = remark {
                    Out::note(&remark);
                }
            }
            Self::Live(live) => live.remark(remark),
        }
    }

    /// Draws again, if this is something that is drawn.
    pub fn tick(&mut self) -> Result<()> {
        match self {
            Self::Live(live) => live.draw().map_err(CliError::output),
            Self::Quiet | Self::Plain { .. } | Self::Raw { .. } => Ok(()),
        }
    }

    pub fn finish(&mut self) -> Result<()> {
        match self {
            Self::Live(live) => live.finish().map_err(CliError::output),
            Self::Quiet | Self::Plain { .. } | Self::Raw { .. } => Ok(()),
        }
    }

    /// Whether standard output holds only records or nothing, so that no sentence may be printed there.
    pub fn is_for_programs(&self) -> bool {
        matches!(self, Self::Raw { .. } | Self::Quiet)
    }
}

fn write(stream: Stream, bytes: &[u8]) -> Result<()> {
    let mut to = writer(stream);
    to.write_all(bytes).and_then(|()| to.flush()).map_err(CliError::output)
}

//! BuildKit's `client.SolveStatus` as JSON.

use std::{borrow::Cow, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Deserialize)]
pub(super) struct SolveStatus<'a> {
    #[serde(borrow, default)]
    pub vertexes: Vec<Vertex<'a>>,
    #[serde(borrow, default)]
    pub statuses: Vec<Status<'a>>,
    #[serde(borrow, default)]
    pub logs: Vec<Log<'a>>,
    #[serde(borrow, default)]
    pub warnings: Vec<Warning<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Vertex<'a> {
    #[serde(borrow, default)]
    pub digest: Cow<'a, str>,
    #[serde(borrow, default)]
    pub inputs: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    pub started: Option<Ms>,
    pub completed: Option<Ms>,
    #[serde(default)]
    pub cached: bool,
    #[serde(borrow, default)]
    pub error: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Status<'a> {
    #[serde(borrow, default)]
    pub id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub vertex: Cow<'a, str>,
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    #[serde(default)]
    pub total: i64,
    #[serde(default)]
    pub current: i64,
    pub timestamp: Ms,
    pub completed: Option<Ms>,
}

#[derive(Deserialize)]
pub(super) struct Log<'a> {
    #[serde(borrow, default)]
    pub vertex: Cow<'a, str>,
    #[serde(default)]
    pub stream: i64,
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    pub timestamp: Ms,
}

impl Log<'_> {
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.data.as_bytes()).ok()
    }
}

#[derive(Deserialize)]
pub(super) struct Warning<'a> {
    #[serde(borrow, default)]
    pub vertex: Cow<'a, str>,
    #[serde(borrow, default)]
    short: Cow<'a, str>,
    #[serde(borrow, default)]
    detail: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    url: Cow<'a, str>,
    #[serde(rename = "sourceInfo")]
    source: Option<SourceInfo>,
    #[serde(default)]
    range: Vec<Range>,
}

#[derive(Deserialize)]
struct SourceInfo {
    #[serde(default)]
    filename: String,
}

#[derive(Deserialize)]
struct Range {
    start: Option<Place>,
}

#[derive(Deserialize)]
struct Place {
    line: Option<i64>,
}

impl Warning<'_> {
    /// In plain words, with the place.
    pub(super) fn text(&self) -> String {
        let decode = |text: &str| {
            STANDARD
                .decode(text)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .unwrap_or_default()
        };
        let mut text = decode(&self.short);
        for detail in &self.detail {
            text.push_str(". ");
            text.push_str(&decode(detail));
        }
        let file = self.source.as_ref().map_or("", |source| source.filename.as_str());
        let line = self.range.iter().find_map(|range| range.start.as_ref()?.line);
        if let (false, Some(line)) = (file.is_empty(), line) {
            _ = write!(text, " ({file}:{line})");
        }
        if !self.url.is_empty() {
            _ = write!(text, " {}", self.url);
        }
        text
    }
}

/// Milliseconds since 1970, written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ms(pub i64);

impl<'de> Deserialize<'de> for Ms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A string of its own for each would cost more than the rest.
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Ms;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a time in the form of RFC 3339")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Ms, E> {
                let time = OffsetDateTime::parse(text, &Rfc3339).map_err(E::custom)?;
                Ok(Ms((time.unix_timestamp_nanos() / 1_000_000) as i64))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

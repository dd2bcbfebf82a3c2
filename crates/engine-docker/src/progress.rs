//! A pull's progress in words.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bollard::models::CreateImageInfo;

const PAUSE: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, Default)]
struct Layer {
    done: bool,
    current: i64,
    total: i64,
}

/// Sums up what the engine says about each layer.
#[derive(Debug, Default)]
pub struct PullProgress {
    layers: BTreeMap<String, Layer>,
    digest: Option<String>,
    last: Option<(Instant, String)>,
}

impl PullProgress {
    /// Takes one message and returns a sentence when it is time for one.
    pub fn take(&mut self, info: &CreateImageInfo, now: Instant) -> Option<String> {
        self.note(info);
        if self.layers.is_empty()
            || self
                .last
                .as_ref()
                .is_some_and(|(at, _)| now.duration_since(*at) < PAUSE)
        {
            return None;
        }
        let words = self.words();
        if self.last.as_ref().is_some_and(|(_, said)| *said == words) {
            return None;
        }
        self.last = Some((now, words.clone()));
        Some(words)
    }

    /// The last sentence, if it was not said yet.
    pub fn rest(&self) -> Option<String> {
        let words = self.words();
        (!self.layers.is_empty() && self.last.as_ref().is_none_or(|(_, said)| *said != words)).then_some(words)
    }

    /// The digest that the engine resolved the reference to.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    fn note(&mut self, info: &CreateImageInfo) {
        let status = info.status.as_deref().unwrap_or_default();
        if let Some(digest) = status.strip_prefix("Digest: ") {
            self.digest = Some(digest.trim().into());
            return;
        }
        let Some(id) = &info.id else { return };
        // The first message names the tag instead of a layer.
        if status.starts_with("Pulling from") {
            return;
        }
        let layer = self.layers.entry(id.clone()).or_default();
        match status {
            "Pull complete" | "Already exists" => {
                layer.done = true;
                layer.current = layer.total;
            }
            "Download complete" | "Verifying Checksum" => layer.current = layer.total,
            "Downloading" => {
                if let Some(detail) = &info.progress_detail {
                    layer.current = detail.current.unwrap_or(layer.current);
                    layer.total = detail.total.unwrap_or(layer.total).max(layer.current);
                }
            }
            _ => {}
        }
    }

    fn words(&self) -> String {
        let done = self.layers.values().filter(|layer| layer.done).count();
        let mb = |bytes: i64| bytes / 1_000_000;
        let current = mb(self.layers.values().map(|layer| layer.current).sum());
        let total = mb(self.layers.values().map(|layer| layer.total).sum());
        let layers = format!("{done} of {} layers", self.layers.len());
        if total > 0 {
            format!("{layers}, {current} of {total} MB")
        } else {
            layers
        }
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn info(id: &str, status: &str, detail: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.into()),
            status: Some(status.into()),
            progress_detail: detail.map(|(current, total)| ProgressDetail {
                current: Some(current),
                total: Some(total),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn layers_and_megabytes_are_counted() {
        let mut progress = PullProgress::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(
            progress.take(&info("12", "Pulling from library/debian", None), at(0)),
            None
        );
        assert_eq!(
            progress.take(&info("a", "Pulling fs layer", None), at(0)).as_deref(),
            Some("0 of 1 layers")
        );
        assert_eq!(
            progress.take(&info("b", "Already exists", None), at(10)),
            None,
            "too soon"
        );
        let words = progress.take(&info("a", "Downloading", Some((5_000_000, 20_000_000))), at(300));
        assert_eq!(words.as_deref(), Some("1 of 2 layers, 5 of 20 MB"));
        assert_eq!(
            progress.take(&info("a", "Downloading", Some((5_000_001, 20_000_000))), at(600)),
            None,
            "nothing new"
        );
        assert_eq!(
            progress.take(&info("a", "Pull complete", None), at(610)).as_deref(),
            Some("2 of 2 layers, 20 of 20 MB")
        );
        assert_eq!(progress.rest(), None);
    }

    #[test]
    fn the_last_words_are_not_lost() {
        let mut progress = PullProgress::default();
        let now = Instant::now();
        progress.take(&info("a", "Downloading", Some((1, 9_000_000))), now);
        assert_eq!(progress.take(&info("a", "Pull complete", None), now), None);
        assert_eq!(progress.rest().as_deref(), Some("1 of 1 layers, 9 of 9 MB"));
    }

    #[test]
    fn the_digest_is_kept() {
        let mut progress = PullProgress::default();
        let digest = CreateImageInfo {
            status: Some("Digest: sha256:abc".into()),
            ..Default::default()
        };
        assert_eq!(progress.take(&digest, Instant::now()), None);
        assert_eq!(progress.digest(), Some("sha256:abc"));
    }
}

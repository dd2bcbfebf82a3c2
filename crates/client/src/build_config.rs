//! The configuration of a worker's build service.

use std::time::Duration;

use prt_types::build_config::{BuildConfigInput, BuildConfigLint, BuildConfigText, BuildConfigView, WhenBusy};
use reqwest::Method;

use crate::{Client, Result, request::with_query};

/// How long one question waits for the end of a change.
const WAIT_S: u64 = 60;
/// What an answer may take beyond that.
const WAIT_MARGIN: Duration = Duration::from_secs(15);

impl Client {
    /// The configuration, and where the latest change of it is.
    pub async fn build_config(&self, worker: &str) -> Result<BuildConfigView> {
        self.get(self.url(&["workers", worker, "build-config"])).await
    }

    /// The same once no change is under way, asked for again and again.
    pub async fn build_config_settled(&self, worker: &str) -> Result<BuildConfigView> {
        loop {
            let url = with_query(self.url(&["workers", worker, "build-config"]), "wait_s", Some(WAIT_S));
            let limit = Duration::from_secs(WAIT_S) + WAIT_MARGIN;
            let view: BuildConfigView = self
                .json(self.run(self.request(Method::GET, url).timeout(limit)).await?)
                .await?;
            if !view.state.is_changing() {
                return Ok(view);
            }
        }
    }

    /// Changes the configuration. It may have to wait for the end of a build: see [`Client::build_config_settled`].
    pub async fn build_config_update(&self, worker: &str, input: &BuildConfigInput) -> Result<BuildConfigView> {
        let url = self.url(&["workers", worker, "build-config"]);
        let request = self
            .request(Method::PUT, url)
            .timeout(Duration::from_mins(2))
            .json(input);
        self.json(self.run(request).await?).await
    }

    /// Goes back to the configuration that the builder started with.
    pub async fn build_config_reset(&self, worker: &str, when_busy: WhenBusy) -> Result<BuildConfigView> {
        let word = match when_busy {
            WhenBusy::Wait => "wait",
            WhenBusy::Refuse => "refuse",
        };
        let url = with_query(self.url(&["workers", worker, "build-config"]), "when_busy", Some(word));
        let request = self.request(Method::DELETE, url).timeout(Duration::from_mins(2));
        self.json(self.run(request).await?).await
    }

    /// What would be said of a text.
    pub async fn build_config_lint(&self, worker: &str, text: &str) -> Result<BuildConfigLint> {
        let body = BuildConfigText {
            config_content: text.to_owned(),
        };
        self.send(
            Method::POST,
            self.url(&["workers", worker, "build-config", "lint"]),
            &body,
        )
        .await
    }
}

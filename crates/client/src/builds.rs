//! Builds: start, look at, cancel, run again, read the log.

use bytes::Bytes;
use futures::stream::BoxStream;
use prt_types::{
    build_events::BuildRecord,
    builds::{BuildRequest, BuildStatus, BuildView, RerunRequest},
    retention::PinRequest,
};
use reqwest::Method;

use crate::{Client, FollowOptions, Follower, Result, follow, request::with_query};

impl Client {
    /// Builds, newest first: of one worker, in one status, before a number, as asked.
    pub async fn builds(
        &self,
        worker: Option<&str>,
        status: Option<BuildStatus>,
        limit: Option<u32>,
        before: Option<i64>,
    ) -> Result<Vec<BuildView>> {
        let url = with_query(self.url(&["builds"]), "worker", worker);
        let url = with_query(url, "status", status.map(BuildStatus::name));
        let url = with_query(url, "limit", limit);
        self.get(with_query(url, "before", before)).await
    }

    /// Starts a build. The answer comes once the inputs have been checked, which includes the registries' answers.
    pub async fn build_create(&self, request: &BuildRequest) -> Result<BuildView> {
        self.create(self.url(&["builds"]), request).await
    }

    /// One build.
    pub async fn build(&self, number: i64) -> Result<BuildView> {
        self.get(self.url(&["builds", &number.to_string()])).await
    }

    /// Asks for a build's end; it has ended when its log says so.
    pub async fn build_cancel(&self, number: i64) -> Result<BuildView> {
        self.send(
            Method::POST,
            self.url(&["builds", &number.to_string(), "cancel"]),
            &serde_json::json!({}),
        )
        .await
    }

    /// Starts a build with the inputs of another.
    pub async fn build_rerun(&self, number: i64, request: &RerunRequest) -> Result<BuildView> {
        self.create(self.url(&["builds", &number.to_string(), "rerun"]), request)
            .await
    }

    /// Keeps a build and its log for ever, or no longer.
    pub async fn build_pin(&self, number: i64, pinned: bool) -> Result<BuildView> {
        let url = self.url(&["builds", &number.to_string(), "pin"]);
        self.send(Method::PUT, url, &PinRequest { pinned }).await
    }

    /// Records of a build's log after `after`, at most `limit`.
    pub async fn build_records(&self, number: i64, after: u64, limit: Option<u32>) -> Result<Vec<BuildRecord>> {
        let url = with_query(
            self.url(&["builds", &number.to_string(), "records"]),
            "after",
            Some(after),
        );
        self.get(with_query(url, "limit", limit)).await
    }

    /// The log as plain text, as far as it has come.
    pub async fn build_log(&self, number: i64) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.download(self.url(&["builds", &number.to_string(), "log"])).await
    }

    /// Follows a build's log from after record `after` (0 = from the start) to its end.
    pub fn follow(&self, number: i64, after: u64, options: FollowOptions) -> Follower {
        follow::follow(self.clone(), number, after, options)
    }
}

//! Looking at builds and their logs.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use prt_types::{
    access::{Role, TokenScope},
    build_events::{BuildEnd, BuildEvent, BuildRecord},
    builds::{BuildStatus, BuildView},
    ids::BuildId,
    plain::PlainLog,
};

use super::view::view;
use crate::{
    Orchestrator,
    error::{Error, Result},
    logs::LogStore,
    op_context::OpContext,
    store::{Build, BuildFilter},
};

/// Most builds that one call returns.
const PAGE: i64 = 200;
/// How long a reader waits for the last record of a build that is over.
const LAST_RECORD_WITHIN: Duration = Duration::from_secs(1);
/// Most records that one call returns.
const RECORDS: usize = 10_000;
/// Records that are made text at a time.
const TEXT_BATCH: usize = 2000;

/// Which builds to list.
#[derive(Clone, Debug, Default)]
pub struct BuildQuery {
    /// In this worker.
    pub worker: Option<String>,
    /// In this status.
    pub status: Option<BuildStatus>,
    /// With a number below.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

impl Orchestrator {
    /// The asker's builds, newest first; all users' for an admin.
    pub async fn build_list(&self, cx: &OpContext, query: BuildQuery) -> Result<Vec<BuildView>> {
        let actor = cx.any_actor()?;
        let mut tx = self.read().await?;
        let worker = match (&query.worker, actor.only_worker) {
            (Some(name), _) => Some(self.worker_visible_to_builds(&mut *tx, cx, name).await?.id),
            (None, only) => only,
        };
        let filter = BuildFilter {
            owner: match (actor.scope, actor.role) {
                (TokenScope::Build | TokenScope::BuildAndStart, _) => Some(actor.user_id),
                (TokenScope::Full, Role::Admin) => None,
                (TokenScope::Full, Role::User) => actor.only_worker.is_none().then_some(actor.user_id),
            },
            worker,
            status: query.status,
            before: query.before,
            limit: if query.limit <= 0 { 50 } else { query.limit.min(PAGE) },
            ..BuildFilter::default()
        };
        let builds = tx.builds(&filter).await?;
        drop(tx);
        Ok(builds
            .into_iter()
            .map(|mut build| {
                build.dockerfile_text.clear();
                let live = self.inner.builds.get(build.id).map(|run| run.live());
                let position = self.inner.logs.position_if_open(build.id);
                view(build, position, live, &self.inner.settings.retention)
            })
            .collect())
    }

    /// One build.
    pub async fn build_get(&self, cx: &OpContext, number: i64) -> Result<BuildView> {
        let build = self.build_visible(cx, number).await?;
        self.build_view(build).await
    }

    /// Up to `limit` records of a build's log after number `after`.
    pub async fn build_records(
        &self,
        cx: &OpContext,
        number: i64,
        after: u64,
        limit: usize,
    ) -> Result<Vec<BuildRecord>> {
        let build = self.build_with_log(cx, number).await?;
        self.build_log_whole(&build).await;
        self.inner
            .logs
            .read(build.id, after, limit.clamp(1, RECORDS))
            .await
            .map_err(unreadable)
    }

    /// The records of a build's log that are no log lines: how its steps stand.
    pub async fn build_outline(&self, cx: &OpContext, number: i64) -> Result<Vec<BuildRecord>> {
        let build = self.build_with_log(cx, number).await?;
        self.build_log_whole(&build).await;
        self.inner.logs.outline(build.id).await.map_err(unreadable)
    }

    /// Up to `limit` lines of a build's log from line number `line` on.
    pub async fn build_lines(&self, cx: &OpContext, number: i64, line: u64, limit: usize) -> Result<Vec<BuildRecord>> {
        let build = self.build_with_log(cx, number).await?;
        let limit = limit.clamp(1, RECORDS);
        self.inner
            .logs
            .read_lines(build.id, line, limit)
            .await
            .map_err(unreadable)
    }

    /// All records after number `after`, as they come; ends after the build's end.
    pub async fn build_follow(
        &self,
        cx: &OpContext,
        number: i64,
        after: u64,
    ) -> Result<BoxStream<'static, Vec<BuildRecord>>> {
        let build = self.build_with_log(cx, number).await?;
        self.build_log_repair(&build).await;
        Ok(self.inner.logs.follow(build.id, after))
    }

    /// The whole log so far as plain text.
    pub async fn build_log(&self, cx: &OpContext, number: i64) -> Result<BoxStream<'static, io::Result<Bytes>>> {
        let build = self.build_with_log(cx, number).await?;
        self.build_log_whole(&build).await;
        let last = self.inner.logs.position(build.id).await.map_err(unreadable)?.last_seq;
        let start = (self.inner.logs.clone(), PlainLog::new(), 0);
        Ok(stream::try_unfold(start, move |(logs, mut plain, after)| async move {
            let (text, after) = text_after(&logs, build.id, &mut plain, after, last).await?;
            Ok((!text.is_empty()).then(|| (Bytes::from(text), (logs, plain, after))))
        })
        .boxed())
    }

    pub(super) async fn build_view(&self, build: Build) -> Result<BuildView> {
        let position = match build.log_deleted_ms {
            Some(_) => None,
            None => Some(self.inner.logs.position(build.id).await.map_err(unreadable)?),
        };
        let live = self.inner.builds.get(build.id).map(|run| run.live());
        Ok(view(build, position, live, &self.inner.settings.retention))
    }

    /// The build of that number, if the asker may see it and its log was not deleted.
    async fn build_with_log(&self, cx: &OpContext, number: i64) -> Result<Build> {
        let build = self.build_visible(cx, number).await?;
        if build.log_deleted_ms.is_none() {
            return Ok(build);
        }
        let why = match self.inner.settings.retention.logs_days {
            Some(days) => format!("logs are stored for {days} days after the end of a build"),
            None => "it was older than its retention rule".to_owned(),
        };
        Err(Error::Gone(format!("The log of build #{number} was deleted: {why}.")))
    }

    /// The build of that number, if the asker may see it.
    pub(crate) async fn build_visible(&self, cx: &OpContext, number: i64) -> Result<Build> {
        let actor = cx.any_actor()?;
        let unseen = || Error::not_found("build", format!("#{number}"));
        let build = self.read().await?.build_by_number(number).await?.ok_or_else(unseen)?;
        let mine = actor.user_id == build.owner_id;
        let sees = match (actor.scope, actor.only_worker) {
            (TokenScope::Build | TokenScope::BuildAndStart, only) => {
                mine && only.is_none_or(|only| only == build.worker_id)
            }
            (TokenScope::Full, Some(only)) => only == build.worker_id,
            (TokenScope::Full, None) => actor.role == Role::Admin || mine,
        };
        if sees { Ok(build) } else { Err(unseen()) }
    }

    /// Sees to it that the log of a build that has ended has its last record, for who reads what there is. Whoever follows the build
    /// writes it soon after the row.
    async fn build_log_whole(&self, build: &Build) {
        if build.status.is_final() && self.inner.builds.get(build.id).is_some() {
            // A full disk can keep it waiting.
            _ = tokio::time::timeout(LAST_RECORD_WITHIN, self.inner.logs.ended(build.id)).await;
        }
        self.build_log_repair(build).await;
    }

    /// Completes the log of a build that ended while the console died: the row was written, the log's last record was not.
    async fn build_log_repair(&self, build: &Build) {
        if !build.status.is_final() || self.inner.builds.get(build.id).is_some() {
            return;
        }
        let repair = async {
            if self.inner.logs.position(build.id).await?.ended {
                return Ok(());
            }
            let mut writer = self.inner.logs.writer(build.id).await?;
            let at_ms = build.ended_ms.unwrap_or(build.created_ms);
            let missing = build.lines.saturating_sub(writer.position().last_line as i64);
            let mut events = vec![];
            if missing > 0 && !writer.is_cut() {
                let text = incomplete(missing, build.lines);
                events.push((at_ms, BuildEvent::Notice { text }));
            }
            events.push((at_ms, BuildEvent::End(end_of(build))));
            writer.append(events).await.map(drop)
        };
        if let Err(error) = repair.await {
            let error: io::Error = error;
            tracing::warn!(build.number = build.number, %error, "the end of a build's log cannot be written");
        }
    }
}

/// What stands in the place of lines that the log's files have lost.
fn incomplete(missing: i64, all: i64) -> String {
    format!("The log is incomplete: {missing} of {all} lines are missing, because its file was damaged or cut off.")
}

/// The end as a row has it.
pub(super) fn end_of(build: &Build) -> BuildEnd {
    BuildEnd {
        status: build.status,
        reason: build.reason,
        message: build.message.clone(),
        step: build.step.clone(),
        digest: build.digest.clone(),
    }
}

/// Text of the next records up to number `last`; empty = there are no more.
async fn text_after(
    logs: &LogStore,
    build: BuildId,
    plain: &mut PlainLog,
    mut after: u64,
    last: u64,
) -> io::Result<(String, u64)> {
    let mut text = String::new();
    // Some records have no text.
    while text.is_empty() && after < last {
        let records = logs.read(build, after, TEXT_BATCH).await?;
        let Some(newest) = records.last() else { break };
        after = newest.seq;
        for record in records.iter().filter(|record| record.seq <= last) {
            plain.render(record, &mut text);
        }
    }
    Ok((text, after))
}

pub(super) fn unreadable(error: io::Error) -> Error {
    Error::internal("a build's log", error)
}

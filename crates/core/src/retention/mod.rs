//! Deletes what is older than its rule: builds with their logs, terminated workers, audit entries, and what has expired.
//!
//! A task does it some minutes after the start and then every hour, in small transactions, so that other writers never wait for long.
//! An admin can look first and run it by hand. Numbers are never given again: they come from counters, not from rows.

mod pin;

use std::{collections::HashMap, time::Duration};

use prt_types::{
    audit::Outcome,
    ids::BuildId,
    retention::{Amount, Deleted, RetentionKind, RetentionRequest, RetentionRule, RetentionRun, RetentionView},
};
use serde_json::json;
use tokio::sync::Mutex;

use crate::{
    Orchestrator,
    error::{Error, Result},
    idempotency,
    op_context::OpContext,
    store::{Build, BuildsDue, Repository},
};

/// After the start, so that it does not compete with what is picked up then.
const FIRST: Duration = Duration::from_mins(5);
const EVERY: Duration = Duration::from_hours(1);
/// Rows that go in one transaction.
const BATCH: i64 = 200;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long things are stored. Unset = for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Days after the end of a build.
    pub builds_days: Option<i64>,
    /// Builds that are stored at most.
    pub builds_count: Option<i64>,
    /// Days after the end of a build, for its log.
    pub logs_days: Option<i64>,
    /// Days after the end of a worker.
    pub workers_days: Option<i64>,
    /// Days after the end of a worker, for its events.
    pub events_days: Option<i64>,
    /// Days for entries of the audit log.
    pub audit_days: Option<i64>,
    /// Days after an API token has expired.
    pub tokens_days: Option<i64>,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            builds_days: Some(180),
            builds_count: Some(10_000),
            logs_days: Some(90),
            workers_days: Some(180),
            events_days: Some(90),
            audit_days: Some(365),
            tokens_days: Some(30),
        }
    }
}

impl RetentionSettings {
    fn days(&self, kind: RetentionKind) -> Option<i64> {
        match kind {
            RetentionKind::Builds => self.builds_days,
            RetentionKind::BuildLogs => self.logs_days,
            RetentionKind::Workers => self.workers_days,
            RetentionKind::WorkerEvents => self.events_days,
            RetentionKind::Audit => self.audit_days,
            RetentionKind::Tokens => self.tokens_days,
            RetentionKind::Sessions | RetentionKind::NotebookLogins | RetentionKind::IdempotencyKeys => None,
        }
    }

    /// What is from before this time may go; unset = nothing.
    fn before_ms(&self, kind: RetentionKind, now: i64) -> Option<i64> {
        match kind {
            // These have ended: nobody can use them any more.
            RetentionKind::Sessions | RetentionKind::NotebookLogins => Some(now),
            RetentionKind::IdempotencyKeys => Some(now - idempotency::VALID_MS),
            _ => self.days(kind).map(|days| now - days * DAY_MS),
        }
    }

    /// When the record of a build may go; unset = never, or it is not known yet.
    pub(crate) fn build_until_ms(&self, build: &Build) -> Option<i64> {
        Self::until_ms(build, self.builds_days)
    }

    /// The same for its log.
    pub(crate) fn log_until_ms(&self, build: &Build) -> Option<i64> {
        let own = Self::until_ms(build, self.logs_days);
        let with_record = self.build_until_ms(build);
        own.into_iter().chain(with_record).min()
    }

    fn until_ms(build: &Build, days: Option<i64>) -> Option<i64> {
        let ended = build.ended_ms.filter(|_| build.status.is_final() && !build.pinned)?;
        days.map(|days| ended + days * DAY_MS)
    }

    fn rule(&self, kind: RetentionKind) -> String {
        let after = |what: &str| match self.days(kind) {
            Some(1) => format!("1 day after {what}"),
            Some(days) => format!("{days} days after {what}"),
            None => "Never".to_owned(),
        };
        match kind {
            RetentionKind::Builds => match self.builds_count {
                Some(count) => format!(
                    "{}, and beyond the newest {count}; pinned builds never",
                    after("the end")
                ),
                None => format!("{}; pinned builds never", after("the end")),
            },
            RetentionKind::BuildLogs => format!("{}; pinned builds never", after("the end of the build")),
            RetentionKind::Workers => format!("{}, once no build of the worker is stored", after("the end")),
            RetentionKind::WorkerEvents => after("the end of the worker"),
            RetentionKind::Audit => after("the entry"),
            RetentionKind::Tokens => after("the token expired"),
            RetentionKind::Sessions | RetentionKind::NotebookLogins => "When they have expired".into(),
            RetentionKind::IdempotencyKeys => "After 24 hours".into(),
        }
    }
}

/// What runs share.
#[derive(Debug, Default)]
pub(crate) struct RetentionState {
    /// One run at a time.
    running: Mutex<()>,
    /// How the last one ended.
    last: Mutex<Option<RetentionRun>>,
}

impl Orchestrator {
    /// Deletes what is due from time to time, until the console ends.
    pub(crate) fn retention_start(&self) {
        let this = self.clone();
        let ended = self.inner.builds.detached();
        let task = async move {
            let mut pause = FIRST;
            loop {
                tokio::time::sleep(pause).await;
                pause = EVERY;
                if let Err(error) = this.retention_delete(&OpContext::system("retention")).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "old records are not deleted; the next run tries again"
                    );
                }
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// The rules, what is stored, and what would go now. Admins only.
    pub async fn retention_get(&self, cx: &OpContext) -> Result<RetentionView> {
        self.admin(cx, "see what is stored", "retention.get").await?;
        let logs = self.log_sizes().await?;
        let now = self.now_ms();
        let settings = &self.inner.settings.retention;
        let mut tx = self.read().await?;
        let mut rules = vec![];
        for kind in RetentionKind::ALL {
            let stored = match kind {
                RetentionKind::BuildLogs => Amount {
                    count: logs.len() as i64,
                    bytes: logs.values().sum(),
                },
                _ => tx.stored(kind).await?,
            };
            rules.push(RetentionRule {
                kind,
                days: settings.days(kind),
                rule: settings.rule(kind),
                stored,
                due: self.retention_due(&mut *tx, kind, now, &logs).await?,
            });
        }
        drop(tx);
        Ok(RetentionView {
            rules,
            last_run: self.inner.retention.last.lock().await.clone(),
        })
    }

    /// Deletes what is due, or only says what that is. Admins only.
    pub async fn retention_run(&self, cx: &OpContext, request: RetentionRequest) -> Result<RetentionRun> {
        self.admin(cx, "delete what is older than its rule", "retention.run")
            .await?;
        if !request.dry_run {
            let (this, cx) = (self.clone(), cx.clone());
            // In a task of its own: who asked may go away meanwhile.
            let run = tokio::spawn(async move { this.retention_delete(&cx).await });
            return run
                .await
                .map_err(|error| Error::internal("deleting what is older than its rule", error))?;
        }
        let logs = self.log_sizes().await?;
        let now = self.now_ms();
        let mut tx = self.read().await?;
        let mut deleted = vec![];
        for kind in RetentionKind::ALL {
            let amount = self.retention_due(&mut *tx, kind, now, &logs).await?;
            deleted.extend((amount.count > 0).then_some(Deleted { kind, amount }));
        }
        Ok(RetentionRun {
            at_ms: now,
            dry_run: true,
            deleted,
        })
    }

    async fn log_sizes(&self) -> Result<HashMap<BuildId, i64>> {
        let sizes = self.inner.logs.sizes().await;
        sizes.map_err(|error| Error::internal("measuring the logs of builds", error))
    }

    fn builds_due(&self, now: i64) -> BuildsDue {
        let settings = &self.inner.settings.retention;
        BuildsDue {
            before_ms: settings.before_ms(RetentionKind::Builds, now),
            newest: settings.builds_count,
        }
    }

    async fn retention_due(
        &self,
        tx: &mut dyn Repository,
        kind: RetentionKind,
        now: i64,
        logs: &HashMap<BuildId, i64>,
    ) -> Result<Amount> {
        if kind == RetentionKind::Builds {
            return Ok(tx.builds_size(self.builds_due(now)).await?);
        }
        let before = self.inner.settings.retention.before_ms(kind, now);
        if kind == RetentionKind::BuildLogs {
            // Those of builds that go as a whole, too.
            let mut ids = tx.builds_due(self.builds_due(now), 0).await?;
            if let Some(before) = before {
                ids.extend(tx.build_logs_due(before, 0).await?);
            }
            ids.sort();
            ids.dedup();
            let sizes: Vec<i64> = ids.iter().filter_map(|id| logs.get(id).copied()).collect();
            return Ok(Amount {
                count: sizes.len() as i64,
                bytes: sizes.iter().sum(),
            });
        }
        match before {
            Some(before) => Ok(tx.due(kind, before).await?),
            None => Ok(Amount::default()),
        }
    }

    /// One run. What it deleted is in the audit log, unless that is nothing.
    async fn retention_delete(&self, cx: &OpContext) -> Result<RetentionRun> {
        let _alone = self.inner.retention.running.lock().await;
        let now = self.now_ms();
        let logs = self.log_sizes().await?;
        let mut expected = HashMap::new();
        {
            let mut tx = self.read().await?;
            for kind in RetentionKind::ALL {
                expected.insert(kind, self.retention_due(&mut *tx, kind, now, &logs).await?);
            }
        }
        let mut counts: HashMap<RetentionKind, i64> = HashMap::new();
        let mut log_bytes = 0;
        // Builds before workers: a worker stays while a build of it is stored.
        let done = self.retention_delete_all(now, &logs, &mut counts, &mut log_bytes).await;
        let deleted: Vec<Deleted> = RetentionKind::ALL
            .into_iter()
            .filter_map(|kind| {
                let count = counts.get(&kind).copied().filter(|count| *count > 0)?;
                let before = expected.get(&kind).copied().unwrap_or_default();
                let bytes = if kind == RetentionKind::BuildLogs {
                    log_bytes
                } else {
                    before.bytes * count / before.count.max(1)
                };
                let amount = Amount { count, bytes };
                Some(Deleted { kind, amount })
            })
            .collect();
        if !deleted.is_empty() {
            let of_kind = |one: &Deleted| (one.kind.word().to_owned(), json!(one.amount.count));
            let details: serde_json::Map<String, serde_json::Value> = deleted.iter().map(of_kind).collect();
            tracing::info!(details = %json!(details), "deleted what is older than its rule");
            let mut tx = self.write().await?;
            self.audit_add(&mut *tx, cx, "retention.run", "", Outcome::Done, details.into())
                .await?;
            tx.save().await?;
        }
        done?;
        let run = RetentionRun {
            at_ms: self.now_ms(),
            dry_run: false,
            deleted,
        };
        *self.inner.retention.last.lock().await = Some(run.clone());
        Ok(run)
    }

    async fn retention_delete_all(
        &self,
        now: i64,
        sizes: &HashMap<BuildId, i64>,
        counts: &mut HashMap<RetentionKind, i64>,
        log_bytes: &mut i64,
    ) -> Result<()> {
        self.logs_left(sizes).await?;
        let mut first = None;
        for kind in RetentionKind::ALL {
            let done = self.retention_delete_kind(kind, now, sizes, counts, log_bytes).await;
            // The other kinds do not depend on it.
            if let Err(error) = done {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Removes logs that an earlier run had noted as deleted before it was cut off.
    async fn logs_left(&self, sizes: &HashMap<BuildId, i64>) -> Result<()> {
        for id in sizes.keys() {
            let row = self.read().await?.build(*id).await?;
            // Without a row it may belong to a database that is restored again.
            if row.is_some_and(|build| build.log_deleted_ms.is_some()) {
                self.log_remove(*id).await;
            }
        }
        Ok(())
    }

    async fn log_remove(&self, id: BuildId) -> bool {
        let removed = self.inner.logs.remove(id).await;
        if let Err(error) = &removed {
            tracing::error!(build.id = %id, %error, "the log of a build cannot be deleted; the next run tries again");
        }
        removed.is_ok()
    }

    async fn retention_delete_kind(
        &self,
        kind: RetentionKind,
        now: i64,
        sizes: &HashMap<BuildId, i64>,
        counts: &mut HashMap<RetentionKind, i64>,
        log_bytes: &mut i64,
    ) -> Result<()> {
        let before = self.inner.settings.retention.before_ms(kind, now);
        {
            loop {
                let found = match (kind, before) {
                    (RetentionKind::Builds, _) => {
                        let mut ids = self.read().await?.builds_due(self.builds_due(now), BATCH).await?;
                        self.logs_delete(&ids, now, sizes, counts, log_bytes).await?;
                        // Also those of an earlier run that was cut off. A record stays as long as its log.
                        let mut removed = vec![];
                        for id in ids {
                            removed.extend(self.log_remove(id).await.then_some(id));
                        }
                        ids = removed;
                        let mut tx = self.write().await?;
                        let deleted = tx.builds_delete(&ids).await?;
                        tx.save().await?;
                        *counts.entry(kind).or_default() += deleted as i64;
                        deleted as i64
                    }
                    (RetentionKind::BuildLogs, Some(before)) => {
                        let ids = self.read().await?.build_logs_due(before, BATCH).await?;
                        self.logs_delete(&ids, now, sizes, counts, log_bytes).await?;
                        ids.len() as i64
                    }
                    (_, Some(before)) => {
                        let mut tx = self.write().await?;
                        let deleted = tx.delete_due(kind, before, BATCH).await? as i64;
                        tx.save().await?;
                        *counts.entry(kind).or_default() += deleted;
                        deleted
                    }
                    (_, None) => 0,
                };
                if found < BATCH {
                    break;
                }
                // Others have their turn at the database.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Deletes logs. The row says so first: a log that is gone without a word would be taken for a damaged one.
    async fn logs_delete(
        &self,
        ids: &[BuildId],
        now: i64,
        sizes: &HashMap<BuildId, i64>,
        counts: &mut HashMap<RetentionKind, i64>,
        bytes: &mut i64,
    ) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        let mut noted = vec![];
        for id in ids {
            if tx.build_log_deleted(*id, now).await? {
                noted.push(*id);
            }
        }
        tx.save().await?;
        for id in noted {
            if self.log_remove(id).await
                && let Some(size) = sizes.get(&id)
            {
                *counts.entry(RetentionKind::BuildLogs).or_default() += 1;
                *bytes += size;
            }
        }
        Ok(())
    }
}

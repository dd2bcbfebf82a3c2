//! The builder's cache: how large it is, and emptying it.

use prt_types::{
    audit::Outcome,
    builders::{BuilderCache, PrunedCache},
    workers::ContainerRole,
};
use serde_json::json;

use crate::{
    Orchestrator,
    engine::{ExecDone, ExecSpec, exec_collect},
    error::{Error, Result},
    op_context::OpContext,
    store::Worker,
};

/// One short line a record: size, and whether something uses it now.
const RECORD: &str = r#"{{range .}}{{.Size}} {{.InUse}}{{"\n"}}{{end}}"#;
/// Room for a million records.
const OUTPUT: usize = 16 * 1024 * 1024;

impl Orchestrator {
    /// How large the cache of a worker's builder is.
    pub async fn worker_cache(&self, cx: &OpContext, name: &str) -> Result<BuilderCache> {
        let worker = self.worker_with_builder(cx, name).await?;
        self.cache_of(&worker).await
    }

    /// Empties the cache of a worker's builder. Refused while a build runs there, which would be slower for it.
    pub async fn worker_cache_prune(&self, cx: &OpContext, name: &str) -> Result<PrunedCache> {
        let worker = self.worker_with_builder(cx, name).await?;
        if let Some(build) = self.read().await?.build_active(worker.id).await? {
            return Err(Error::Conflict {
                message: format!("Build #{} runs in {name}, and uses the cache.", build.number),
                hint: Some("Wait for its end or cancel it; then clear the cache.".into()),
            });
        }
        let before = self.cache_of(&worker).await?;
        self.in_builder(&worker, ["buildctl", "prune", "--all"]).await?;
        let left = self.cache_of(&worker).await?;
        let pruned = PrunedCache {
            freed_bytes: (before.total_bytes - left.total_bytes).max(0),
            left,
        };
        let mut tx = self.write().await?;
        let details = json!({ "before_bytes": before.total_bytes, "after_bytes": left.total_bytes });
        self.audit_add(&mut *tx, cx, "worker.cache_prune", name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        Ok(pruned)
    }

    async fn worker_with_builder(&self, cx: &OpContext, name: &str) -> Result<Worker> {
        let worker = self.worker_reachable(cx, name).await?;
        if worker.builder {
            Ok(worker)
        } else {
            Err(Error::field("worker", format!("{name} has no builder.")))
        }
    }

    async fn cache_of(&self, worker: &Worker) -> Result<BuilderCache> {
        let done = self.in_builder(worker, ["buildctl", "du", "--format", RECORD]).await?;
        sum(&String::from_utf8_lossy(&done.stdout))
            .ok_or_else(|| Error::bug("buildctl du prints something else than asked for"))
    }

    async fn in_builder<const N: usize>(&self, worker: &Worker, argv: [&str; N]) -> Result<ExecDone> {
        let done = exec_collect(
            &*self.inner.engine,
            worker.id,
            ContainerRole::Builder,
            ExecSpec::new(argv),
            OUTPUT,
        )
        .await?;
        if done.exit_code == 0 {
            return Ok(done);
        }
        let words = String::from_utf8_lossy(&done.stderr);
        Err(Error::Unavailable {
            message: format!("The builder of {} does not say: {}", worker.name(), words.trim()),
            hint: Some("It may be restarting; try again.".into()),
            source: None,
        })
    }
}

fn sum(records: &str) -> Option<BuilderCache> {
    let mut cache = BuilderCache {
        total_bytes: 0,
        reclaimable_bytes: 0,
        records: 0,
    };
    for record in records.lines().filter(|record| !record.trim().is_empty()) {
        let (size, used) = record.trim().split_once(' ')?;
        let size: i64 = size.parse().ok()?;
        cache.records += 1;
        cache.total_bytes += size;
        if used == "false" {
            cache.reclaimable_bytes += size;
        }
    }
    Some(cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_add_up() {
        let cache = sum("4096 false\n8192 true\n\n100 false\n").unwrap();
        assert_eq!(
            (cache.records, cache.total_bytes, cache.reclaimable_bytes),
            (3, 12_388, 4_196)
        );
        assert_eq!(sum("").unwrap().records, 0);
        assert_eq!(sum("ID\tRECLAIMABLE"), None);
    }
}

//! Worker sizes as admins read and change them.

use prt_types::{
    audit::Outcome,
    ids::WorkerSizeId,
    worker_sizes::{SecurityContext, WorkerSizeCloneRequest, WorkerSizeDetail, WorkerSizeInput},
};
use serde_json::json;

use super::{audience, grantee_names, validate::validate, view};
use crate::{
    Orchestrator,
    access::grantees,
    clock::new_id,
    error::{Error, Result},
    names::{Names, only},
    op_context::OpContext,
    orchestrator::Change,
    security_contexts::{self, gives_host},
    store::{Repository, StoreError, Worker, WorkerFilter, WorkerSize},
};

const KIND: &str = "worker size";

impl Orchestrator {
    /// All sizes. Admins only.
    pub async fn worker_size_list_all(&self, cx: &OpContext) -> Result<Vec<WorkerSizeDetail>> {
        self.admin(cx, "list all Worker Sizes", "worker_size.list").await?;
        let mut tx = self.read().await?;
        let sizes = tx.worker_sizes().await?;
        details(&mut *tx, sizes).await
    }

    /// One size. Admins only.
    pub async fn worker_size_get(&self, cx: &OpContext, id: WorkerSizeId) -> Result<WorkerSizeDetail> {
        self.admin(cx, "read Worker Sizes", "worker_size.get").await?;
        let mut tx = self.read().await?;
        let size = found(&mut *tx, id).await?;
        detail(&mut *tx, size).await
    }

    /// Adds a size. Admins only.
    pub async fn worker_size_create(&self, cx: &OpContext, input: WorkerSizeInput) -> Result<WorkerSizeDetail> {
        let result = self.worker_size_save(cx, None, &input).await;
        self.audit_refusal(cx, "worker_size.create", &input.name, result).await
    }

    /// Changes a size. Admins only. Running workers are left alone; new ones get the change.
    pub async fn worker_size_update(
        &self,
        cx: &OpContext,
        id: WorkerSizeId,
        input: WorkerSizeInput,
    ) -> Result<WorkerSizeDetail> {
        let result = self.worker_size_save(cx, Some(id), &input).await;
        self.audit_refusal(cx, "worker_size.update", &input.name, result).await
    }

    /// Adds a copy under another name that nobody has access to. Admins only.
    pub async fn worker_size_clone(
        &self,
        cx: &OpContext,
        id: WorkerSizeId,
        request: WorkerSizeCloneRequest,
    ) -> Result<WorkerSizeDetail> {
        let original = self.worker_size_get(cx, id).await?;
        let input = WorkerSizeInput {
            name: request.name,
            default: false,
            users: vec![],
            groups: vec![],
            revision: None,
            // Nobody gets access by a copy.
            confirm_privileged: true,
            ..original.into()
        };
        self.worker_size_create(cx, input).await
    }

    async fn worker_size_save(
        &self,
        cx: &OpContext,
        id: Option<WorkerSizeId>,
        input: &WorkerSizeInput,
    ) -> Result<WorkerSizeDetail> {
        cx.admin("change Worker Sizes")?;
        let now = self.now_ms();
        let mut tx = self.write().await?;
        let before = match id {
            Some(id) => Some(found(&mut *tx, id).await?),
            None => None,
        };
        if let (Some(before), Some(seen)) = (&before, input.revision)
            && before.revision != seen
        {
            return Err(changed_meanwhile());
        }
        self.worker_size_check(&mut *tx, input, before.as_ref()).await?;
        let after = WorkerSize {
            id: before
                .as_ref()
                .map_or_else(|| WorkerSizeId(new_id()), |before| before.id),
            name: input.name.trim().to_owned(),
            cpu_millis: input.cpu_millis,
            cpu_net_millis: input.cpu_net_millis,
            memory_mib: input.memory_mib,
            memory_net_mib: input.memory_net_mib,
            gpus: input.gpus,
            gpu_vram_gib: input.gpu_vram_gib,
            gpu_type: input.gpu_type.trim().to_owned(),
            node_selector: input.node_selector.clone(),
            security_context: input.security_context.clone(),
            // The first size is the default, there being no other.
            default: input.default || (before.is_none() && tx.worker_sizes().await?.is_empty()),
            grants: grantees(&mut *tx, &input.users, &input.groups).await?,
            revision: before.as_ref().map_or(1, |before| before.revision + 1),
            created_ms: before.as_ref().map_or(now, |before| before.created_ms),
            updated_ms: now,
        };
        check_privileged(&mut *tx, input, before.as_ref(), &after).await?;
        let was_default = before.as_ref().is_some_and(|before| before.default);
        let name_taken = |error| match error {
            StoreError::Unique(_) => Error::field("name", format!("The worker size {} exists already.", after.name)),
            error => error.into(),
        };
        let (action, details) = match before {
            None => {
                tx.worker_size_add(&after).await.map_err(name_taken)?;
                let after = facts(&mut *tx, &after).await?;
                ("worker_size.create", json!({ "after": after }))
            }
            Some(before) => {
                let before = facts(&mut *tx, &before).await?;
                if !tx.worker_size_update(&after).await.map_err(name_taken)? {
                    return Err(changed_meanwhile());
                }
                let after = facts(&mut *tx, &after).await?;
                ("worker_size.update", json!({ "before": before, "after": after }))
            }
        };
        if after.default && !was_default {
            tx.worker_size_only_default(after.id).await?;
        }
        self.audit_add(&mut *tx, cx, action, &after.name, Outcome::Done, details)
            .await?;
        let saved = detail(&mut *tx, after).await?;
        tx.save().await?;
        self.changed(None, Change::WorkerSizes);
        Ok(saved)
    }

    async fn worker_size_check(
        &self,
        tx: &mut dyn Repository,
        input: &WorkerSizeInput,
        before: Option<&WorkerSize>,
    ) -> Result<()> {
        let mut fields = validate(input);
        if let SecurityContext::Own(name) = &input.security_context
            && tx.security_context(name).await?.is_none()
        {
            fields.add("security_context", security_contexts::missing(name));
        }
        if before.is_some_and(|before| before.default) && !input.default {
            fields.add(
                "default",
                "One size is the default. Make another one the default, then this one is it no longer.",
            );
        }
        fields.check()
    }

    /// Removes a size that no worker runs on. Admins only.
    pub async fn worker_size_delete(&self, cx: &OpContext, id: WorkerSizeId) -> Result<()> {
        let result = self.worker_size_remove_checked(cx, id).await;
        self.audit_refusal(cx, "worker_size.delete", &id.to_string(), result)
            .await
    }

    async fn worker_size_remove_checked(&self, cx: &OpContext, id: WorkerSizeId) -> Result<()> {
        cx.admin("delete Worker Sizes")?;
        let mut tx = self.write().await?;
        let before = found(&mut *tx, id).await?;
        let workers = workers_on(&live_workers(&mut *tx).await?, &before);
        if !workers.is_empty() {
            return Err(Error::Conflict {
                message: format!("Workers run on the size {}: {}.", before.name, workers.join(", ")),
                hint: Some("Terminate them first, or take access away so that no new ones start.".into()),
            });
        }
        if before.default && tx.worker_sizes().await?.len() > 1 {
            return Err(Error::Conflict {
                message: format!("{} is the default size.", before.name),
                hint: Some("Make another one the default first.".into()),
            });
        }
        let details = json!({ "before": facts(&mut *tx, &before).await? });
        tx.worker_size_remove(id).await?;
        self.audit_add(&mut *tx, cx, "worker_size.delete", &before.name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        self.changed(None, Change::WorkerSizes);
        Ok(())
    }
}

/// Access to the host is given only by who says that it is meant: with the context, or to somebody who did not have it.
async fn check_privileged(
    tx: &mut dyn Repository,
    input: &WorkerSizeInput,
    before: Option<&WorkerSize>,
    after: &WorkerSize,
) -> Result<()> {
    if input.confirm_privileged || !gives_host(&security_contexts::rights(tx, &after.security_context).await?) {
        return Ok(());
    }
    let same = before.filter(|before| before.security_context == after.security_context);
    let more = match same {
        Some(before) => after.grants.iter().any(|grantee| !before.grants.contains(grantee)),
        None => true,
    };
    if !more {
        return Ok(());
    }
    let (users, groups) = grantee_names(tx, &after.grants).await?;
    let message = format!(
        "The security context {} is privileged: who starts a worker of this size has root on the host. Who could: {}. \
         Confirm that this is meant.",
        after.security_context.name(),
        audience(&users, &groups)
    );
    Err(Error::field("confirm_privileged", message))
}

async fn found(tx: &mut dyn Repository, id: WorkerSizeId) -> Result<WorkerSize> {
    tx.worker_size(id).await?.ok_or_else(|| Error::not_found(KIND, id))
}

/// The workers that hold resources of the engine, lowest number first.
async fn live_workers(tx: &mut dyn Repository) -> Result<Vec<Worker>> {
    let filter = WorkerFilter {
        live_only: true,
        ..WorkerFilter::default()
    };
    let mut workers = tx.workers(&filter).await?;
    workers.sort_by_key(|worker| worker.number);
    Ok(workers)
}

/// Names of those that were started with the size.
fn workers_on(live: &[Worker], size: &WorkerSize) -> Vec<String> {
    live.iter()
        .filter(|worker| worker.size_id.map_or(worker.size == size.name, |id| id == size.id))
        .map(Worker::name)
        .collect()
}

async fn detail(tx: &mut dyn Repository, size: WorkerSize) -> Result<WorkerSizeDetail> {
    only(details(tx, vec![size]).await?)
}

async fn details(tx: &mut dyn Repository, sizes: Vec<WorkerSize>) -> Result<Vec<WorkerSizeDetail>> {
    let names = Names::of(tx, sizes.iter().flat_map(|size| size.grants.clone()).collect()).await?;
    let live = live_workers(tx).await?;
    let detail = |size: WorkerSize| {
        let (users, groups) = names.sorted(&size.grants);
        WorkerSizeDetail {
            users,
            groups,
            workers: workers_on(&live, &size),
            revision: size.revision,
            updated_ms: size.updated_ms,
            size: view(size),
        }
    };
    Ok(sizes.into_iter().map(detail).collect())
}

/// For the audit log.
async fn facts(tx: &mut dyn Repository, size: &WorkerSize) -> Result<serde_json::Value> {
    let (users, groups) = grantee_names(tx, &size.grants).await?;
    Ok(json!({
        "size": view(size.clone()), "users": users, "groups": groups, "revision": size.revision,
    }))
}

fn changed_meanwhile() -> Error {
    Error::Conflict {
        message: "Somebody else changed this worker size after you opened it.".into(),
        hint: Some("Open it again to see the change, then make yours.".into()),
    }
}

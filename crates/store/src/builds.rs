//! Builds.

use async_trait::async_trait;
use prt_core::store::{Build, BuildFilter, BuildRepository, StoreResult};
use prt_types::{
    builds::BuildStatus,
    ids::{BuildId, WorkerId},
};
use sqlx::any::AnyRow;

use crate::{
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

const SELECT: &str = "SELECT b.id, b.number, b.worker_id, w.number AS worker_number, b.owner_id, u.username AS owner, b.door, \
    b.name, b.tag, b.push_image, b.build_args, b.credentials, b.credentials_sealed, b.insecure_registry, b.no_cache, b.context, \
    b.dockerfile, b.dockerfile_text, b.additional_build_params, b.custom_build_command, b.context_id, b.options, b.status, b.reason, b.message, b.step, b.digest, b.rerun_of, b.cancel_requested, \
    b.created_ms, b.started_ms, b.ended_ms, b.steps, b.steps_cached, b.lines, b.pinned, b.log_deleted_ms \
    FROM builds b JOIN workers w ON w.id = b.worker_id JOIN users u ON u.id = b.owner_id";

const INSERT: &str = "INSERT INTO builds (id, door, name, tag, push_image, build_args, credentials, credentials_sealed, \
    insecure_registry, no_cache, context, dockerfile, dockerfile_text, status, reason, message, step, digest, rerun_of, \
    cancel_requested, created_ms, started_ms, ended_ms, steps, steps_cached, lines, additional_build_params, custom_build_command, context_id, options, number, worker_id, owner_id) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, \
    $26, $27, $28, $29, $30, $31, $32, $33)";

/// All but what makes it this build (id, number, worker and owner) and what retention does with it.
const UPDATE: &str = "UPDATE builds SET door = $2, name = $3, tag = $4, push_image = $5, build_args = $6, credentials = $7, \
    credentials_sealed = $8, insecure_registry = $9, no_cache = $10, context = $11, dockerfile = $12, dockerfile_text = $13, \
    status = $14, reason = $15, message = $16, step = $17, digest = $18, rerun_of = $19, cancel_requested = $20, \
    created_ms = $21, started_ms = $22, ended_ms = $23, steps = $24, steps_cached = $25, lines = $26, \
    additional_build_params = $27, custom_build_command = $28, context_id = $29, options = $30 \
    WHERE id = $1 AND status IN (";

/// Word for word the condition of the index `builds_active`.
const AND_ACTIVE: &str = " AND b.status IN ('Pending', 'Running', 'Canceling')";

fn read(row: &AnyRow) -> StoreResult<Build> {
    let row = Row::of("builds", row);
    Ok(Build {
        id: row.id("id")?,
        number: row.int("number")?,
        worker_id: row.id("worker_id")?,
        worker_number: row.int("worker_number")?,
        owner_id: row.id("owner_id")?,
        owner: row.text("owner")?,
        door: row.word("door")?,
        name: row.text("name")?,
        tag: row.text("tag")?,
        push_image: row.flag("push_image")?,
        build_args: row.json("build_args")?,
        credentials: row.json("credentials")?,
        credentials_sealed: row.maybe_bytes("credentials_sealed")?,
        insecure_registry: row.flag("insecure_registry")?,
        no_cache: row.flag("no_cache")?,
        context_id: row.text("context_id")?,
        context: row.text("context")?,
        dockerfile: row.text("dockerfile")?,
        dockerfile_text: row.text("dockerfile_text")?,
        additional_build_params: row.text("additional_build_params")?,
        custom_build_command: row.text("custom_build_command")?,
        options: row.json("options")?,
        status: row.word("status")?,
        reason: row.maybe_word("reason")?,
        message: row.text("message")?,
        step: row.maybe_text("step")?,
        digest: row.maybe_text("digest")?,
        rerun_of: row.maybe_int("rerun_of")?,
        cancel_requested: row.flag("cancel_requested")?,
        created_ms: row.int("created_ms")?,
        started_ms: row.maybe_int("started_ms")?,
        ended_ms: row.maybe_int("ended_ms")?,
        steps: row.int("steps")?,
        steps_cached: row.int("steps_cached")?,
        lines: row.int("lines")?,
        pinned: row.flag("pinned")?,
        log_deleted_ms: row.maybe_int("log_deleted_ms")?,
    })
}

/// `$1` to `$30`.
fn bind(statement: Statement, build: &Build) -> StoreResult<Statement> {
    statement
        .id(build.id)
        .word(build.door)
        .text(&build.name)
        .text(&build.tag)
        .flag(build.push_image)
        .json(&build.build_args)?
        .json(&build.credentials)?
        .maybe_bytes(build.credentials_sealed.as_deref())
        .flag(build.insecure_registry)
        .flag(build.no_cache)
        .text(&build.context)
        .text(&build.dockerfile)
        .text(&build.dockerfile_text)
        .word(build.status)
        .maybe_word(build.reason)
        .text(&build.message)
        .maybe_text(build.step.as_deref())
        .maybe_text(build.digest.as_deref())
        .maybe_int(build.rerun_of)
        .flag(build.cancel_requested)
        .int(build.created_ms)
        .maybe_int(build.started_ms)
        .maybe_int(build.ended_ms)
        .int(build.steps)
        .int(build.steps_cached)
        .int(build.lines)
        .text(&build.additional_build_params)
        .text(&build.custom_build_command)
        .text(&build.context_id)
        .json(&build.options)
}

#[async_trait]
impl BuildRepository for AnyRepository {
    async fn build_next_number(&mut self) -> StoreResult<i64> {
        self.next_number("builds").await
    }

    async fn build_add(&mut self, build: &Build) -> StoreResult<()> {
        self.run(
            bind(sql(INSERT), build)?
                .int(build.number)
                .id(build.worker_id)
                .id(build.owner_id),
        )
        .await
        .map(drop)
    }

    async fn build_update_from(&mut self, build: &Build, from: &[BuildStatus]) -> StoreResult<bool> {
        let Some((first, others)) = from.split_first() else {
            return Ok(false);
        };
        let mut update = bind(sql(UPDATE), build)?.place().word(*first);
        for status in others {
            update = update.push(", ").place().word(*status);
        }
        Ok(self.run(update.push(")")).await? > 0)
    }

    async fn build(&mut self, id: BuildId) -> StoreResult<Option<Build>> {
        self.one(sql(SELECT).push(" WHERE b.id = $1").id(id), read).await
    }

    async fn build_by_number(&mut self, number: i64) -> StoreResult<Option<Build>> {
        self.one(sql(SELECT).push(" WHERE b.number = $1").int(number), read)
            .await
    }

    async fn builds(&mut self, filter: &BuildFilter) -> StoreResult<Vec<Build>> {
        let mut select = sql(SELECT).push(" WHERE 1 = 1");
        if let Some(owner) = filter.owner {
            select = select.push(" AND b.owner_id = ").place().id(owner);
        }
        if let Some(worker) = filter.worker {
            select = select.push(" AND b.worker_id = ").place().id(worker);
        }
        if let Some(status) = filter.status {
            select = select.push(" AND b.status = ").place().word(status);
        }
        if filter.active_only {
            select = select.push(AND_ACTIVE);
        }
        if let Some(before) = filter.before {
            select = select.push(" AND b.number < ").place().int(before);
        }
        self.all(select.push(" ORDER BY b.number DESC").limit(filter.limit), read)
            .await
    }

    async fn build_active(&mut self, worker: WorkerId) -> StoreResult<Option<Build>> {
        self.one(
            sql(SELECT).push(" WHERE b.worker_id = $1").push(AND_ACTIVE).id(worker),
            read,
        )
        .await
    }
}

//! A build as others see it.

use prt_types::builds::BuildView;

use crate::{logs::Position, store::Build};

use super::runs::Live;

/// The view of a row. `position` and `live` are what is newer than the row.
pub(super) fn view(build: Build, position: Option<Position>, live: Option<Live>) -> BuildView {
    let (steps, steps_cached) = match live {
        Some(live) if !build.status.is_final() => (live.steps, live.steps_cached),
        _ => (build.steps, build.steps_cached),
    };
    let position = position.unwrap_or_default();
    BuildView {
        number: build.number,
        id: build.id,
        worker: format!("Worker-{}", build.worker_number),
        owner: build.owner,
        door: build.door,
        reference: format!("{}:{}", build.name, build.tag),
        name: build.name,
        tag: build.tag,
        push_image: build.push_image,
        build_args: build.build_args,
        credentials: build.credentials,
        insecure_registry: build.insecure_registry,
        no_cache: build.no_cache,
        context_id: build.context_id,
        context: build.context,
        dockerfile: build.dockerfile,
        additional_build_params: build.additional_build_params,
        custom_build_command: build.custom_build_command,
        dockerfile_text: build.dockerfile_text,
        lines: if build.status.is_final() {
            build.lines
        } else {
            position.last_line as i64
        },
        status: build.status,
        reason: build.reason,
        message: build.message,
        step: build.step,
        digest: build.digest,
        rerun_of: build.rerun_of,
        created_ms: build.created_ms,
        started_ms: build.started_ms,
        ended_ms: build.ended_ms,
        steps,
        steps_cached,
        last_seq: position.last_seq,
    }
}
